import type { CallEnd } from '../frames/circuit-protocol.js';

/**
 * The calls by which a half-open circuit finds out whether its service works again: at most so many are let through, and
 * all of them have to succeed. `outcome` resolves then, and rejects with the first that fails. A call that tells nothing
 * gives its place to another.
 */
export class Trial {
  readonly id: number;
  readonly outcome: Promise<void>;
  readonly #calls: number;
  #underWay = 0;
  #succeeded = 0;
  #pass: () => void = () => {};
  #fail: (reason: Error) => void = () => {};

  constructor(id: number, calls: number) {
    this.id = id;
    this.#calls = calls;
    this.outcome = new Promise<void>((resolve, reject) => {
      this.#pass = resolve;
      this.#fail = reject;
    });
  }

  /** Whether one more call may be made. */
  admit(): boolean {
    if (this.#underWay + this.#succeeded >= this.#calls) return false;
    this.#underWay += 1;
    return true;
  }

  settle(end: CallEnd): void {
    this.#underWay -= 1;
    if (end === 'failed') this.#fail(new Error('a trial call failed'));
    if (end !== 'succeeded') return;
    this.#succeeded += 1;
    if (this.#succeeded === this.#calls) this.#pass();
  }
}
