import type { RunnerResult } from './task-runner.js';

/**
 * Gathers the results of one turn of the event loop. Threads post to ports of their own, each of which is a callback of
 * its own in the poll phase; the check phase that follows hands everything on at once, at the price of some microseconds.
 */
export class ResultBatch {
  #results: RunnerResult[] = [];
  #isDue = false;
  #listener: (results: readonly RunnerResult[]) => void = () => {};
  #isClosed = false;

  onResults(listener: (results: readonly RunnerResult[]) => void): void {
    this.#listener = listener;
  }

  add(result: RunnerResult): void {
    this.#results.push(result);
    this.handOnSoon();
  }

  /** Calls the listener also where there is no result. */
  handOnSoon(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    setImmediate(() => this.#handOn());
  }

  close(): void {
    this.#isClosed = true;
  }

  #handOn(): void {
    const results = this.#results;
    this.#results = [];
    this.#isDue = false;
    if (!this.#isClosed) this.#listener(results);
  }
}
