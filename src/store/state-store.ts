import type {
  AdvanceOutcome,
  CancelOutcome,
  HeartbeatOutcome,
  LeasedTask,
  LeaseRef,
  LeaseRequest,
  OutboxEvent,
  RedriveCommand,
  RedriveOutcome,
  RestoreCommand,
  RestoreOutcome,
  StartCommand,
  StartOutcome,
  StoreSignal,
  SubmitCommand,
  SubmitOutcome,
  TaskResult,
} from '../model/commands.js';
import type { ExecutionId, HostId, WorkflowId } from '../model/ids.js';
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
  /** Unfinished executions, as far as this host knows without asking. */
  readonly backlog: number;
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
  /** Brings executions back from their records. A snapshot changes nothing whose revision the store has already, or had passed when it
   * let go of the execution: whoever read the record may come late. */
  restore(records: readonly RestoreCommand[]): Promise<StoreReply<RestoreOutcome>>;
  /** As they are, durable when the promise resolves; undefined where the store does not hold the execution. */
  read(ids: readonly ExecutionId[]): Promise<readonly (ExecutionSnapshot | undefined)[]>;
  /** As `read`, but params, outputs, errors and failed attempts may be left out. */
  readStates(ids: readonly ExecutionId[]): Promise<readonly (ExecutionSnapshot | undefined)[]>;
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
  /** Whose changes are of interest, a set that changes: a store that sees changes as they are kept tells them by `changed`;
   * one that does not is asked by `readStates`. */
  watch(watched: WatchedExecutions): void;
  close(): Promise<void>;
}

export interface WatchedExecutions {
  readonly size: number;
  has(id: ExecutionId): boolean;
}

export interface StoreReply<T> {
  readonly outcomes: readonly T[];
  readonly tasks: readonly LeasedTask[];
  readonly durable: Promise<void>;
}

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

export interface DeadLetterQuery {
  readonly limit: number;
  readonly before?: string;
  readonly handler?: string;
  readonly workflowId?: WorkflowId;
  readonly errorCode?: string;
  readonly failedAfter?: number;
}

export interface StoreStats {
  readonly pending: number;
  readonly running: number;
  readonly readyTasks: number;
  /** Ready tasks that stand in line, by queue; of a large execution a store may count only its share of the line. */
  readonly readyByQueue: ReadonlyMap<string, number>;
  readonly leasedTasks: number;
  readonly delayedTasks: number;
  readonly outbox: number;
  /** Milliseconds that the oldest ready task has waited; 0: none waits. */
  readonly oldestReadyMs: number;
}
