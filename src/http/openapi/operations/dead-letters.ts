import { redriveSchema } from '../../../model/definition-schema.js';
import { bulkRedriven, deadLetterList, redriven, succeeded } from '../answers.js';
import type { Operation } from '../operation.js';
import { CURSOR, ERROR_CODE, FAILED_AFTER, HANDLER, LIMIT, WORKFLOW_ID } from '../parameters.js';
import { bulkFilterSchema } from '../requests.js';

const tag = 'Dead letters';
const PATH = '/api/v1/admin/dlq';

export const listDeadLetters = {
  ...{ id: 'listDeadLetters', tag, method: 'GET', pattern: PATH },
  summary: 'List dead letters, newest first',
  access: 'admin',
  parameters: [HANDLER, ERROR_CODE, WORKFLOW_ID, FAILED_AFTER, LIMIT, CURSOR],
  answers: { 200: { description: 'One page.', schema: deadLetterList } },
} as const satisfies Operation;

export const retryDeadLetters = {
  ...{ id: 'retryDeadLetters', tag, method: 'POST', pattern: `${PATH}/retry` },
  summary: 'Retry all dead letters that match',
  description: 'Without a body: all.',
  access: 'admin',
  body: { schema: bulkFilterSchema, isRequired: false, examples: { ofHandler: { handler: 'call_llm' } } },
  answers: { 200: { description: 'How many were retried.', schema: bulkRedriven } },
  errors: ['OVERLOADED'],
} as const satisfies Operation;

export const retryDeadLetter = {
  ...{ id: 'retryDeadLetter', tag, method: 'POST', pattern: `${PATH}/{id}/retry` },
  summary: 'Retry a dead letter',
  description: 'Revives all dead nodes of its execution; a config given here applies to this one.',
  access: 'admin',
  body: { schema: redriveSchema, isRequired: false, examples: { config: { config: { timeout: 5 } } } },
  answers: { 200: { description: 'Its execution goes on.', schema: redriven } },
  errors: [
    ...(['DLQ_ENTRY_NOT_FOUND', 'INVALID_NODE', 'INVALID_TEMPLATE_REFERENCE'] as const),
    ...(['INVALID_STATUS_TRANSITION', 'OVERLOADED'] as const),
  ],
} as const satisfies Operation;

export const deleteDeadLetter = {
  ...{ id: 'deleteDeadLetter', tag, method: 'DELETE', pattern: `${PATH}/{id}` },
  summary: 'Forget a dead letter',
  access: 'admin',
  answers: { 200: { description: 'It is gone.', schema: succeeded } },
  errors: ['DLQ_ENTRY_NOT_FOUND'],
} as const satisfies Operation;
