import type { NodeError } from './errors.js';
import type { ExecutionId, HostId, WorkflowId } from './ids.js';
import type { Plan } from './plan.js';
import type { DeadLetter, ExecutionSnapshot } from './snapshot.js';

/* What goes into the machine and what comes out. Commands carry intervals; the instant comes with the call. */

export interface IdempotencyClaim {
  /** Client and key, already joined; unique among clients. */
  readonly key: string;
  /** SHA-256 of the submitted bytes, hex. */
  readonly bodyHash: string;
  readonly ttlMs: number;
}

export interface SubmitCommand {
  readonly executionId: ExecutionId;
  readonly plan: Plan;
  /** JSON text, UTF-8, and the trace context behind it, where there is one; see `trace-context`. */
  readonly params: Uint8Array;
  /** Start at once. */
  readonly trigger: boolean;
  /** Who is told of the end. */
  readonly callbackUrl?: string;
  readonly idempotency?: IdempotencyClaim;
}

export const SUBMIT_OUTCOMES = ['accepted', 'duplicate', 'key_reused'] as const;
export type SubmitOutcome =
  | { readonly kind: 'accepted' }
  | { readonly kind: 'duplicate'; readonly executionId: ExecutionId; readonly workflowId: WorkflowId }
  | { readonly kind: 'key_reused' };

export interface StartCommand {
  readonly executionId: ExecutionId;
  /** As `triggeredParams` reads them: JSON text, a trace context, or both; what is not given stays that of the submission. */
  readonly params?: Uint8Array;
}
/** `already_started` also stands for executions that have ended meanwhile. */
export const START_OUTCOMES = ['started', 'already_started', 'cancelled', 'not_found'] as const;
export type StartOutcome = (typeof START_OUTCOMES)[number];

export interface LeaseRequest {
  readonly owner: HostId;
  readonly leaseMs: number;
  /** Which tasks this host can take now: at most `room` of each queue named (undefined: of every queue, without a bound
   * of its own) and `total` in all. */
  readonly lanes: readonly Lane[] | undefined;
  readonly total: number;
  /** Of these, how many may be tasks whose owners died more than once. */
  readonly quarantined: number;
}
export interface Lane {
  readonly queue: string;
  readonly room: number;
}

export interface TaskInput {
  readonly node: number;
  /** JSON text, UTF-8. */
  readonly output: Uint8Array;
}

/** The right to run one attempt. */
export interface LeasedTask {
  readonly executionId: ExecutionId;
  readonly plan: Plan;
  readonly node: number;
  readonly fence: number;
  readonly attempt: number;
  /** Earlier leases of it whose owner died. */
  readonly deliveries: number;
  /** A worker thread died under it: it is to share its thread with no other task. */
  readonly alone: boolean;
  /** An earlier owner may have run it, or is known to have died under it: this lease is kept before it is handed out. */
  readonly suspect: boolean;
  readonly queuedAt: number;
  /** As `SubmitCommand.params`. */
  readonly params: Uint8Array;
  /** Outputs of `plan.nodes[node].inputs`, where they have one. */
  readonly inputs: readonly TaskInput[];
  readonly configOverride?: Uint8Array;
}

export interface LeaseRef {
  readonly executionId: ExecutionId;
  readonly node: number;
  readonly fence: number;
}

export type TaskOutcome =
  | { readonly kind: 'completed'; readonly output?: Uint8Array }
  | { readonly kind: 'skipped' }
  /** For good: the node becomes a dead letter. */
  | { readonly kind: 'failed'; readonly error: NodeError }
  /** Ready again after `delayMs`; `attempt + 1` unless `countsAttempt` is false: then it was no attempt, and takes the place of the
   * failure before it in the history if it repeats it. */
  | {
      readonly kind: 'retry';
      readonly delayMs: number;
      readonly error: NodeError;
      readonly countsAttempt: boolean;
    }
  /** Completed with `output` after `delayMs`; holds no worker meanwhile. */
  | { readonly kind: 'sleep'; readonly delayMs: number; readonly output?: Uint8Array }
  /** The worker thread died: ready again with deliveries + 1, to be run alone; at `maxDeliveries` it is a dead letter. */
  | { readonly kind: 'lost'; readonly error: NodeError; readonly maxDeliveries: number }
  /** Not run (the host stops): ready again, nothing counted. */
  | { readonly kind: 'released' };

export interface TaskResult {
  readonly task: LeasedTask;
  readonly owner: HostId;
  readonly outcome: TaskOutcome;
}
export const ADVANCE_OUTCOMES = ['applied', 'duplicate', 'stale_lease', 'execution_ended'] as const;
export type AdvanceOutcome = (typeof ADVANCE_OUTCOMES)[number];
export const HEARTBEAT_OUTCOMES = ['kept', 'lost', 'ended'] as const;
export type HeartbeatOutcome = (typeof HEARTBEAT_OUTCOMES)[number];

export const CANCEL_OUTCOMES = ['cancelled', 'already_cancelled', 'ended', 'not_found'] as const;
export type CancelOutcome = (typeof CANCEL_OUTCOMES)[number];

export interface RedriveCommand {
  readonly executionId: ExecutionId;
  /** The dead node that was named; an edited config applies to it. */
  readonly node: number;
  /** When it failed, in milliseconds since the epoch: a command that comes late, or twice, does not drive on a later failure of the
   * node. undefined: whichever it is. */
  readonly failedAt?: number;
  /** JSON text of the config that replaces the definition's for this run. */
  readonly config?: Uint8Array;
}
/** `not_dead`: that failure was driven on already, or there was none. `ended`: completed or cancelled, so that nothing can be driven on. */
export type RedriveOutcome = 'redriven' | 'not_found' | 'not_dead' | 'ended';

export interface RestoreCommand {
  readonly snapshot: ExecutionSnapshot;
  readonly plan: Plan;
}
export const RESTORE_OUTCOMES = ['restored', 'newer_here'] as const;
export type RestoreOutcome = (typeof RESTORE_OUTCOMES)[number];

export type OutboxEvent =
  | {
      readonly kind: 'accepted' | 'started' | 'redriven';
      readonly snapshot: ExecutionSnapshot;
      readonly plan: Plan;
    }
  | {
      readonly kind: 'ended';
      readonly snapshot: ExecutionSnapshot;
      readonly plan: Plan;
      readonly deadLetters: readonly DeadLetter[];
    };

export type StoreSignal =
  /** There may be something to lease. */
  | { readonly kind: 'ready' }
  /** A timer was set that is due earlier than any before. */
  | { readonly kind: 'timer'; readonly inMs: number }
  /** `elsewhere`: by a call of another host, which has counted it. */
  | {
      readonly kind: 'ended';
      readonly executionId: ExecutionId;
      readonly end: ExecutionEnd;
      readonly elsewhere?: true;
      /** Somebody is to be told, and the record has it. */
      readonly callback?: true;
    }
  /** Watched executions, or nodes of them, have changed. */
  | { readonly kind: 'changed'; readonly executionIds: readonly ExecutionId[] }
  /** The record has something to learn. */
  | { readonly kind: 'outbox' }
  /** These leases are void: what runs under them is to stop. */
  | { readonly kind: 'abort'; readonly leases: readonly LeaseRef[] };

export interface ExecutionEnd {
  readonly state: 'completed' | 'failed' | 'cancelled';
  readonly startedAt: number | undefined;
  readonly finishedAt: number;
}
