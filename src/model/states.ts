/** Execution states; the API spells them in upper case. */
export const EXECUTION_STATES = ['pending', 'running', 'completed', 'failed', 'cancelled'] as const;
export type ExecutionState = (typeof EXECUTION_STATES)[number];

/** Node states as the machine knows them. `docs/glossary.md` says what each means. */
export const NODE_STATES = [
  'pending',
  'ready',
  'running',
  'delayed',
  'completed',
  'failed',
  'skipped',
  'cancelled',
] as const;
export type NodeState = (typeof NODE_STATES)[number];

export type ApiExecutionStatus = 'PENDING' | 'RUNNING' | 'COMPLETED' | 'FAILED' | 'CANCELLED';
export type ApiNodeStatus = 'PENDING' | 'RUNNING' | 'COMPLETED' | 'FAILED' | 'SKIPPED' | 'CANCELLED';

export const API_EXECUTION_STATUS: Readonly<Record<ExecutionState, ApiExecutionStatus>> = {
  pending: 'PENDING',
  running: 'RUNNING',
  completed: 'COMPLETED',
  failed: 'FAILED',
  cancelled: 'CANCELLED',
};

/** How the eight node states show in `node_statuses`. */
export const API_NODE_STATUS: Readonly<Record<NodeState, ApiNodeStatus>> = {
  pending: 'PENDING',
  ready: 'PENDING',
  running: 'RUNNING',
  delayed: 'RUNNING',
  completed: 'COMPLETED',
  failed: 'FAILED',
  skipped: 'SKIPPED',
  cancelled: 'CANCELLED',
};

export function hasEnded(state: ExecutionState): boolean {
  return state === 'completed' || state === 'failed' || state === 'cancelled';
}

/** A satisfied node counts as done for its successors. */
export function isSatisfied(state: NodeState): boolean {
  return state === 'completed' || state === 'skipped';
}
