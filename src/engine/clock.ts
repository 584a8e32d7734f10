import { randomFillSync } from 'node:crypto';
import type { Clock } from '../model/clock.js';

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
