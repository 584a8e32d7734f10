/** What the API answers, as far as the pages show it. Times as ISO 8601 text. */
export type ExecutionStatus = 'PENDING' | 'RUNNING' | 'COMPLETED' | 'FAILED' | 'CANCELLED';
export type NodeState = ExecutionStatus | 'READY' | 'DELAYED' | 'SKIPPED';

export const EXECUTION_STATUSES: readonly ExecutionStatus[] = [
  'PENDING',
  'RUNNING',
  'COMPLETED',
  'FAILED',
  'CANCELLED',
];
export const NODE_STATES: readonly NodeState[] = [
  ...(['PENDING', 'READY', 'RUNNING', 'DELAYED'] as const),
  ...(['COMPLETED', 'FAILED', 'SKIPPED', 'CANCELLED'] as const),
];

export interface NodeError {
  readonly message: string;
  readonly error_code: string;
  readonly category: string;
  readonly traceback_hash: string | null;
}

export interface ExecutionSummary {
  readonly execution_id: string;
  readonly workflow_id: string;
  readonly name: string;
  readonly status: ExecutionStatus;
  readonly created_at: string;
  readonly started_at: string | null;
  readonly finished_at: string | null;
  readonly error: NodeError | null;
}

export interface FailedAttempt {
  readonly attempt: number;
  readonly host: string;
  readonly started_at: string;
  readonly finished_at: string;
  readonly error: NodeError;
}

export interface NodeDetail {
  readonly state: NodeState;
  readonly attempt: number;
  readonly host: string | null;
  readonly queued_at: string | null;
  readonly started_at: string | null;
  readonly finished_at: string | null;
  readonly due_at: string | null;
  readonly error: NodeError | null;
  readonly failures: readonly FailedAttempt[];
}

export interface ExecutionDetail extends ExecutionSummary {
  readonly params: Readonly<Record<string, unknown>>;
  readonly nodes: Readonly<Record<string, NodeDetail>>;
}

export interface NodeDefinition {
  readonly id: string;
  readonly handler: string;
  readonly dependencies?: readonly string[] | null;
  readonly config?: unknown;
  readonly condition?: string | null;
  readonly queue?: string | null;
  readonly timeout_seconds?: number | null;
  readonly retry?: unknown;
}

export interface Definition {
  readonly name: string;
  readonly dag: { readonly nodes: readonly NodeDefinition[] };
}

export interface ExecutionPage {
  readonly executions: readonly ExecutionSummary[];
  readonly next_cursor: string | null;
}

/** Why a node is not done. */
export interface NodeReason {
  readonly state: NodeState;
  readonly reason: string;
  readonly message: string;
  readonly parents?: readonly string[];
  readonly parent_count?: number;
  readonly queue_depth?: number;
  readonly since?: string | null;
  readonly until?: string | null;
}

export interface DeadLetter {
  readonly id: string;
  readonly execution_id: string;
  readonly node_id: string;
  readonly handler: string;
  readonly error_message: string;
  readonly retry_count: number;
  readonly original_timestamp: string;
  readonly failed_at: string;
  readonly attempts: number;
  readonly error_detail: NodeError;
  readonly config: Readonly<Record<string, unknown>> | null;
}

export interface DeadLetterPage {
  readonly entries: readonly DeadLetter[];
  readonly next_cursor: string | null;
}

/** Times in milliseconds. */
export interface LatencyFigures {
  readonly count: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p99_9: number;
  readonly max: number;
  /** Percentiles and what they are, both growing. */
  readonly curve: readonly (readonly [percentile: number, ms: number])[];
}

export const LATENCY_WINDOWS = ['1m', '5m', 'start'] as const;
export type LatencyWindow = (typeof LATENCY_WINDOWS)[number];

export interface Latencies {
  readonly windows: Readonly<
    Partial<Record<LatencyWindow, { readonly stages: Readonly<Record<string, LatencyFigures>> }>>
  >;
}

export interface HostView {
  readonly id: string;
  readonly roles: readonly string[];
  readonly queues: readonly string[] | null;
  readonly handlers: readonly string[];
  readonly worker_threads: number;
  readonly running_tasks: number;
  readonly started_at: string;
  readonly last_seen_at: string;
}

export interface Stats {
  readonly executions: { readonly pending: number; readonly running: number };
  readonly tasks: { readonly ready: number; readonly leased: number; readonly delayed: number };
  readonly queues: Readonly<Record<string, { readonly ready: number }>>;
  readonly oldest_ready_seconds: number;
  readonly outbox_events: number;
  readonly event_streams: number;
  readonly hosts: readonly HostView[];
  readonly totals: Readonly<Record<'submissions' | 'completed' | 'failed' | 'cancelled', number>>;
}

export interface Circuit {
  readonly name: string;
  readonly handler: string;
  readonly origin: string;
  readonly state: 'CLOSED' | 'OPEN' | 'HALF_OPEN';
  readonly failure_count: number;
  readonly refused_count: number;
  readonly retry_at: string | null;
}

export function hasEnded(status: ExecutionStatus): boolean {
  return status === 'COMPLETED' || status === 'FAILED' || status === 'CANCELLED';
}
