export interface MetricRow {
  readonly type: 'counter' | 'gauge' | 'histogram' | 'summary';
  /** What one of it is, in words; by convention names end with it where it is a base unit. */
  readonly unit: string;
  readonly help: string;
  /** Every label, with all the values it can have in words: their number is bounded. */
  readonly labels: Readonly<Record<string, string>>;
  /** When somebody should be told. */
  readonly alert?: string;
}

const STAGE = 'submit, queue_wait, run, trigger_to_end, store_call, end_to_record';
const VERB = 'submit, start, lease, advance';
const HANDLER = 'built-in handlers and those of HANDLERS_DIR; all others are unknown';

/** Every metric of the engine's own. docs/metrics.md is made of this table, and nothing is exposed that does not stand in it. */
export const METRICS = {
  workflow_submissions_total: {
    ...{ type: 'counter', unit: 'executions', labels: {} },
    help: 'Executions accepted by this host.',
  },
  workflow_completions_total: {
    ...{ type: 'counter', unit: 'executions', labels: { status: 'completed, failed, cancelled' } },
    help: 'Executions that ended, by status.',
    alert: 'the share of failed ones is over what you are used to',
  },
  workflow_duration_seconds: {
    ...{ type: 'histogram', unit: 'seconds', labels: {} },
    help: 'From the start of an execution to its end.',
  },
  node_executions_total: {
    ...{ type: 'counter', unit: 'attempts' },
    labels: { handler: HANDLER, status: 'completed, failed, skipped, retried' },
    help: 'Attempts of nodes, by handler and how they went; retried: a failed attempt that another one follows.',
    alert: 'failed or retried ones of a handler grow: what it calls has trouble',
  },
  node_duration_seconds: {
    ...{ type: 'histogram', unit: 'seconds', labels: { handler: HANDLER } },
    help: 'Time of an attempt in its handler.',
  },
  api_request_duration_seconds: {
    ...{ type: 'histogram', unit: 'seconds' },
    labels: { endpoint: 'patterns of paths as in the contract; unmatched', method: 'of HTTP; any' },
    help: 'From a whole request to its answer.',
    alert: 'the 0.99 quantile of a path is over what its clients bear',
  },
  api_responses_total: {
    ...{ type: 'counter', unit: 'answers', labels: { status: 'of HTTP' } },
    help: 'Answers of the HTTP interface, by status.',
    alert: 'any 500; 503 for minutes: a store is away, or the backlog is full',
  },
  redis_stream_pending_messages: {
    ...{ type: 'gauge', unit: 'tasks', labels: {} },
    help: 'Tasks that wait or run: entries of the task streams; on the embedded store ready and leased tasks.',
    alert: 'it grows for minutes: more comes than the hosts can do',
  },
  millrace_executions: {
    ...{ type: 'gauge', unit: 'executions', labels: { state: 'pending, running' } },
    help: 'Unfinished executions of the whole store, by state.',
    alert: 'near MAX_BACKLOG, where submissions are answered 503',
  },
  millrace_tasks: {
    ...{ type: 'gauge', unit: 'tasks', labels: { state: 'ready, leased, delayed' } },
    help: 'Tasks of the whole store that are ready (the queue), leased to a host or delayed.',
  },
  millrace_oldest_ready_task_seconds: {
    ...{ type: 'gauge', unit: 'seconds', labels: {} },
    help: 'How long the oldest ready task has waited.',
    alert: 'over a minute, or over what your workflows bear: add hosts or threads',
  },
  millrace_hosts: {
    ...{ type: 'gauge', unit: 'hosts', labels: {} },
    help: 'Living hosts, this one included.',
    alert: 'fewer than you run',
  },
  millrace_outbox_events: {
    ...{ type: 'gauge', unit: 'changes', labels: {} },
    help: 'Changes that the record has still to learn.',
  },
  millrace_outbox_lag_seconds: {
    ...{ type: 'gauge', unit: 'seconds', labels: {} },
    help: 'Age of the oldest change that this host has still to record.',
    alert: 'over 30: PostgreSQL is away or too slow, and Redis fills',
  },
  millrace_worker_threads: {
    ...{ type: 'gauge', unit: 'threads', labels: {} },
    help: 'Worker threads of this host.',
  },
  millrace_worker_tasks: {
    ...{ type: 'gauge', unit: 'tasks', labels: { state: 'running, capacity' } },
    help: 'Tasks that this host runs, and how many it runs at once at most; the first by the second is how full the threads are.',
    alert: 'full for minutes while tasks are ready',
  },
  millrace_worker_threads_replaced_total: {
    ...{ type: 'counter', unit: 'threads', labels: { reason: 'timeout, crash' } },
    help: 'Worker threads replaced since the start, by reason.',
    alert: 'it grows: a handler blocks its thread or ends it',
  },
  millrace_circuits: {
    ...{ type: 'gauge', unit: 'circuits', labels: { state: 'closed, open, half_open' } },
    help: 'Circuits of services that this host calls, by state. Which: /api/v1/admin/circuits.',
    alert: 'any is open for longer than its service may be away',
  },
  millrace_circuit_events_total: {
    ...{ type: 'counter', unit: 'events', labels: { event: 'opened, refused' } },
    help: 'Circuits that opened, and calls that open circuits refused.',
  },
  millrace_latency_seconds: {
    ...{
      type: 'summary',
      unit: 'seconds',
      labels: { stage: STAGE, quantile: '0.5, 0.9, 0.95, 0.99, 0.999, 1' },
    },
    help: 'By stage: quantiles of the last minute, sum and count since the start. As percentiles: /api/v1/admin/latency.',
    alert: 'the 0.99 quantile of queue_wait or trigger_to_end is over what your workflows bear',
  },
  millrace_store_call_seconds: {
    ...{ type: 'histogram', unit: 'seconds', labels: { verb: VERB } },
    help: 'Batches to the hot store, from the call to their being durable.',
    alert: 'the 0.99 quantile is over 0.1: the disk or Redis is too slow',
  },
  millrace_store_batch_items: {
    ...{ type: 'histogram', unit: 'items', labels: { verb: VERB } },
    help: 'Commands, results or leased tasks of one batch to the hot store.',
  },
  millrace_store_script_seconds: {
    ...{ type: 'histogram', unit: 'seconds', labels: { script: 'files of src/store/redis/lua' } },
    help: 'Calls of the scripts of the distributed store, from sending to the reply.',
  },
  millrace_log_lines_suppressed_total: {
    ...{ type: 'counter', unit: 'lines', labels: {} },
    help: 'Lines of the log that were counted instead of written: LOG_BURST, LOG_HANDLER_BURST.',
  },
  millrace_spans_total: {
    ...{ type: 'counter', unit: 'spans', labels: { outcome: 'exported, dropped, failed' } },
    help: 'OpenTelemetry spans of this host: sent, dropped because too many waited, or not taken by the collector.',
    alert: 'dropped or failed ones grow for minutes: traces have holes',
  },
  millrace_reconciler_repairs_total: {
    ...{ type: 'counter', unit: 'executions', labels: {} },
    help: 'Executions that nothing would have woken; must read 0.',
    alert: 'it is not 0: tell the makers',
  },
  millrace_callbacks_total: {
    ...{ type: 'counter', unit: 'attempts', labels: { outcome: 'delivered, retried, failed' } },
    help: 'Callbacks, by outcome: delivered, retried (an attempt that another one follows), failed (given up).',
    alert: 'failed ones grow: receivers are away for longer than CALLBACK_GIVE_UP_HOURS, or refuse',
  },
  millrace_callbacks_pending: {
    ...{ type: 'gauge', unit: 'callbacks', labels: {} },
    help: 'Callbacks of the whole store that are still to be made; counted up to 10,000.',
    alert: 'it grows for minutes: receivers are down or slow',
  },
  millrace_record_set_aside_total: {
    ...{ type: 'counter', unit: 'executions', labels: {} },
    help: 'Executions that were not recorded: refused for what they hold (table set_aside), or not to be read in Redis (the log names them); must read 0.',
    alert: 'it is not 0: look into the table set_aside',
  },
} as const satisfies Readonly<Record<string, MetricRow>>;

export type MetricName = keyof typeof METRICS;
type NameOf<T extends MetricRow['type']> = {
  [Name in MetricName]: (typeof METRICS)[Name]['type'] extends T ? Name : never;
}[MetricName];
export type ValueName = NameOf<'counter' | 'gauge'>;
export type HistogramName = NameOf<'histogram'>;

/** Rows for the documents: name, type, unit, labels, meaning, when to be told. */
export function metricRows(): readonly (readonly [string, MetricRow])[] {
  return Object.entries(METRICS);
}
