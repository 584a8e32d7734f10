/** Over how long a rate is averaged: what happened this long ago weighs 1/e of what happens now. */
const HORIZON_MS = 60_000;

/** Events a second, as a moving average that fades exponentially (the load average of Unix). O(1) a call. */
export class RateMeter {
  readonly #nowMs: () => number;
  #updatedMs: number;
  #weight = 0;

  constructor(monotonicMs: () => number) {
    this.#nowMs = monotonicMs;
    this.#updatedMs = monotonicMs();
  }

  add(count: number): void {
    this.#fade();
    this.#weight += count;
  }

  /** Rounded to two digits after the point. */
  perSecond(): number {
    this.#fade();
    return Math.round((this.#weight / HORIZON_MS) * 100_000) / 100;
  }

  #fade(): void {
    const now = this.#nowMs();
    const elapsedMs = now - this.#updatedMs;
    if (elapsedMs <= 0) return;
    this.#weight *= Math.exp(-elapsedMs / HORIZON_MS);
    this.#updatedMs = now;
  }
}
