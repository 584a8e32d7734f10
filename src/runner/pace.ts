/** Run time up to which tasks count as quick, and the weight of the latest in the mean: see docs/decisions/0007. */
const QUICK_MS = 5;
const WEIGHT = 1 / 32;
/** Where the mean begins: some dozens of quick tasks have to be seen first. */
const START_MS = 4 * QUICK_MS;
/** Time without an end after which the mean tells nothing: what runs now is not quick. */
const STALE_MS = 10 * QUICK_MS;
/** Room for tasks that wait, in multiples of the room for tasks that run. */
const AHEAD = 3;

/**
 * How far ahead of its threads the runner takes tasks. As many as run at once, as a rule: what waits here could run on another host.
 * While tasks are quick, several times as many, so that the next ones are at hand while results travel to the store and back; they wait
 * for milliseconds.
 */
export class Pace {
  readonly #capacity: number;
  readonly #now: () => number;
  #meanMs = START_MS;
  #endedAt = Number.NEGATIVE_INFINITY;

  /** `capacity`: tasks that run at once. `now`: monotonic milliseconds. */
  constructor(capacity: number, now: () => number) {
    this.#capacity = capacity;
    this.#now = now;
  }

  /** A task has ended that ran for so long. */
  ran(ms: number): void {
    this.#meanMs += (ms - this.#meanMs) * WEIGHT;
    this.#endedAt = this.#now();
  }

  /** How many tasks may wait for a thread. */
  get ahead(): number {
    const isQuick = this.#meanMs <= QUICK_MS && this.#now() - this.#endedAt <= STALE_MS;
    return isQuick ? AHEAD * this.#capacity : 0;
  }
}
