import type { components } from '../../../src/client/generated/contract.ts';

/** What the API answers, as its contract tells it. Times are ISO 8601 text. */
type Schemas = components['schemas'];

export type ExecutionStatus = Schemas['ExecutionStatus'];
export type NodeState = Schemas['NodeState'];
export type NodeError = Schemas['NodeError'];
export type ExecutionSummary = Schemas['ExecutionSummary'];
export type ExecutionPage = Schemas['ExecutionList'];
export type FailedAttempt = Schemas['FailedAttempt'];
export type NodeDetail = Schemas['NodeDetail'];
/** An execution that was asked for with its nodes. */
export type ExecutionDetail = Schemas['Execution'] & Required<Pick<Schemas['Execution'], 'nodes' | 'params'>>;
export type NodeDefinition = Schemas['Node'];
export type Definition = Schemas['Definition'];
/** Why a node is not done. */
export type NodeReason = Schemas['NodeReason'];
export type DeadLetter = Schemas['DeadLetter'];
/** Pages that were read one after the other are shown as one. */
export type DeadLetterPage = Pick<Schemas['DeadLetterList'], 'entries' | 'next_cursor'>;
export type LatencyFigures = Schemas['LatencyCurve'];
export type Latencies = Schemas['LatencyTable'];
export type LatencyWindow = keyof Latencies['windows'];
export type HostView = Schemas['Host'];
export type Stats = Schemas['Stats'];
export type Circuit = Schemas['Circuit'];

/** In the order in which pages show them. */
export const EXECUTION_STATUSES = [
  'PENDING',
  'RUNNING',
  'COMPLETED',
  'FAILED',
  'CANCELLED',
] as const satisfies readonly ExecutionStatus[];
export const NODE_STATES: readonly NodeState[] = [
  ...(['PENDING', 'READY', 'RUNNING', 'DELAYED'] as const),
  ...(['COMPLETED', 'FAILED', 'SKIPPED', 'CANCELLED'] as const),
];
export const LATENCY_WINDOWS = ['1m', '5m', 'start'] as const satisfies readonly LatencyWindow[];

export function hasEnded(status: ExecutionStatus): boolean {
  return status === 'COMPLETED' || status === 'FAILED' || status === 'CANCELLED';
}
