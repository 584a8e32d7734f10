import { ERROR_CATEGORIES } from '../../model/errors.js';
import { API_EXECUTION_STATUS, API_NODE_STATUS, NODE_STATES } from '../../model/states.js';
import type { JsonSchema } from './json-schema.js';

const UUID = { type: 'string', format: 'uuid' } as const;
const TIME = { type: 'string', format: 'date-time' } as const;
const TIME_OR_NULL = { type: ['string', 'null'], format: 'date-time' } as const;
const TEXT = { type: 'string' } as const;
const COUNT = { type: 'integer', minimum: 0 } as const;
const AMOUNT = { type: 'number', minimum: 0 } as const;

/** An object that has all of these fields; later versions may add others. */
export function record(
  properties: Readonly<Record<string, JsonSchema>>,
  rest: { readonly optional?: readonly string[]; readonly description?: string } = {},
): JsonSchema {
  const { optional = [], ...others } = rest;
  const required = Object.keys(properties).filter((name) => !optional.includes(name));
  return { type: 'object', required, properties, ...others };
}

function mapOf(values: JsonSchema, description: string): JsonSchema {
  return { type: 'object', additionalProperties: values, description };
}

export const executionStatus: JsonSchema = { type: 'string', enum: Object.values(API_EXECUTION_STATUS) };
const nodeStatus: JsonSchema = { type: 'string', enum: [...new Set(Object.values(API_NODE_STATUS))] };
const nodeState: JsonSchema = { type: 'string', enum: NODE_STATES.map((state) => state.toUpperCase()) };

export const nodeError = record(
  {
    message: TEXT,
    error_code: { type: 'string', description: "One of docs/errors.md, or a handler's own." },
    category: { type: 'string', enum: [...ERROR_CATEGORIES] },
    traceback_hash: { type: ['string', 'null'] },
  },
  { description: 'Why a node or an execution failed.' },
);
const errorOrNull: JsonSchema = { anyOf: [nodeError, { type: 'null' }] };

export const submitted = record({ workflow_id: UUID, execution_id: UUID, message: TEXT });
export const triggered = record({ execution_id: UUID, message: TEXT });
export const succeeded = record({ status: { const: 'success' }, message: TEXT });
export const redriven = record({ status: { const: 'success' }, message: TEXT, task_id: TEXT });
export const bulkRedriven = record({ retried: COUNT });

const times = { created_at: TIME, started_at: TIME_OR_NULL, finished_at: TIME_OR_NULL, error: errorOrNull };

const failedAttempt = record({
  ...{ attempt: COUNT, host: TEXT, started_at: TIME, finished_at: TIME },
  error: nodeError,
});
export const nodeDetail = record({
  ...{ state: nodeState, attempt: COUNT, host: { type: ['string', 'null'] } },
  ...{ queued_at: TIME_OR_NULL, started_at: TIME_OR_NULL, finished_at: TIME_OR_NULL },
  due_at: { ...TIME_OR_NULL, description: 'When a delayed node goes on.' },
  error: errorOrNull,
  failures: { type: 'array', items: failedAttempt },
});
export const execution = record(
  {
    ...{ execution_id: UUID, workflow_id: UUID, status: executionStatus },
    node_statuses: mapOf(nodeStatus, 'By node id.'),
    ...{ name: TEXT, ...times },
    params: { type: 'object', description: 'As the trigger gave them; with `?detail=nodes`.' },
    nodes: mapOf(nodeDetail, 'By node id; with `?detail=nodes`.'),
  },
  { optional: ['params', 'nodes'] },
);
export const executionSummary = record({
  ...{ execution_id: UUID, workflow_id: UUID, name: TEXT, status: executionStatus },
  ...times,
});
const nextCursor: JsonSchema = { type: ['string', 'null'], description: 'null: this was the last page.' };
export const executionList = record({
  executions: { type: 'array', items: executionSummary },
  next_cursor: nextCursor,
});
export const results = record({
  ...{ execution_id: UUID, workflow_id: UUID },
  outputs: { type: 'object', description: 'By node id; a node without an output is absent.' },
});

const nodeReason = record(
  {
    state: nodeState,
    reason: {
      type: 'string',
      enum: [
        ...['not_triggered', 'waiting_for_parents', 'in_queue', 'no_host_for_queue', 'no_host_for_handler'],
        ...['backing_off', 'circuit_open', 'sleeping', 'running', 'host_gone'],
      ],
    },
    message: TEXT,
    parents: { type: 'array', items: TEXT, description: 'The first 100.' },
    parent_count: COUNT,
    queue: TEXT,
    queue_depth: { ...COUNT, description: 'Ready tasks in the queue, of all executions.' },
    handler: TEXT,
    host: TEXT,
    since: TIME_OR_NULL,
    until: TIME_OR_NULL,
  },
  {
    optional: [...['parents', 'parent_count', 'queue', 'queue_depth', 'handler', 'host', 'since', 'until']],
  },
);
export const explanation = record({
  ...{ execution_id: UUID, workflow_id: UUID, status: executionStatus },
  nodes: mapOf(nodeReason, 'Unfinished nodes by their ids.'),
});

/** Data of the events `execution` and `end` of a stream; that of `snapshot` is an execution. */
export const executionEvent = record({
  ...{ execution_id: UUID, workflow_id: UUID, status: executionStatus, name: TEXT },
  ...times,
});
/** Data of the event `node`. */
export const nodeEvent = record({
  ...{ execution_id: UUID, node_id: TEXT, status: nodeStatus, state: nodeState, attempt: COUNT },
  host: { type: ['string', 'null'] },
  ...{ queued_at: TIME_OR_NULL, started_at: TIME_OR_NULL, finished_at: TIME_OR_NULL, due_at: TIME_OR_NULL },
  error: errorOrNull,
});

export const deadLetter = record({
  ...{ id: TEXT, task_id: { ...TEXT, description: '`execution_id:node_id`' }, execution_id: UUID },
  ...{ node_id: TEXT, handler: TEXT, error_message: TEXT },
  retry_count: { ...COUNT, description: 'Attempts that were made, less one.' },
  ...{ original_timestamp: TIME, failed_at: TIME },
  error_detail: record({ ...(nodeError.properties as Record<string, JsonSchema>), timestamp: TIME }),
  attempts: COUNT,
  config: {
    type: ['object', 'null'],
    description: 'What the last attempt was given, placeholders resolved; null where it is long.',
  },
});
export const deadLetterList = record({
  entries: { type: 'array', items: deadLetter },
  count: COUNT,
  next_cursor: nextCursor,
});

const circuit = record({
  ...{ name: TEXT, handler: TEXT, origin: TEXT },
  state: { type: 'string', enum: ['CLOSED', 'OPEN', 'HALF_OPEN'] },
  ...{ failure_count: COUNT, refused_count: COUNT, opened_at: TIME_OR_NULL, retry_at: TIME_OR_NULL },
});
export const circuitList = record({ circuits: { type: 'array', items: circuit }, count: COUNT });
export const circuitReset = record({ status: { const: 'success' }, message: TEXT, name: TEXT });

export const health = record({
  ...{ status: { type: 'string', enum: ['healthy', 'degraded'] }, timestamp: TIME, version: TEXT },
  dependencies: mapOf({ type: 'string', enum: ['healthy', 'unhealthy'] }, 'The stores.'),
  mode: { type: 'string', enum: ['embedded', 'distributed'] },
  durability: { type: 'string', description: 'What an acknowledgement rests on, in words.' },
});
export const liveness = record({ status: { const: 'alive' } });
export const readiness = record({ status: { type: 'string', enum: ['ready', 'not_ready'] } });

const figures = {
  ...{ count: COUNT, mean: AMOUNT, p50: AMOUNT, p90: AMOUNT, p95: AMOUNT, p99: AMOUNT, p99_9: AMOUNT },
  max: AMOUNT,
};
const latency = record(figures, { description: 'In milliseconds; zeros where nothing was recorded.' });
const latencyCurve = record(
  {
    ...figures,
    curve: {
      type: 'array',
      description: 'Pairs of percentile and milliseconds, both growing; empty where nothing was recorded.',
      items: {
        type: 'array',
        prefixItems: [{ type: 'number', minimum: 0, maximum: 100 }, AMOUNT],
        items: false,
      },
    },
    histogram: {
      ...TEXT,
      description: 'HdrHistogram of microseconds: V2, compressed, base64. With `?include=histogram`.',
    },
  },
  { optional: ['histogram'] },
);
const STAGES = ['submit', 'queue_wait', 'run', 'trigger_to_end', 'store_call', 'end_to_record'] as const;
const ofEachStage = (schema: JsonSchema) =>
  record(Object.fromEntries(STAGES.map((stage) => [stage, schema])));
const latencyWindow = record({
  seconds: { ...AMOUNT, description: 'How long ago the window begins.' },
  stages: ofEachStage(latencyCurve),
});
export const latencyTable = record({
  unit: { const: 'ms' },
  windows: record(
    { '1m': latencyWindow, '5m': latencyWindow, start: latencyWindow },
    { optional: ['1m', '5m', 'start'], description: 'The one that was asked for, or all.' },
  ),
});
const host = record({
  ...{ id: TEXT, roles: { type: 'array', items: TEXT } },
  queues: { type: ['array', 'null'], items: TEXT, description: 'null: every queue.' },
  handlers: { type: 'array', items: TEXT, description: "The user's own." },
  ...{ worker_threads: COUNT, running_tasks: COUNT, started_at: TIME, last_seen_at: TIME },
});
export const stats = record(
  {
    executions: record({ pending: COUNT, running: COUNT }),
    tasks: record({ ready: COUNT, leased: COUNT, delayed: COUNT }),
    queues: mapOf(record({ ready: COUNT }), 'Queues in which tasks wait.'),
    ...{ oldest_ready_seconds: AMOUNT, outbox_events: COUNT, event_streams: COUNT },
    callbacks_pending: {
      type: ['integer', 'null'],
      minimum: 0,
      description: 'Callbacks still to be made, counted up to 10,000; null where this host makes none.',
    },
    worker_threads: record({
      ...{ count: COUNT, running_tasks: COUNT },
      capacity: { ...COUNT, description: 'Tasks that run at once at most.' },
      replaced: record({ timeout: COUNT, crash: COUNT }),
    }),
    circuits: record({ closed: COUNT, open: COUNT, half_open: COUNT, opened: COUNT, refused: COUNT }),
    hosts: { type: 'array', items: host },
    totals: record({ submissions: COUNT, completed: COUNT, failed: COUNT, cancelled: COUNT }),
    rates_per_second: record(
      {
        ...{ submissions: AMOUNT, completions: AMOUNT, completed: AMOUNT, failed: AMOUNT },
        ...{ cancelled: AMOUNT, node_executions: AMOUNT },
      },
      { description: 'Over the last ten seconds; completions are those of every status.' },
    ),
    outbox_lag_seconds: {
      ...AMOUNT,
      description: 'Age of the oldest change that this host has still to record.',
    },
    latency_ms: ofEachStage(latency),
  },
  {
    description:
      'Depths are of the whole store; threads, totals, rates and latencies are of the answering host.',
  },
);

const place: JsonSchema = { type: 'string', description: 'JSON pointer (RFC 6901).' };
export const problem = record(
  {
    path: place,
    message: TEXT,
    type: { type: 'string', description: 'The kind of fault, for programs.' },
    in: { type: 'string', enum: ['query', 'header'], description: 'Absent: the body.' },
  },
  { optional: ['type', 'in'], description: 'One thing that is wrong.' },
);
export const error = record({
  error: record({ message: TEXT, error_code: TEXT, context: { type: 'object' } }),
  detail: { type: 'string', description: 'The message again.' },
});
export const validationError = record({
  error: record({
    ...{ message: TEXT, error_code: { const: 'VALIDATION_ERROR' } },
    context: record(
      { errors: { type: 'array', items: problem }, error_count: COUNT },
      { optional: ['error_count'] },
    ),
  }),
  detail: {
    type: 'array',
    items: record({
      type: TEXT,
      loc: { type: 'array', items: { type: ['string', 'integer'] } },
      msg: TEXT,
    }),
  },
});
export const rateLimitError = record({
  detail: { type: 'string', examples: ['Rate limit exceeded. Retry after 12 seconds.'] },
});

export function batchOf(answer: JsonSchema): JsonSchema {
  return record({
    results: {
      type: 'array',
      description: 'For each item, in order, what its single call would answer.',
      items: { anyOf: [answer, error, validationError, rateLimitError] },
    },
  });
}

/** Under these names they stand in the document. */
export const ANSWER_SCHEMAS: Readonly<Record<string, JsonSchema>> = {
  ...{ ExecutionStatus: executionStatus, NodeStatus: nodeStatus, NodeState: nodeState, NodeError: nodeError },
  ...{ Submitted: submitted, Triggered: triggered, Succeeded: succeeded, Redriven: redriven },
  ...{ FailedAttempt: failedAttempt, NodeDetail: nodeDetail, Execution: execution, Results: results },
  ...{ ExecutionSummary: executionSummary, ExecutionList: executionList },
  ...{ ExecutionEvent: executionEvent, NodeEvent: nodeEvent },
  ...{
    NodeReason: nodeReason,
    Explanation: explanation,
    DeadLetter: deadLetter,
    DeadLetterList: deadLetterList,
  },
  ...{ BulkRedriven: bulkRedriven, CircuitList: circuitList, CircuitReset: circuitReset },
  ...{ Circuit: circuit, Health: health, Host: host, Stats: stats },
  ...{ Liveness: liveness, Readiness: readiness },
  ...{
    Latency: latency,
    LatencyCurve: latencyCurve,
    LatencyWindow: latencyWindow,
    LatencyTable: latencyTable,
  },
  ...{ Problem: problem, Error: error, ValidationError: validationError, RateLimitError: rateLimitError },
};
