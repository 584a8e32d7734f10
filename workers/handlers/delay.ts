import { defineHandler } from '../define-handler.js';
import { DurableSleep } from '../durable-sleep.js';

/** Ten years, as for time-outs: due times stay exact. */
const MAX_SECONDS = 10 * 365 * 86_400;

/** A durable timer; its output says how long it was. */
export const delay = defineHandler<{ readonly seconds: number }>({
  name: 'delay',
  configSchema: {
    type: 'object',
    required: ['seconds'],
    properties: { seconds: { type: 'number', minimum: 0, maximum: MAX_SECONDS } },
  },
  run: ({ config: { seconds } }) => new DurableSleep(seconds * 1000, { delayed_seconds: seconds }),
});
