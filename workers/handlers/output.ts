import { defineHandler } from '../define-handler.js';

export const output = defineHandler({
  name: 'output',
  run: ({ config }) => ({ aggregated: true, config }),
});
