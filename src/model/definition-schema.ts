import { MAX_NODE_ID_LENGTH } from './placeholder.js';

/** Longest time-out of a node or a workflow: ten years, which any timer arithmetic in milliseconds can bear. */
export const MAX_TIMEOUT_SECONDS = 315_360_000;
const MAX_INTERVAL_MS = 86_400_000;

const timeoutSeconds = (description: string) =>
  ({ type: ['number', 'null'], exclusiveMinimum: 0, maximum: MAX_TIMEOUT_SECONDS, description }) as const;

const paramsSchema = {
  type: ['object', 'null'],
  description: 'Trigger parameters, read by {{ params.key }}. Absent or null: {}.',
} as const;

const triggerFlagSchema = {
  type: ['boolean', 'null'],
  default: false,
  description: 'Start at once; otherwise the execution is PENDING until it is triggered.',
} as const;

const callbackUrlSchema = {
  type: ['string', 'null'],
  maxLength: 2048,
  format: 'uri',
  pattern: '^[Hh][Tt][Tt][Pp][Ss]?://',
  description:
    'Told the end by a signed POST of what a read of the status answers, at least once. Needs CALLBACK_SECRET.',
} as const;

export const retrySchema = {
  type: ['object', 'null'],
  description: "When a failed attempt is tried again; what is not named comes from the server's defaults.",
  properties: {
    max_attempts: {
      type: ['integer', 'null'],
      minimum: 1,
      maximum: 1000,
      description: 'Attempts in all, the first included.',
    },
    initial_interval_ms: { type: ['integer', 'null'], minimum: 0, maximum: MAX_INTERVAL_MS },
    backoff_coefficient: { type: ['number', 'null'], minimum: 1, maximum: 100 },
    max_interval_ms: { type: ['integer', 'null'], minimum: 0, maximum: MAX_INTERVAL_MS },
    jitter: {
      type: ['number', 'null'],
      minimum: 0,
      maximum: 1,
      description: 'Share of the interval that is drawn at random.',
    },
    non_retryable: {
      type: ['array', 'null'],
      maxItems: 100,
      items: { type: 'string', minLength: 1, maxLength: 128 },
      description: 'Error codes that end the node at once.',
    },
  },
} as const;

/** JSON Schema (draft 2020-12) of one node. Fields that it does not name are ignored; null means absent where it may stand. */
export const nodeSchema = {
  type: 'object',
  required: ['id', 'handler'],
  properties: {
    id: {
      type: 'string',
      minLength: 1,
      maxLength: MAX_NODE_ID_LENGTH,
      pattern: '^[A-Za-z0-9_.-]*$',
      description: 'Unique in the DAG; not params, secrets or __proto__.',
    },
    handler: { type: 'string', minLength: 1, maxLength: 255 },
    dependencies: {
      type: ['array', 'null'],
      items: { type: 'string' },
      description:
        'Ids of the nodes that must be completed or skipped first. One that is named twice counts once.',
    },
    config: { type: 'object', description: "The handler's input; strings may hold {{ placeholders }}." },
    condition: { type: ['string', 'null'], description: 'The node is skipped where this is false.' },
    timeout_seconds: timeoutSeconds('Bound of one attempt.'),
    queue: {
      type: ['string', 'null'],
      minLength: 1,
      maxLength: 128,
      pattern: '^[A-Za-z0-9_.-]*$',
      default: 'default',
    },
    retry: retrySchema,
  },
} as const;

/** JSON Schema (draft 2020-12) of a submission. Fields that it does not name are ignored. */
export const submissionSchema = {
  type: 'object',
  required: ['name', 'dag'],
  properties: {
    name: { type: 'string', minLength: 1, maxLength: 255 },
    timeout_seconds: timeoutSeconds('Bound of an execution, from its start.'),
    dag: {
      type: 'object',
      required: ['nodes'],
      properties: {
        nodes: {
          type: 'array',
          items: nodeSchema,
          description: 'At least one; their dependencies form no cycle.',
        },
      },
    },
    trigger: triggerFlagSchema,
    params: paramsSchema,
    idempotency_key: {
      type: ['string', 'null'],
      minLength: 1,
      maxLength: 255,
      description: 'In a batch: stands in for the Idempotency-Key header of this item.',
    },
    callback_url: callbackUrlSchema,
  },
} as const;

/** JSON Schema (draft 2020-12) of the optional body of a trigger. */
export const triggerSchema = { type: 'object', properties: { params: paramsSchema } } as const;

/** JSON Schema (draft 2020-12) of the optional body that runs a known workflow again. */
export const rerunSchema = {
  type: 'object',
  properties: { params: paramsSchema, trigger: triggerFlagSchema, callback_url: callbackUrlSchema },
} as const;

/** JSON Schema (draft 2020-12) of the optional body that retries a dead letter. */
export const redriveSchema = {
  type: 'object',
  properties: {
    config: {
      type: ['object', 'null'],
      description: "Replaces the node's config for this run. Absent or null: as defined.",
    },
  },
} as const;
