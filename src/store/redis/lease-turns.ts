/** How long a partition may be leased from while others wait. */
const TURN_MS = 20;
/** Partitions that have their turn at once, at least and at most. */
const LEAST_TURNS = 2;
const MOST_TURNS = 8;

/**
 * Partitions that may have tasks for this host, in the order of their turns. While more wait than have their turn, only those that
 * have it are leased from: tasks of one partition come back as results of one partition, and a call of fifty costs hardly more than
 * one of five. No partition keeps its turn for longer than a moment while others wait, so that a busy one does not starve the others.
 *
 *     waiting ──(a place is free)──► turn ──(nothing left)──► gone
 *        ▲                            │
 *        └──(others wait, time is up)─┘
 */
export class LeaseTurns {
  readonly #now: () => number;
  /** Each with the number of the call, or message, that said so. */
  readonly #waiting = new Map<number, number>();
  readonly #turns = new Map<number, { saidBy: number; readonly since: number }>();

  /** `now`: monotonic milliseconds. */
  constructor(now: () => number) {
    this.#now = now;
  }

  get size(): number {
    return this.#waiting.size + this.#turns.size;
  }

  /** Something came to the partition. */
  add(partition: number, saidBy: number): void {
    const turn = this.#turns.get(partition);
    if (turn) turn.saidBy = saidBy;
    else this.#waiting.set(partition, saidBy);
  }

  /** A call that began as number `calledAt` left nothing: it is off, unless something has come to it since. */
  emptied(partition: number, calledAt: number): void {
    const saidBy = this.#turns.get(partition)?.saidBy ?? this.#waiting.get(partition);
    if (saidBy === undefined || saidBy > calledAt) return;
    this.#turns.delete(partition);
    this.#waiting.delete(partition);
  }

  /** Whether some partition waits for its turn. */
  get isContended(): boolean {
    return this.#waiting.size > 0;
  }

  has(partition: number): boolean {
    return this.#turns.has(partition);
  }

  /** The partitions that have their turn now, so many as `tasks` ask for; `perCall`: tasks that one call gives. */
  current(tasks: number, perCall: number): number[] {
    const now = this.#now();
    for (const [partition, { since, saidBy }] of this.#turns) {
      if (this.#waiting.size === 0 || now - since < TURN_MS) continue;
      this.#turns.delete(partition);
      this.#waiting.set(partition, saidBy);
    }
    const places = Math.min(MOST_TURNS, Math.max(LEAST_TURNS, Math.ceil(tasks / perCall)));
    for (const [partition, saidBy] of this.#waiting) {
      if (this.#turns.size >= places) break;
      this.#waiting.delete(partition);
      this.#turns.set(partition, { saidBy, since: now });
    }
    return [...this.#turns.keys()];
  }

  /** The next one begins to wait anew: what it has is not for this host now. */
  pass(partition: number): void {
    const turn = this.#turns.get(partition);
    if (!turn) return;
    this.#turns.delete(partition);
    this.#waiting.set(partition, turn.saidBy);
  }
}
