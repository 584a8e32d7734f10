import { defineHandler } from '../define-handler.js';

/** Hands its config on; a field `initialized` of the config wins. */
export const input = defineHandler({
  name: 'input',
  run: ({ config }) => ({ initialized: true, ...config }),
});
