import { defineHandler } from '../define-handler.js';

export const echo = defineHandler({ name: 'echo', run: ({ config }) => config });
