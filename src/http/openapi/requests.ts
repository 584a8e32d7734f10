import {
  nodeSchema,
  redriveSchema,
  rerunSchema,
  retrySchema,
  submissionSchema,
  triggerSchema,
} from '../../model/definition-schema.js';
import { UUID_PATTERN } from '../../model/ids.js';
import { INSTANT_PATTERN } from '../instant.js';
import type { JsonSchema } from './json-schema.js';

/** Most items of one batch call. */
export const MAX_BATCH_ITEMS = 1000;

export const executionIdsSchema = {
  type: 'object',
  required: ['execution_ids'],
  properties: {
    execution_ids: {
      type: 'array',
      maxItems: MAX_BATCH_ITEMS,
      items: { type: 'string' },
      description: 'Answered one by one, in order; one that is no id is answered as one that is unknown.',
    },
  },
} as const;

const filterText = (description: string, pattern?: string) =>
  ({ type: ['string', 'null'], minLength: 1, description, ...(pattern && { pattern }) }) as const;

/** A misspelt filter would leave nothing out, and so redrive everything: no other field is taken. */
export const bulkFilterSchema = {
  type: 'object',
  properties: {
    handler: filterText('Only nodes of this handler.'),
    error_code: filterText('Only nodes that failed with this code.'),
    workflow_id: filterText('Only nodes of this workflow.', UUID_PATTERN),
    failed_after: filterText(
      'ISO 8601, UTC where it names no offset: only what failed later.',
      INSTANT_PATTERN,
    ),
  },
  additionalProperties: false,
} as const;

export const batchSchema = {
  type: 'array',
  maxItems: MAX_BATCH_ITEMS,
  items: submissionSchema,
} as const;

/** Under these names they stand in the document. */
export const REQUEST_SCHEMAS: Readonly<Record<string, JsonSchema>> = {
  Submission: submissionSchema,
  Node: nodeSchema,
  RetryPolicy: retrySchema,
  Batch: batchSchema,
  TriggerBody: triggerSchema,
  RerunBody: rerunSchema,
  RedriveBody: redriveSchema,
  BulkFilter: bulkFilterSchema,
  ExecutionIds: executionIdsSchema,
};
