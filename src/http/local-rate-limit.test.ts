import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { createLocalRateLimiter } from './local-rate-limit.js';
import type { RateDecision } from './rate-limit.js';

function limiterAt(limitPerMinute: number) {
  const clock = { ms: 1_700_000_000_000 };
  const limiter = createLocalRateLimiter({ limitPerMinute, nowMs: () => clock.ms });
  return { clock, take: (client: string, cost: number) => limiter.take(client, cost) as RateDecision };
}

describe('rate limit', () => {
  test('grants in part what is left, and says when there is room again', () => {
    const { clock, take } = limiterAt(10);
    assert.deepEqual(take('a', 4), { limit: 10, granted: 4, remaining: 6, retryAfterSeconds: 0 });
    clock.ms += 30_000;
    assert.deepEqual(take('a', 9), { limit: 10, granted: 6, remaining: 0, retryAfterSeconds: 31 });
    assert.equal(take('a', 1).granted, 0);
    assert.equal(take('b', 1).granted, 1);
    clock.ms += 31_000;
    assert.deepEqual(take('a', 9), { limit: 10, granted: 4, remaining: 0, retryAfterSeconds: 30 });
  });

  test('a clock that is set back neither grants more nor fails', () => {
    const { clock, take } = limiterAt(2);
    take('a', 2);
    clock.ms -= 3_600_000;
    assert.equal(take('a', 1).granted, 0);
    clock.ms += 3_600_000 + 61_000;
    assert.equal(take('a', 1).granted, 1);
  });

  test('never grants more than the limit within sixty seconds, and grants again when it says', () => {
    const steps = fc.array(fc.record({ waitMs: fc.nat(20_000), cost: fc.integer({ min: 1, max: 8 }) }), {
      maxLength: 60,
    });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), steps, (limit, moves) => {
        const { clock, take } = limiterAt(limit);
        const grants: { readonly ms: number; readonly count: number }[] = [];
        let room: number | undefined;
        for (const { waitMs, cost } of moves) {
          clock.ms += waitMs;
          const decision = take('a', cost);
          if (room !== undefined && clock.ms >= room) assert.ok(decision.granted > 0);
          grants.push({ ms: clock.ms, count: decision.granted });
          const recent = grants.filter(({ ms }) => ms > clock.ms - 60_000);
          assert.ok(recent.reduce((sum, { count }) => sum + count, 0) <= limit);
          assert.ok(decision.granted === cost || decision.remaining === 0);
          room = decision.remaining > 0 ? undefined : clock.ms + decision.retryAfterSeconds * 1000;
        }
      }),
    );
  });
});
