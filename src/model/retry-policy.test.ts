import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import {
  delayBeforeRetryMs,
  MAX_RETRY_AFTER_MS,
  mayRetry,
  type RetryPolicy,
  resolveRetryPolicy,
  retryPolicyOf,
} from './retry-policy.js';

const policy: RetryPolicy = {
  maxAttempts: 4,
  initialIntervalMs: 1000,
  backoffCoefficient: 2,
  maxIntervalMs: 30_000,
  jitter: 0.5,
  nonRetryable: ['NO'],
};

const policies: fc.Arbitrary<RetryPolicy> = fc.record({
  maxAttempts: fc.integer({ min: 1, max: 1000 }),
  initialIntervalMs: fc.integer({ min: 0, max: 86_400_000 }),
  backoffCoefficient: fc.double({ min: 1, max: 100, noNaN: true }),
  maxIntervalMs: fc.integer({ min: 0, max: 86_400_000 }),
  jitter: fc.double({ min: 0, max: 1, noNaN: true }),
  nonRetryable: fc.constant([]),
});
const randoms = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const attempts = fc.integer({ min: 1, max: 1000 });

describe('delayBeforeRetryMs', () => {
  test('doubles from the initial interval to the longest one', () => {
    const delays = [1, 2, 3, 4, 5, 6, 7].map((attempt) => delayBeforeRetryMs({ policy, attempt, random: 0 }));
    assert.deepEqual(delays, [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
  });

  test('draws the share that jitter names', () => {
    assert.equal(delayBeforeRetryMs({ policy, attempt: 2, random: 0.5 }), 1500);
    assert.equal(delayBeforeRetryMs({ policy: { ...policy, jitter: 0 }, attempt: 2, random: 0.9 }), 2000);
    assert.equal(delayBeforeRetryMs({ policy: { ...policy, jitter: 1 }, attempt: 2, random: 0.75 }), 500);
  });

  test('waits longer where the service asked for it, for an hour at most', () => {
    const after = (retryAfterMs: number) =>
      delayBeforeRetryMs({ policy, attempt: 1, random: 0, retryAfterMs });
    assert.equal(after(400), 1000);
    assert.equal(after(45_000.2), 45_001);
    assert.equal(after(Number.POSITIVE_INFINITY), MAX_RETRY_AFTER_MS);
    assert.equal(after(-5), 1000);
  });

  test('stays within its bounds for any policy', () => {
    fc.assert(
      fc.property(policies, attempts, randoms, (any, attempt, random) => {
        const delay = delayBeforeRetryMs({ policy: any, attempt, random });
        const longest = delayBeforeRetryMs({ policy: any, attempt, random: 0 });
        assert.ok(Number.isSafeInteger(delay));
        assert.ok(delay >= 0 && delay <= longest && longest <= any.maxIntervalMs);
        assert.ok(delay >= Math.floor(longest * (1 - any.jitter)) - 1);
        assert.ok(longest >= Math.min(any.initialIntervalMs, any.maxIntervalMs));
      }),
    );
  });

  test('retryAfterMs only ever lengthens the wait', () => {
    fc.assert(
      fc.property(
        policies,
        attempts,
        randoms,
        fc.double({ min: 0, max: 1e9, noNaN: true }),
        (any, attempt, random, retryAfterMs) => {
          const delay = delayBeforeRetryMs({ policy: any, attempt, random, retryAfterMs });
          const own = delayBeforeRetryMs({ policy: any, attempt, random });
          assert.ok(delay >= own && delay <= Math.max(own, MAX_RETRY_AFTER_MS));
        },
      ),
    );
  });
});

test('mayRetry', () => {
  const ask = (over: Partial<Parameters<typeof mayRetry>[0]>) =>
    mayRetry({ policy, attempt: 1, code: 'ANY', retryable: true, ...over });
  assert.equal(ask({}), true);
  assert.equal(ask({ attempt: 3 }), true);
  assert.equal(ask({ attempt: 4 }), false);
  assert.equal(ask({ code: 'NO' }), false);
  assert.equal(ask({ retryable: false }), false);
  assert.equal(ask({ policy: { ...policy, maxAttempts: 1 } }), false);
});

test('a definition overrides only what it names', () => {
  assert.equal(retryPolicyOf(undefined), undefined);
  assert.equal(resolveRetryPolicy(policy, undefined), policy);
  assert.deepEqual(resolveRetryPolicy(policy, retryPolicyOf({ max_attempts: 9, jitter: 0 })), {
    ...policy,
    maxAttempts: 9,
    jitter: 0,
  });
  assert.deepEqual(
    retryPolicyOf({
      max_attempts: 1,
      initial_interval_ms: 2,
      backoff_coefficient: 3,
      max_interval_ms: 4,
      jitter: 0.5,
      non_retryable: ['A'],
    }),
    {
      maxAttempts: 1,
      initialIntervalMs: 2,
      backoffCoefficient: 3,
      maxIntervalMs: 4,
      jitter: 0.5,
      nonRetryable: ['A'],
    },
  );
});
