import type { NodeError } from '../model/errors.js';
import type { ExecutionId, HostId, WorkflowId } from '../model/ids.js';
import type { Plan } from '../model/plan.js';
import type { DeadLetter, ExecutionSnapshot } from '../model/snapshot.js';

/**
 * The hot store: every unfinished execution, and the machine of `model/transitions` over it.
 *
 * All verbs are batched and idempotent and answer one outcome per item, in order. A verb's promise resolves as soon as
 * its tasks may be dispatched; `durable` resolves when its outcomes may leave the process (an answer, a read, an
 * event), and rejects with STORE_UNAVAILABLE where they were not kept. Time is the store's own, so commands carry
 * intervals, never instants.
 */
export interface StateStore {
  submit(commands: readonly SubmitCommand[], lease?: LeaseRequest): Promise<StoreReply<SubmitOutcome>>;
  start(commands: readonly StartCommand[], lease?: LeaseRequest): Promise<StoreReply<StartOutcome>>;
  lease(request: LeaseRequest): Promise<StoreReply<never>>;
  advance(results: readonly TaskResult[], lease?: LeaseRequest): Promise<StoreReply<AdvanceOutcome>>;
  heartbeat(owner: HostId, leases: readonly LeaseRef[]): Promise<readonly HeartbeatOutcome[]>;
  /** Takes over leases that expired; their tasks become ready again, or dead letters. */
  reclaim(): Promise<ReclaimReply>;
  promote(): Promise<PromoteReply>;
  cancel(ids: readonly ExecutionId[]): Promise<StoreReply<CancelOutcome>>;
  redrive(commands: readonly RedriveCommand[]): Promise<StoreReply<RedriveOutcome>>;
  /** Brings executions back from their records. A snapshot whose revision the store has already changes nothing. */
  restore(records: readonly RestoreCommand[]): Promise<StoreReply<RestoreOutcome>>;
  /** As they are, durable when the promise resolves; undefined where the store does not hold the execution. */
  read(ids: readonly ExecutionId[]): Promise<readonly (ExecutionSnapshot | undefined)[]>;
  /** Newest first; `before` is the id of the last entry of the page before. */
  listDead(query: DeadLetterQuery): Promise<readonly DeadLetter[]>;
  readDead(ids: readonly string[]): Promise<readonly (DeadLetter | undefined)[]>;
  /** Whether each entry was there. */
  deleteDead(ids: readonly string[]): Promise<StoreReply<'deleted' | 'not_found'>>;
  /** Changes that the record has still to learn, oldest first, at most `limit`. */
  takeOutbox(limit: number): Promise<readonly OutboxEvent[]>;
  acknowledgeOutbox(events: readonly OutboxEvent[]): Promise<void>;
  /** Looks for started executions that nothing would wake, repairs them, and answers how many there were. */
  reconcile(): Promise<number>;
  stats(): Promise<StoreStats>;
  /** One listener: the engine. Called after what it tells is durable, except `ready` and `abort`. */
  onSignals(listener: (signals: readonly StoreSignal[]) => void): void;
  close(): Promise<void>;
}

export interface StoreReply<T> {
  readonly outcomes: readonly T[];
  readonly tasks: readonly LeasedTask[];
  readonly durable: Promise<void>;
}

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
  /** JSON text, UTF-8. */
  readonly params: Uint8Array;
  /** Start at once. */
  readonly trigger: boolean;
  readonly idempotency?: IdempotencyClaim;
}

export type SubmitOutcome =
  | { readonly kind: 'accepted' }
  | { readonly kind: 'duplicate'; readonly executionId: ExecutionId; readonly workflowId: WorkflowId }
  | { readonly kind: 'key_reused' };

export interface StartCommand {
  readonly executionId: ExecutionId;
  /** JSON text; undefined keeps the params of the submission. */
  readonly params?: Uint8Array;
}
/** `already_started` also stands for executions that have ended meanwhile. */
export type StartOutcome = 'started' | 'already_started' | 'cancelled' | 'not_found';

export interface LeaseRequest {
  readonly owner: HostId;
  readonly leaseMs: number;
  /** Which tasks this host can take now, at most `room` of each queue and `total` in all. */
  readonly lanes: readonly Lane[];
  readonly total: number;
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
  /** Earlier leases of it whose owner died; above 0 it runs alone in a thread. */
  readonly deliveries: number;
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
  /** Ready again after `delayMs`; `attempt + 1` unless `countsAttempt` is false. */
  | {
      readonly kind: 'retry';
      readonly delayMs: number;
      readonly error: NodeError;
      readonly countsAttempt: boolean;
    }
  /** Completed with `output` after `delayMs`; holds no worker meanwhile. */
  | { readonly kind: 'sleep'; readonly delayMs: number; readonly output?: Uint8Array }
  /** The worker thread died: ready again with deliveries + 1; at `maxDeliveries` it is a dead letter. */
  | { readonly kind: 'lost'; readonly error: NodeError; readonly maxDeliveries: number }
  /** Not run (the host stops): ready again, nothing counted. */
  | { readonly kind: 'released' };

export interface TaskResult {
  readonly task: LeasedTask;
  readonly owner: HostId;
  readonly outcome: TaskOutcome;
}
export type AdvanceOutcome = 'applied' | 'duplicate' | 'stale_lease' | 'execution_ended';
export type HeartbeatOutcome = 'kept' | 'lost' | 'ended';

export interface ReclaimReply {
  readonly reclaimed: number;
  /** Of these, how many became dead letters. */
  readonly exhausted: number;
  readonly durable: Promise<void>;
}

export interface PromoteReply {
  readonly promoted: number;
  readonly completed: number;
  readonly expired: number;
  /** Milliseconds until the next timer; undefined: there is none. */
  readonly nextInMs: number | undefined;
}

export type CancelOutcome = 'cancelled' | 'already_cancelled' | 'ended' | 'not_found';

export interface RedriveCommand {
  readonly executionId: ExecutionId;
  /** The dead node that was named; an edited config applies to it. */
  readonly node: number;
  /** JSON text of the config that replaces the definition's for this run. */
  readonly config?: Uint8Array;
}
/** `ended`: completed or cancelled, so that nothing can be driven on. */
export type RedriveOutcome = 'redriven' | 'not_found' | 'not_dead' | 'ended';

export interface RestoreCommand {
  readonly snapshot: ExecutionSnapshot;
  readonly plan: Plan;
}
export type RestoreOutcome = 'restored' | 'newer_here';

export interface DeadLetterQuery {
  readonly limit: number;
  readonly before?: string;
  readonly handler?: string;
  readonly workflowId?: WorkflowId;
  readonly errorCode?: string;
  readonly failedAfter?: number;
}

export type OutboxEvent =
  | { readonly kind: 'accepted' | 'started' | 'redriven'; readonly snapshot: ExecutionSnapshot; readonly plan: Plan }
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
  | { readonly kind: 'ended'; readonly executionId: ExecutionId; readonly end: ExecutionEnd }
  /** These leases are void: what runs under them is to stop. */
  | { readonly kind: 'abort'; readonly leases: readonly LeaseRef[] };

export interface ExecutionEnd {
  readonly state: 'completed' | 'failed' | 'cancelled';
  readonly startedAt: number | undefined;
  readonly finishedAt: number;
}

export interface StoreStats {
  readonly pending: number;
  readonly running: number;
  readonly readyTasks: number;
  readonly leasedTasks: number;
  readonly delayedTasks: number;
  readonly outbox: number;
  /** Milliseconds that the oldest ready task has waited; 0: none waits. */
  readonly oldestReadyMs: number;
}
