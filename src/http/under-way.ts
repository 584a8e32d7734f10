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
