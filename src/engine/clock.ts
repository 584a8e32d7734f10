import { randomFillSync } from 'node:crypto';

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

const POOL_BYTES = 8192;
/** setTimeout fires at once for anything longer. */
const LONGEST_TIMER_MS = 0x7fffffff;

export function createSystemClock(): Clock {
  const pool = Buffer.alloc(POOL_BYTES);
  let used = POOL_BYTES;
  return {
    now: () => Date.now(),
    monotonic: () => performance.now(),
    random: () => Math.random(),
    randomBytes(count) {
      if (used + count > POOL_BYTES) {
        randomFillSync(pool);
        used = 0;
      }
      used += count;
      return pool.subarray(used - count, used);
    },
    after(ms, callback) {
      const timer = setTimeout(callback, Math.min(Math.max(0, ms), LONGEST_TIMER_MS));
      timer.unref();
      return { cancel: () => clearTimeout(timer) };
    },
    soon: (callback) => {
      setImmediate(callback);
    },
  };
}
