import type { Clock, Timer } from '../model/clock.js';
import { createSeededRandom } from './seeded-random.js';

interface Pending {
  readonly dueAt: number;
  readonly callback: () => void;
}

/**
 * A clock that stands still until it is told to go on. Turns of the event loop are real, because what a store waits for
 * (its disk) is; so whoever advances the clock awaits the outcome, not a time.
 */
export class SimulatedClock implements Clock {
  readonly #random;
  readonly #startMs: number;
  #nowMs: number;
  /** By how much the instants have gone back, which monotonic time does not. */
  #backMs = 0;
  #pending: Pending[] = [];

  constructor(options: { readonly startMs?: number; readonly seed?: number } = {}) {
    this.#startMs = options.startMs ?? Date.UTC(2024, 0, 1);
    this.#nowMs = this.#startMs;
    this.#random = createSeededRandom(options.seed ?? 1);
  }

  /** Timers that wait. */
  get waiting(): number {
    return this.#pending.length;
  }

  now(): number {
    return this.#nowMs;
  }

  monotonic(): number {
    return this.#nowMs - this.#startMs + this.#backMs;
  }

  random(): number {
    return this.#random.next();
  }

  randomBytes(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => this.#random.integer(0, 255));
  }

  after(ms: number, callback: () => void): Timer {
    const pending = { dueAt: this.#nowMs + Math.max(0, ms), callback };
    this.#pending.push(pending);
    return {
      cancel: () => {
        this.#pending = this.#pending.filter((other) => other !== pending);
      },
    };
  }

  soon(callback: () => void): void {
    setImmediate(callback);
  }

  /** Lets time pass. Timers fire in the order in which they are due, equal ones as they were set, each at its own time. Less
   * than 0: the instants are set back. */
  advance(ms: number): void {
    if (ms < 0) this.#backMs -= ms;
    const until = this.#nowMs + ms;
    for (let next = this.#takeDue(until); next; next = this.#takeDue(until)) {
      this.#nowMs = Math.max(this.#nowMs, next.dueAt);
      next.callback();
    }
    this.#nowMs = until;
  }

  #takeDue(until: number): Pending | undefined {
    let first: Pending | undefined;
    for (const pending of this.#pending) {
      if (pending.dueAt <= until && (!first || pending.dueAt < first.dueAt)) first = pending;
    }
    if (first) this.#pending.splice(this.#pending.indexOf(first), 1);
    return first;
  }
}
