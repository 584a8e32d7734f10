import type {
  AdvanceOutcome,
  LeaseRef,
  LeaseRequest,
  OutboxEvent,
  RedriveCommand,
  RestoreCommand,
  StartCommand,
  StoreSignal,
  SubmitCommand,
  TaskResult,
} from '../model/commands.js';
import type { ExecutionId, HostId } from '../model/ids.js';
import type { ExecutionSnapshot } from '../model/snapshot.js';
import type { DeadLetterQuery, StateStore, StoreReply, WatchedExecutions } from '../store/state-store.js';

/** The calls by which work moves on; all of them are batches. */
export const MEASURED_VERBS = ['submit', 'start', 'lease', 'advance'] as const;
export type MeasuredVerb = (typeof MEASURED_VERBS)[number];

export interface FailureObserver {
  /** The store has decided on these results, for good. */
  advanced(results: readonly TaskResult[], outcomes: readonly AdvanceOutcome[]): void;
  reclaimed(reclaimed: number, exhausted: number): void;
}

export interface MeasuredStoreOptions {
  readonly observer: StoreObserver;
  readonly failures: FailureObserver;
  /** undefined: nobody asks. */
  readonly executions?: ExecutionObserver | undefined;
  readonly elapsed: () => number;
}

export interface ExecutionObserver {
  /** The record has taken its end. */
  recorded(ended: ExecutionSnapshot): void;
  /** They ended by calls of this host. */
  ended(ids: readonly ExecutionId[]): void;
}

export interface StoreObserver {
  /** A call with `items` commands or results (a lease: the tasks it brought) was durable after `durationMs`. */
  storeCall(verb: MeasuredVerb, items: number, durationMs: number): void;
  /** Changes lie before the record, the oldest since `sinceMs` (of the epoch); undefined: none does. */
  outboxSeen(sinceMs: number | undefined): void;
  /** The record has taken an end that happened at `endedAt`. */
  endRecorded(endedAt: number): void;
}

/** The hot store with an observer beside it: one look at the clock before a batch and one after it. */
export class MeasuredStore implements StateStore {
  readonly #store: StateStore;
  readonly #observer: StoreObserver;
  readonly #failures: FailureObserver;
  readonly #executions: ExecutionObserver | undefined;
  readonly #elapsed: () => number;

  constructor(store: StateStore, options: MeasuredStoreOptions) {
    this.#store = store;
    this.#observer = options.observer;
    this.#failures = options.failures;
    this.#executions = options.executions;
    this.#elapsed = options.elapsed;
  }

  submit(commands: readonly SubmitCommand[], lease?: LeaseRequest) {
    return this.#measure('submit', commands.length, () => this.#store.submit(commands, lease));
  }
  start(commands: readonly StartCommand[], lease?: LeaseRequest) {
    return this.#measure('start', commands.length, () => this.#store.start(commands, lease));
  }
  lease(request: LeaseRequest) {
    return this.#measure('lease', undefined, () => this.#store.lease(request));
  }
  advance(results: readonly TaskResult[], lease?: LeaseRequest) {
    const advance = () => this.#store.advance(results, lease);
    return this.#measure('advance', results.length, advance, (reply) =>
      this.#failures.advanced(results, reply.outcomes),
    );
  }

  async #measure<T>(
    verb: MeasuredVerb,
    items: number | undefined,
    call: () => Promise<StoreReply<T>>,
    onDurable?: (reply: StoreReply<T>) => void,
  ): Promise<StoreReply<T>> {
    const begunMs = this.#elapsed();
    const reply = await call();
    const size = items ?? reply.tasks.length;
    const tell = () => {
      this.#observer.storeCall(verb, size, this.#elapsed() - begunMs);
      onDurable?.(reply);
    };
    reply.durable.then(tell, () => undefined);
    return reply;
  }

  async takeOutbox(limit: number) {
    const events = await this.#store.takeOutbox(limit);
    let oldest: number | undefined;
    for (const event of events) {
      const at = happenedAt(event);
      if (at !== undefined && (oldest === undefined || at < oldest)) oldest = at;
    }
    this.#observer.outboxSeen(oldest);
    return events;
  }
  async acknowledgeOutbox(events: readonly OutboxEvent[]) {
    await this.#store.acknowledgeOutbox(events);
    for (const event of events) {
      if (event.kind !== 'ended') continue;
      const { finishedAt } = event.snapshot;
      if (finishedAt !== undefined) this.#observer.endRecorded(finishedAt);
      this.#executions?.recorded(event.snapshot);
    }
  }

  get backlog() {
    return this.#store.backlog;
  }
  heartbeat(owner: HostId, leases: readonly LeaseRef[]) {
    return this.#store.heartbeat(owner, leases);
  }
  async reclaim() {
    const reply = await this.#store.reclaim();
    this.#failures.reclaimed(reply.reclaimed, reply.exhausted);
    return reply;
  }
  promote() {
    return this.#store.promote();
  }
  cancel(ids: readonly ExecutionId[]) {
    return this.#store.cancel(ids);
  }
  redrive(commands: readonly RedriveCommand[]) {
    return this.#store.redrive(commands);
  }
  restore(records: readonly RestoreCommand[]) {
    return this.#store.restore(records);
  }
  read(ids: readonly ExecutionId[]) {
    return this.#store.read(ids);
  }
  readStates(ids: readonly ExecutionId[]) {
    return this.#store.readStates(ids);
  }
  listDead(query: DeadLetterQuery) {
    return this.#store.listDead(query);
  }
  readDead(ids: readonly string[]) {
    return this.#store.readDead(ids);
  }
  deleteDead(ids: readonly string[]) {
    return this.#store.deleteDead(ids);
  }
  reconcile() {
    return this.#store.reconcile();
  }
  stats() {
    return this.#store.stats();
  }
  onSignals(listener: (signals: readonly StoreSignal[]) => void) {
    const executions = this.#executions;
    if (!executions) return this.#store.onSignals(listener);
    this.#store.onSignals((signals) => {
      const ended = signals.flatMap((signal) =>
        signal.kind === 'ended' && !signal.elsewhere ? [signal.executionId] : [],
      );
      if (ended.length > 0) executions.ended(ended);
      listener(signals);
    });
  }
  watch(watched: WatchedExecutions) {
    this.#store.watch(watched);
  }
  close() {
    return this.#store.close();
  }
}

/** When the change was made that the event tells; undefined: it does not say. */
function happenedAt({ kind, snapshot }: OutboxEvent): number | undefined {
  switch (kind) {
    case 'accepted':
      return snapshot.createdAt;
    case 'started':
      return snapshot.startedAt;
    case 'ended':
      return snapshot.finishedAt;
    case 'redriven':
      return undefined;
  }
}
