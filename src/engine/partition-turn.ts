import type { Clock } from '../model/clock.js';

/** How long, and for how many submissions, one partition is had: calls grow with it (see docs/decisions/0005). */
const TURN_MS = 10;
const TURN_ITEMS = 256;

/**
 * To which partition new executions go. One has its turn for a moment, so that what is submitted together is also leased and advanced
 * together, in few calls; over a second all have theirs. Hosts begin anywhere, so that they do not go in step.
 */
export class PartitionTurn {
  readonly #clock: Pick<Clock, 'monotonic' | 'random'>;
  readonly #partitions: number;
  #current: number;
  #since = 0;
  #taken = 0;

  constructor(clock: Pick<Clock, 'monotonic' | 'random'>, partitions: number) {
    this.#clock = clock;
    this.#partitions = partitions;
    this.#current = Math.floor(clock.random() * partitions);
  }

  /** The partition of the next submission. */
  next(): number {
    const now = this.#clock.monotonic();
    if (this.#taken >= TURN_ITEMS || now - this.#since >= TURN_MS) {
      this.#current = (this.#current + 1) % this.#partitions;
      this.#since = now;
      this.#taken = 0;
    }
    this.#taken += 1;
    return this.#current;
  }
}
