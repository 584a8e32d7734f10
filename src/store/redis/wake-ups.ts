import type { LeaseRef, StoreSignal } from '../../model/commands.js';
import type { ExecutionId } from '../../model/ids.js';
import type { Plan } from '../../model/plan.js';
import { EXECUTION_STATES } from '../../model/states.js';
import type { HeldLeases } from './held-leases.js';
import { LeaseTurns } from './lease-turns.js';
import type { ScriptReply } from './partition-client.js';

const ENDED_FIELDS = 4;

/**
 * What this host knows of work that waits: partitions that may have something to lease, when their timers are due, and the
 * listener that is told. It is learnt from replies, from messages of other hosts and, once a second, from a sweep, which covers
 * lost messages.
 */
export class WakeUps {
  readonly #held: HeldLeases;
  readonly #partitions: number;
  readonly turns: LeaseTurns;
  readonly #unrecorded = new Set<number>();
  #calls = 0;
  /** When the next timer of a partition is due, as far as is known. */
  readonly #timers: number[];
  #announcedTimerAt = Number.POSITIVE_INFINITY;
  #listener: (signals: readonly StoreSignal[]) => void = () => undefined;

  /** `now`: monotonic milliseconds. */
  constructor(partitions: number, held: HeldLeases, now: () => number) {
    this.turns = new LeaseTurns(now);
    this.#held = held;
    this.#partitions = partitions;
    this.#timers = new Array<number>(partitions).fill(0);
  }

  listen(listener: (signals: readonly StoreSignal[]) => void): void {
    this.#listener = listener;
  }

  tell(signals: readonly StoreSignal[]): void {
    if (signals.length > 0) this.#listener(signals);
  }

  /** How many partitions may have tasks. */
  get hotPartitions(): number {
    return this.turns.size;
  }

  warm(partition: number): void {
    this.turns.add(partition, ++this.#calls);
  }

  /** Nothing is known: any partition may have tasks, and something for the record. */
  suspectAll(): void {
    for (let partition = 0; partition < this.#partitions; partition++) {
      this.warm(partition);
      this.#unrecorded.add(partition);
    }
  }

  /** The record has something to learn from the partition. */
  outboxGrew(partition: number): void {
    this.#unrecorded.add(partition);
    this.tell([{ kind: 'outbox' }]);
  }

  /** Partitions from which the record may have something to learn; they are taken as done from now on. */
  takeUnrecorded(most: number): number[] {
    const taken = [...this.#unrecorded].slice(0, most);
    for (const partition of taken) this.#unrecorded.delete(partition);
    return taken;
  }

  /** The partition is to be looked at again, by whom does so anyhow. */
  stillUnrecorded(partition: number): void {
    this.#unrecorded.add(partition);
  }

  /** The number of a call that leases, for `leasedFrom`. */
  beginLease(): number {
    return ++this.#calls;
  }

  /** A partition that left nothing is not asked again, unless something came to it after the call had begun. */
  leasedFrom(partition: number, calledAt: number, more: boolean): void {
    if (more) this.warm(partition);
    else this.turns.emptied(partition, calledAt);
  }

  timerOf(partition: number): number {
    return this.#timers[partition] ?? 0;
  }

  timerSet(partition: number, at: number, inMs: number): void {
    this.#timers[partition] = Math.min(this.#timers[partition] ?? at, at);
    if (at >= this.#announcedTimerAt) return;
    this.#announcedTimerAt = at;
    this.tell([{ kind: 'timer', inMs: Math.max(0, inMs) }]);
  }

  /** The deadline of an execution that has just started. */
  armed(partition: number, reply: ScriptReply, plan: Plan): void {
    if (plan.timeoutMs !== undefined) this.timerSet(partition, reply.now + plan.timeoutMs, plan.timeoutMs);
  }

  /** Partitions that have, or may have, a timer. */
  timedPartitions(): number[] {
    return [...this.#timers.keys()].filter((partition) => this.timerOf(partition) < Number.POSITIVE_INFINITY);
  }

  /** The timers of a partition are about to be looked through: what is set from now on counts anew. */
  beginTimers(partition: number): void {
    this.#timers[partition] = Number.POSITIVE_INFINITY;
  }

  timerFound(partition: number, at: number): void {
    this.#timers[partition] = Math.min(this.#timers[partition] ?? at, at);
  }

  /** When the next timer of all is due; Infinity: there is none. It counts as announced. */
  announceTimers(): number {
    this.#announcedTimerAt = Math.min(...this.#timers);
    return this.#announcedTimerAt;
  }

  /** Nothing is known of timers until they are looked through again. */
  forgetTimers(): void {
    this.#timers.fill(0);
  }

  /** After a call that leased nothing along. */
  afterCall(partition: number, reply: ScriptReply): void {
    this.endedHere(partition, reply);
    if (!reply.fresh) return;
    this.warm(partition);
    this.tell([{ kind: 'ready' }]);
  }

  /** Tells of the executions that a call of this host ended. */
  endedHere(partition: number, reply: ScriptReply): void {
    if (reply.ended.length === 0) return;
    this.tell(this.endSignals(reply.ended, 'here'));
    this.outboxGrew(partition);
  }

  /** Signals of the executions that a reply or a message names; leases of this host on them are void. */
  endSignals(ended: readonly unknown[], where: 'here' | 'elsewhere'): StoreSignal[] {
    const signals: StoreSignal[] = [];
    const leases: LeaseRef[] = [];
    for (let at = 0; at + ENDED_FIELDS <= ended.length; at += ENDED_FIELDS) {
      const executionId = String(ended[at]) as ExecutionId;
      const state = EXECUTION_STATES[Number(ended[at + 1])];
      if (state !== 'completed' && state !== 'failed' && state !== 'cancelled') continue;
      leases.push(...this.#held.takeExecution(executionId));
      const startedAt = Number(ended[at + 2]) || undefined;
      const end = { state, startedAt, finishedAt: Number(ended[at + 3]) };
      signals.push({ kind: 'ended', executionId, end, ...(where === 'elsewhere' && { elsewhere: true }) });
    }
    return leases.length > 0 ? [{ kind: 'abort', leases }, ...signals] : signals;
  }
}
