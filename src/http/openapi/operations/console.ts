import type { JsonSchema } from '../json-schema.js';
import type { Operation } from '../operation.js';

const tag = 'Service';
const content: JsonSchema = { type: 'string' };
const UNCHANGED = { description: 'The client has it: its `If-None-Match` names this `ETag`.' };

export const readConsole = {
  ...{ id: 'readConsole', tag, method: 'GET', pattern: '/', access: 'open' },
  summary: 'The console: web pages over this API',
  description:
    'On hosts with the role api. The pages hold no data; they call the API with the key that is typed in.',
  answers: {
    200: { description: 'The page.', schema: content, type: 'text/html' },
    304: UNCHANGED,
  },
  errors: ['NOT_FOUND'],
} as const satisfies Operation;

export const readConsoleFile = {
  ...{ id: 'readConsoleFile', tag, method: 'GET', pattern: '/console/{file}', access: 'open' },
  summary: 'A file of the console',
  answers: { 200: { description: 'Its content.', schema: content, type: '*/*' }, 304: UNCHANGED },
  errors: ['NOT_FOUND'],
} as const satisfies Operation;
