import type { OutboxEvent } from '../model/commands.js';
import type { WorkflowDefinition } from '../model/definition.js';
import type { ExecutionId, WorkflowId } from '../model/ids.js';
import type { ExecutionSnapshot, ExecutionSummary } from '../model/snapshot.js';
import type { ExecutionState } from '../model/states.js';

/** The record: definitions and executions, kept for the retention time. Every write is idempotent. */
export interface HistoryStore {
  /** Takes only events whose revision is above the recorded one, so any order of delivery is right. */
  record(events: readonly OutboxEvent[]): Promise<void>;
  /** The canonical definition, or undefined where no workflow has the id. */
  definition(workflowId: WorkflowId): Promise<WorkflowDefinition | undefined>;
  read(ids: readonly ExecutionId[]): Promise<readonly (ExecutionSnapshot | undefined)[]>;
  /** Newest first. */
  list(query: ExecutionQuery): Promise<ExecutionPage>;
  /** Removes what is older than its retention; answers how many executions went. */
  sweep(): Promise<number>;
  close(): Promise<void>;
}

export interface ExecutionQuery {
  readonly state?: ExecutionState;
  readonly name?: string;
  readonly workflowId?: WorkflowId;
  /** Milliseconds since the epoch, both exclusive. */
  readonly createdAfter?: number;
  readonly createdBefore?: number;
  readonly limit: number;
  /** Only executions older than this one. */
  readonly before?: ExecutionId;
}

export interface ExecutionPage {
  readonly executions: readonly ExecutionSummary[];
  /** Where the next page begins; undefined: this was the last. */
  readonly next: ExecutionId | undefined;
}
