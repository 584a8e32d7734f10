import type { LeasedTask, LeaseRequest, OutboxEvent, StoreSignal } from '../../model/commands.js';
import { deadLettersOf } from '../../model/dead-letter.js';
import type { ExecutionRecord } from '../../model/execution-record.js';
import type { ExecutionId, HostId } from '../../model/ids.js';
import type { DeadLetter } from '../../model/snapshot.js';
import { hasEnded } from '../../model/states.js';
import { type IdempotencyRecord, type LeaseVerdict, Machine } from '../../model/transitions.js';
import type { SimulatedRecord } from './simulated-record.js';
import type { Cause, Witness } from './witness.js';
import type { Process, World } from './world.js';

export interface SharedStoreOptions {
  readonly world: World;
  readonly process: Process;
  readonly witness: Witness;
  readonly leaseMs: number;
  readonly maxDeliveries: number;
  /** How long what has ended stays after the record has it. */
  readonly graceMs: number;
  readonly parkAfterMs: number;
}

/** Whoever is told of changes. */
export interface Listening {
  tell(signals: readonly StoreSignal[]): void;
}

const BEGINNING = Date.UTC(2024, 0, 1);
const ALL = 1_000_000;

/**
 * One machine for several hosts, with the rules of the distributed store: each host has a connection, is told of what others did by
 * messages, and counts as alive while it beats; an expired lease counts as a death only where its owner does not. What has ended is
 * left for a while after the record has it; what nobody triggers is let go of.
 */
export class SharedStore {
  readonly options: SharedStoreOptions;
  readonly machine: Machine;
  /** Set once, right after both are made: each looks into the other. */
  record!: SimulatedRecord;
  readonly deletedLetters = new Set<string>();
  /** The lease behind a task, by its list of inputs: each lease has a list of its own, which the engine passes on to the runner. */
  readonly leaseByInputs = new WeakMap<object, LeasedTask>();
  readonly #connections = new Map<HostId, Listening>();
  readonly #beats = new Map<HostId, number>();
  /** The revision that the record is known to have. */
  readonly #recorded = new Map<ExecutionId, number>();
  /** Of executions that were brought back from the record: the revision that they had when they left again. */
  readonly #returned = new Map<ExecutionId, number>();
  #skewMs = 0;
  #returnedAt = Number.NEGATIVE_INFINITY;

  constructor(options: SharedStoreOptions) {
    this.options = options;
    const keys = new Map<string, IdempotencyRecord>();
    this.machine = new Machine({
      idempotency: { get: (key) => keys.get(key), set: (key, record) => void keys.set(key, record) },
      maxExecutionBytes: 1 << 20,
      maxFailuresKept: 50,
    });
  }

  /** The store's own instant, which every transition counts by. */
  now(): number {
    return BEGINNING + this.options.world.nowMs + this.#skewMs;
  }

  jump(ms: number): void {
    this.#skewMs += ms;
  }

  /** It was away until now: hosts that could not beat are not gone for that, and leases get their time anew. */
  returned(): void {
    this.#returnedAt = this.options.world.nowMs;
    for (const connection of this.#connections.values()) this.wake(connection);
  }

  join(host: HostId, connection: Listening): void {
    this.#connections.set(host, connection);
    this.beat(host);
  }

  leave(host: HostId): void {
    this.#connections.delete(host);
  }

  beat(host: HostId): void {
    this.#beats.set(host, this.options.world.nowMs);
  }

  judge(lease: { readonly owner: HostId | undefined; readonly until: number }): LeaseVerdict {
    const { world, leaseMs } = this.options;
    if (lease.until > this.now() || world.nowMs < this.#returnedAt + leaseMs) return 'in_force';
    const beat = lease.owner === undefined ? undefined : this.#beats.get(lease.owner);
    return beat !== undefined && world.nowMs - beat <= leaseMs ? 'over' : 'owner_died';
  }

  /** Lets the witness see what a call changed, and tells the hosts. */
  settle(cause: Cause, caller: Listening): void {
    const effects = this.machine.takeEffects();
    const now = this.now();
    for (const execution of effects.touched) {
      this.options.witness.changed(execution, execution.takeTouchedNodes(), cause, now);
    }
    const everybody: StoreSignal[] = [];
    if (effects.aborted.length > 0) everybody.push({ kind: 'abort', leases: effects.aborted });
    const ended = effects.ended.flatMap(endOf);
    if (effects.ready && this.machine.readyTasks > 0) everybody.push({ kind: 'ready' });
    for (const connection of this.#connections.values()) {
      const isOwn = connection === caller;
      const ends = isOwn ? ended : ended.map((end) => ({ ...end, elsewhere: true as const }));
      connection.tell([...everybody, ...ends, ...(isOwn ? this.#ownSignals(effects.touched) : [])]);
    }
  }

  #ownSignals(touched: readonly ExecutionRecord[]): StoreSignal[] {
    if (touched.length === 0) return [];
    const timerAt = this.machine.nextTimerAt();
    const signals: StoreSignal[] = [{ kind: 'outbox' }];
    if (timerAt !== undefined) signals.push({ kind: 'timer', inMs: Math.max(0, timerAt - this.now()) });
    return signals;
  }

  /** Covers lost messages. */
  wake(connection: Listening): void {
    const signals: StoreSignal[] = [];
    if (this.machine.readyTasks > 0) signals.push({ kind: 'ready' });
    if (this.outbox(1).length > 0) signals.push({ kind: 'outbox' });
    const timerAt = this.machine.nextTimerAt();
    if (timerAt !== undefined) signals.push({ kind: 'timer', inMs: Math.max(0, timerAt - this.now()) });
    connection.tell(signals);
  }

  lease(request: LeaseRequest | undefined) {
    const tasks = request && request.total > 0 ? this.machine.lease(request, this.now()) : [];
    for (const task of tasks) this.leaseByInputs.set(task.inputs, task);
    return tasks;
  }

  outbox(limit: number): OutboxEvent[] {
    return this.machine
      .takeOutbox(ALL)
      .filter(({ snapshot }) => this.#recorded.get(snapshot.executionId) !== snapshot.revision)
      .slice(0, limit)
      .map((event) =>
        event.kind === 'ended' ? { ...event, deadLetters: event.deadLetters.filter(this.#isKept) } : event,
      );
  }

  acknowledge(events: readonly OutboxEvent[]): void {
    for (const { snapshot } of events) {
      const { executionId, revision, state } = snapshot;
      this.#recorded.set(executionId, Math.max(revision, this.#recorded.get(executionId) ?? 0));
      if (hasEnded(state)) this.leavesLater(executionId, revision);
      else this.machine.acknowledge(executionId, revision);
    }
  }

  /** What has ended and is recorded goes after its grace, if nothing has become of it by then. */
  leavesLater(id: ExecutionId, revision: number): void {
    const { world, process, graceMs } = this.options;
    world.after(process, graceMs, () => {
      const last = this.machine.find(id)?.revision;
      this.machine.acknowledge(id, revision);
      if (last !== undefined && this.#returned.has(id) && !this.machine.find(id))
        this.#returned.set(id, last);
    });
  }

  /** Whether a snapshot of it comes too late: it was brought back and has gone on since. */
  isOutdated(id: ExecutionId, revision: number): boolean {
    return (this.#returned.get(id) ?? 0) > revision;
  }

  restored(id: ExecutionId, revision: number): void {
    this.#returned.set(id, revision);
    this.#recorded.set(id, Math.max(revision, this.#recorded.get(id) ?? 0));
    this.leavesLater(id, revision);
  }

  park(): void {
    const before = this.now() - this.options.parkAfterMs;
    for (const { executionId, state, createdAt, revision } of this.machine.executions()) {
      if (state !== 'pending' || createdAt > before) continue;
      if (this.#recorded.get(executionId) === revision) this.machine.park(executionId);
    }
  }

  /** Of failed executions, here or in the record. */
  letters(): DeadLetter[] {
    const hot = [...this.machine.executions()].flatMap(({ executionId }) => this.#hotLetters(executionId));
    const recorded = this.record.letters().filter((letter) => !this.machine.find(letter.executionId));
    return [...hot, ...recorded].filter(this.#isKept);
  }

  lettersOf(id: ExecutionId): DeadLetter[] {
    const letters = this.machine.find(id) ? this.#hotLetters(id) : this.record.lettersOf(id);
    return letters.filter(this.#isKept);
  }

  #hotLetters(id: ExecutionId): DeadLetter[] {
    const snapshot = this.machine.read(id);
    const plan = this.machine.find(id)?.plan;
    return snapshot && plan ? deadLettersOf(snapshot, plan) : [];
  }

  readonly #isKept = (letter: DeadLetter): boolean => !this.deletedLetters.has(letter.id);
}

function endOf(execution: ExecutionRecord) {
  const { executionId, state, startedAt, finishedAt = 0 } = execution;
  if (state !== 'completed' && state !== 'failed' && state !== 'cancelled') return [];
  return [{ kind: 'ended' as const, executionId, end: { state, startedAt, finishedAt } }];
}
