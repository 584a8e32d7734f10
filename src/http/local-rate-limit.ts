import { LRUCache } from 'lru-cache';
import { RATE_WINDOW_SLOTS } from '../store/rate-store.js';
import { MAX_CLIENTS, type RateDecision, type RateLimiter } from './rate-limit.js';

/**
 * A sliding window of one-second slots for each client, which gets at most the limit in any sixty seconds; exact, for one
 * host. O(1) a call: time moves over at most RATE_WINDOW_SLOTS slots.
 */
export function createLocalRateLimiter(options: {
  readonly limitPerMinute: number;
  readonly nowMs: () => number;
}): RateLimiter {
  const { limitPerMinute, nowMs } = options;
  const windows = new LRUCache<string, SlidingWindow>({ max: MAX_CLIENTS });
  return {
    take(client, cost) {
      const second = Math.floor(nowMs() / 1000);
      let window = windows.get(client);
      if (!window) {
        window = new SlidingWindow(second);
        windows.set(client, window);
      }
      return window.take(cost, limitPerMinute, second);
    },
    peek(client) {
      const window = windows.peek(client) ?? new SlidingWindow(0);
      return window.take(0, limitPerMinute, Math.floor(nowMs() / 1000));
    },
  };
}

class SlidingWindow {
  readonly #slots = new Float64Array(RATE_WINDOW_SLOTS);
  #second: number;
  #used = 0;

  constructor(second: number) {
    this.#second = second;
  }

  take(cost: number, limit: number, second: number): RateDecision {
    this.#moveTo(second);
    const granted = Math.max(0, Math.min(cost, limit - this.#used));
    const slot = this.#second % RATE_WINDOW_SLOTS;
    this.#slots[slot] = (this.#slots[slot] ?? 0) + granted;
    this.#used += granted;
    const remaining = limit - this.#used;
    return { limit, granted, remaining, retryAfterSeconds: remaining > 0 ? 0 : this.#secondsUntilRoom() };
  }

  /** A clock that was set back changes nothing. */
  #moveTo(second: number): void {
    const steps = Math.min(RATE_WINDOW_SLOTS, second - this.#second);
    for (let step = 1; step <= steps; step += 1) {
      const slot = (this.#second + step) % RATE_WINDOW_SLOTS;
      this.#used -= this.#slots[slot] ?? 0;
      this.#slots[slot] = 0;
    }
    if (second > this.#second) this.#second = second;
  }

  #secondsUntilRoom(): number {
    for (let step = 1; step <= RATE_WINDOW_SLOTS; step += 1) {
      if ((this.#slots[(this.#second + step) % RATE_WINDOW_SLOTS] ?? 0) > 0) return step;
    }
    return RATE_WINDOW_SLOTS;
  }
}
