import type { components } from './generated/contract.js';

type Schemas = components['schemas'];

export type Submission = Schemas['Submission'];
export type SubmissionNode = Schemas['Node'];
export type RetryPolicy = NonNullable<Schemas['RetryPolicy']>;
export type Definition = Schemas['Definition'];
export type ExecutionStatus = Schemas['ExecutionStatus'];
export type NodeStatus = Schemas['NodeStatus'];
export type NodeState = Schemas['NodeState'];
export type NodeError = Schemas['NodeError'];
export type NodeDetail = Schemas['NodeDetail'];
export type Submitted = Schemas['Submitted'];
export type Triggered = Schemas['Triggered'];
export type Succeeded = Schemas['Succeeded'];
export type Execution = Schemas['Execution'];
export type ExecutionSummary = Schemas['ExecutionSummary'];
export type ExecutionList = Schemas['ExecutionList'];
export type Results = Schemas['Results'];
export type Explanation = Schemas['Explanation'];
export type DeadLetter = Schemas['DeadLetter'];
export type DeadLetterList = Schemas['DeadLetterList'];
export type BulkFilter = Schemas['BulkFilter'];
export type Redriven = Schemas['Redriven'];
export type BulkRedriven = Schemas['BulkRedriven'];
export type CircuitList = Schemas['CircuitList'];
export type CircuitReset = Schemas['CircuitReset'];
export type Stats = Schemas['Stats'];
export type LatencyTable = Schemas['LatencyTable'];
export type Health = Schemas['Health'];
export type Liveness = Schemas['Liveness'];
export type Readiness = Schemas['Readiness'];
export type Problem = Schemas['Problem'];
export type ExecutionChange = Schemas['ExecutionEvent'];
export type NodeChange = Schemas['NodeEvent'];

/** What a stream tells. `id`: where to go on from; absent where more of the same change follows. */
export type ExecutionEvent = { readonly id: string | undefined } & (
  | { readonly type: 'snapshot'; readonly data: Execution }
  | { readonly type: 'execution'; readonly data: ExecutionChange }
  | { readonly type: 'node'; readonly data: NodeChange }
  | { readonly type: 'end'; readonly data: ExecutionChange }
);

/** Which executions a list has. Times are ISO 8601. */
export interface ExecutionFilter {
  readonly status?: ExecutionStatus;
  readonly name?: string;
  readonly workflow_id?: string;
  readonly created_after?: string;
  readonly created_before?: string;
}

/** One page of a list: at most `limit` entries from `cursor`, the `next_cursor` of the page before. */
export interface Page {
  readonly limit?: number;
  readonly cursor?: string;
}
