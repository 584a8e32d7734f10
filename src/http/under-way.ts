/** Time for requests of connections that were taken just before the port closed to come in. */
const ON_THEIR_WAY_MS = 100;

/**
 * Closes the port without a reset for whoever has just connected: in the phase of the event loop that follows the one which takes what
 * waits, and before connections are closed their requests get a moment to come and `graceMs` to be answered.
 */
export async function closePort(close: () => void, underWay: UnderWay, graceMs: number): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  close();
  await new Promise((resolve) => setTimeout(resolve, Math.min(ON_THEIR_WAY_MS, graceMs)));
  await underWay.drained(graceMs);
}

/** Counts the requests that have come and are not answered, so that a server that closes can wait for them. */
export class UnderWay {
  #count = 0;
  #whenNone: (() => void) | undefined;

  began(): void {
    this.#count += 1;
  }

  ended(): void {
    this.#count -= 1;
    if (this.#count === 0) this.#whenNone?.();
  }

  /** Resolves once none is left, or `graceMs` have passed. */
  drained(graceMs: number): Promise<void> {
    if (this.#count === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const force = setTimeout(resolve, graceMs);
      this.#whenNone = () => {
        clearTimeout(force);
        // The last answer leaves at the end of this turn.
        setImmediate(resolve);
      };
    });
  }
}
