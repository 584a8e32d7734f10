import type { RetryDefinition } from './definition.js';

/** When and how often a failed attempt is tried again. Times in milliseconds. */
export interface RetryPolicy {
  /** Attempts in all, the first one included. */
  readonly maxAttempts: number;
  readonly initialIntervalMs: number;
  readonly backoffCoefficient: number;
  readonly maxIntervalMs: number;
  /** 0..1: the share of the interval that is drawn at random. */
  readonly jitter: number;
  /** Error codes that end the node at once. */
  readonly nonRetryable: readonly string[];
}

/** The longest wait that a called service can ask for. */
export const MAX_RETRY_AFTER_MS = 3_600_000;

/** What a definition says of retries, in the model's own spelling; undefined where it says nothing. */
export function retryPolicyOf(definition: RetryDefinition | undefined): Partial<RetryPolicy> | undefined {
  if (definition === undefined) return undefined;
  const policy: { -readonly [K in keyof RetryPolicy]?: RetryPolicy[K] } = {};
  if (definition.max_attempts !== undefined) policy.maxAttempts = definition.max_attempts;
  if (definition.initial_interval_ms !== undefined) policy.initialIntervalMs = definition.initial_interval_ms;
  if (definition.backoff_coefficient !== undefined)
    policy.backoffCoefficient = definition.backoff_coefficient;
  if (definition.max_interval_ms !== undefined) policy.maxIntervalMs = definition.max_interval_ms;
  if (definition.jitter !== undefined) policy.jitter = definition.jitter;
  if (definition.non_retryable !== undefined) policy.nonRetryable = definition.non_retryable;
  return policy;
}

/** The policy in force for a node: its own words, and the defaults for the rest. */
export function resolveRetryPolicy(
  defaults: RetryPolicy,
  own: Partial<RetryPolicy> | undefined,
): RetryPolicy {
  return own === undefined ? defaults : { ...defaults, ...own };
}

/**
 * Milliseconds until the next attempt, a whole number: exponential back-off, of which a share is drawn at random so
 * that nodes which failed together do not come back together.
 *
 *     interval = min(maxInterval, initialInterval × backoffCoefficient ^ (attempt − 1))
 *     delay    = interval × (1 − jitter × random)
 *
 * rounded down, so that the delay lies between `interval × (1 − jitter)` and `interval`. Where the called service asked for a
 * longer wait it gets it, up to `MAX_RETRY_AFTER_MS`; nothing else exceeds `maxIntervalMs`. A jitter of 1 is "full
 * jitter" and 0.5 "equal jitter" in M. Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015.
 */
export function delayBeforeRetryMs(input: {
  readonly policy: RetryPolicy;
  /** The attempt that failed, from 1. */
  readonly attempt: number;
  /** 0 ≤ random < 1 */
  readonly random: number;
  readonly retryAfterMs?: number | undefined;
}): number {
  const { policy, attempt, random, retryAfterMs = 0 } = input;
  const growth = policy.backoffCoefficient ** (attempt - 1);
  // 0 × Infinity is no number: without an initial interval there is nothing that could grow.
  const grown = policy.initialIntervalMs === 0 ? 0 : policy.initialIntervalMs * growth;
  const interval = Math.min(policy.maxIntervalMs, grown);
  const delay = interval * (1 - policy.jitter * random);
  const asked = Math.ceil(Math.min(MAX_RETRY_AFTER_MS, Math.max(0, retryAfterMs)));
  return Math.max(Math.floor(delay), asked);
}

/** Whether a failed attempt is followed by another one. */
export function mayRetry(input: {
  readonly policy: RetryPolicy;
  /** The attempt that failed, from 1. */
  readonly attempt: number;
  readonly code: string;
  /** Whether the fault itself leaves hope. */
  readonly retryable: boolean;
}): boolean {
  const { policy, attempt, code, retryable } = input;
  return retryable && attempt < policy.maxAttempts && !policy.nonRetryable.includes(code);
}
