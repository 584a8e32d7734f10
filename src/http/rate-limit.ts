import { LRUCache } from 'lru-cache';
import { MillraceError } from '../model/errors.js';

/** Counts what clients spend. In the process here; one that all hosts share answers later. */
export interface RateLimiter {
  /** Grants as much of `cost` as the client has left. */
  take(client: string, cost: number): RateDecision | Promise<RateDecision>;
}

export interface RateDecision {
  readonly limit: number;
  /** 0..cost */
  readonly granted: number;
  readonly remaining: number;
  /** Until there is room for one more; 0 where there is. */
  readonly retryAfterSeconds: number;
}

/** One more than the window has seconds: the oldest second has to pass whole before it is forgotten. */
const SLOTS = 61;
/** Clients that are remembered at once, at about 300 bytes each; the one seen longest ago is forgotten first. */
const MAX_CLIENTS = 50_000;

/**
 * A sliding window of one-second slots for each client, which gets at most the limit in any sixty seconds. O(1) a call:
 * time moves over at most SLOTS slots.
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
  };
}

/** RATE_LIMITED, spelled as the contract has it. */
export function rateLimited(decision: RateDecision): MillraceError {
  const seconds = Math.max(1, decision.retryAfterSeconds);
  return new MillraceError('RATE_LIMITED', `Rate limit exceeded. Retry after ${seconds} seconds.`, {
    retryAfterSeconds: seconds,
  });
}

class SlidingWindow {
  readonly #slots = new Float64Array(SLOTS);
  #second: number;
  #used = 0;

  constructor(second: number) {
    this.#second = second;
  }

  take(cost: number, limit: number, second: number): RateDecision {
    this.#moveTo(second);
    const granted = Math.max(0, Math.min(cost, limit - this.#used));
    const slot = this.#second % SLOTS;
    this.#slots[slot] = (this.#slots[slot] ?? 0) + granted;
    this.#used += granted;
    const remaining = limit - this.#used;
    return { limit, granted, remaining, retryAfterSeconds: remaining > 0 ? 0 : this.#secondsUntilRoom() };
  }

  /** A clock that was set back changes nothing. */
  #moveTo(second: number): void {
    const steps = Math.min(SLOTS, second - this.#second);
    for (let step = 1; step <= steps; step += 1) {
      const slot = (this.#second + step) % SLOTS;
      this.#used -= this.#slots[slot] ?? 0;
      this.#slots[slot] = 0;
    }
    if (second > this.#second) this.#second = second;
  }

  #secondsUntilRoom(): number {
    for (let step = 1; step <= SLOTS; step += 1) {
      if ((this.#slots[(this.#second + step) % SLOTS] ?? 0) > 0) return step;
    }
    return SLOTS;
  }
}
