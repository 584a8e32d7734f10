import type { NodeError } from './errors.js';
import type { ExecutionId, WorkflowId } from './ids.js';
import type { ExecutionState, NodeState } from './states.js';

/** An attempt that did not complete its node. Times in milliseconds since the epoch. */
export interface FailedAttempt {
  readonly attempt: number;
  readonly host: string;
  readonly startedAt: number;
  readonly finishedAt: number;
  readonly error: NodeError;
}

/** All that a store knows of one node. Index i stands for node i of the plan. */
export interface NodeSnapshot {
  readonly state: NodeState;
  /** Leases taken so far; matches results to leases. */
  readonly fence: number;
  /** The running or last attempt, from 1; 0 before the first. */
  readonly attempt: number;
  /** Leases that ended because their owner died. */
  readonly deliveries: number;
  /** delayed because its handler asked for a timer: at `dueAt` it is completed, not ready. */
  readonly sleeping?: boolean;
  /** A worker thread died under it: it shares its next thread with no other task. */
  readonly alone?: boolean;
  readonly host?: string;
  /** When it became ready, the latest time. */
  readonly queuedAt?: number;
  /** Where it became ready more than once: the first time. */
  readonly firstQueuedAt?: number;
  readonly startedAt?: number;
  readonly finishedAt?: number;
  /** delayed: when it becomes ready (or, sleeping, completed). */
  readonly dueAt?: number;
  readonly error?: NodeError;
  /** JSON text, UTF-8. */
  readonly output?: Uint8Array;
  readonly failures?: readonly FailedAttempt[];
  /** JSON text of the config that a redrive put in place of the definition's. */
  readonly configOverride?: Uint8Array;
}

/** All that a store knows of one execution, hot or recorded. Times in milliseconds since the epoch. */
export interface ExecutionSnapshot {
  readonly executionId: ExecutionId;
  readonly workflowId: WorkflowId;
  readonly name: string;
  readonly state: ExecutionState;
  /** Grows with every change that the record must learn. */
  readonly revision: number;
  readonly createdAt: number;
  readonly startedAt?: number;
  readonly finishedAt?: number;
  readonly deadlineAt?: number;
  readonly error?: NodeError;
  /** Who is told of the end. */
  readonly callbackUrl?: string;
  /** As in `SubmitCommand`. */
  readonly params: Uint8Array;
  readonly nodes: readonly NodeSnapshot[];
}

/** One row of a list of executions. */
export interface ExecutionSummary {
  readonly executionId: ExecutionId;
  readonly workflowId: WorkflowId;
  readonly name: string;
  readonly state: ExecutionState;
  readonly createdAt: number;
  readonly startedAt?: number;
  readonly finishedAt?: number;
  readonly error?: NodeError;
}

/** A node whose attempts are exhausted, as the dead-letter list shows it. */
export interface DeadLetter {
  /** Opaque, and ordered by time of failure. */
  readonly id: string;
  readonly executionId: ExecutionId;
  readonly workflowId: WorkflowId;
  readonly node: number;
  readonly nodeId: string;
  readonly handler: string;
  readonly error: NodeError;
  readonly attempts: number;
  /** When the node first became ready. */
  readonly queuedAt: number;
  readonly failedAt: number;
  /** JSON text; what its last attempt was given, see `configResolver`. */
  readonly config?: string;
}
