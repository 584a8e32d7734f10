import { MillraceError } from '../model/errors.js';

/** Counts what clients spend. */
export interface RateLimiter {
  /** Grants as much of `cost` as the client has left. Never rejects. */
  take(client: string, cost: number): RateDecision | Promise<RateDecision>;
  /** What the client has left, as far as this host knows; counts nothing and remembers nobody. */
  peek(client: string): RateDecision;
}

export interface RateDecision {
  readonly limit: number;
  /** 0..cost */
  readonly granted: number;
  readonly remaining: number;
  /** Until there is room for one more; 0 where there is. */
  readonly retryAfterSeconds: number;
}

/** Clients that are remembered at once, at about 500 bytes each; the one seen longest ago is forgotten first. */
export const MAX_CLIENTS = 50_000;

/** RATE_LIMITED, spelled as the contract has it. */
export function rateLimited(decision: RateDecision): MillraceError {
  const seconds = Math.max(1, decision.retryAfterSeconds);
  return new MillraceError('RATE_LIMITED', `Rate limit exceeded. Retry after ${seconds} seconds.`, {
    retryAfterSeconds: seconds,
  });
}
