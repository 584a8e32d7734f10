/** A timer that can be called off. */
export interface Timer {
  cancel(): void;
}

/** Time, randomness and turns of the event loop, so that the whole engine can be simulated. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Milliseconds that never go back, of no fixed origin. */
  monotonic(): number;
  /** 0 ≤ r < 1 */
  random(): number;
  randomBytes(count: number): Uint8Array;
  /** Does not keep the process alive. */
  after(ms: number, callback: () => void): Timer;
  /** Once the turn's other callbacks have run. */
  soon(callback: () => void): void;
}
