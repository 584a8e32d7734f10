import { batchOf, execution, submitted, succeeded, triggered } from '../answers.js';
import { SUBMISSION, UNKNOWN_EXECUTION } from '../examples.js';
import type { Operation } from '../operation.js';
import { TRACEPARENT, TRACESTATE } from '../parameters.js';
import { batchSchema, executionIdsSchema } from '../requests.js';

const tag = 'Batches';
const description = 'A refused item does not touch its neighbours.';
const ids = {
  schema: executionIdsSchema,
  isRequired: true,
  examples: { one: { execution_ids: [UNKNOWN_EXECUTION] } },
} as const;

export const submitBatch = {
  ...{ id: 'submitBatch', tag, method: 'POST', pattern: '/api/v1/workflow/batch', description },
  summary: 'Submit many workflows',
  ...{ access: 'submit', cost: 'each_item' },
  parameters: [TRACEPARENT, TRACESTATE],
  body: {
    schema: batchSchema,
    isRequired: true,
    examples: { two: [SUBMISSION, { ...SUBMISSION, idempotency_key: 'order-4711' }] },
    also: 'application/x-ndjson',
  },
  answers: { 200: { description: 'One answer for each item.', schema: batchOf(submitted) } },
  errors: ['OVERLOADED'],
} as const satisfies Operation;

export const triggerBatch = {
  ...{ id: 'triggerBatch', tag, method: 'POST', pattern: '/api/v1/workflow/batch/trigger', description },
  summary: 'Start many executions',
  ...{ access: 'submit', body: ids },
  parameters: [TRACEPARENT, TRACESTATE],
  answers: { 200: { description: 'One answer for each id.', schema: batchOf(triggered) } },
} as const satisfies Operation;

export const readBatch = {
  ...{ id: 'readBatch', tag, method: 'POST', pattern: '/api/v1/workflow/batch/status', description },
  summary: 'Read the status of many executions',
  ...{ access: 'read', body: ids },
  answers: { 200: { description: 'One answer for each id.', schema: batchOf(execution) } },
} as const satisfies Operation;

export const cancelBatch = {
  ...{ id: 'cancelBatch', tag, method: 'POST', pattern: '/api/v1/workflow/batch/cancel', description },
  summary: 'Cancel many executions',
  ...{ access: 'submit', body: ids },
  answers: { 200: { description: 'One answer for each id.', schema: batchOf(succeeded) } },
} as const satisfies Operation;
