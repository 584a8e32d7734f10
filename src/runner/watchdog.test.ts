import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { monotonicMs } from './frames/thread-clock.js';
import { Watchdog, type Watched } from './watchdog.js';

interface Item extends Watched {
  readonly name: number;
}

const item = (name: number): Item => ({ name, dueAt: 0, watchIndex: -1 });

describe('the watchdog', () => {
  test('calls for each item that is still watched, in the order of their times', async () => {
    const change = fc.record({
      name: fc.integer({ min: 0, max: 15 }),
      dueInMs: fc.option(fc.integer({ min: -5, max: 15 }), { nil: undefined }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(change, { maxLength: 60 }), async (changes) => {
        const items = Array.from({ length: 16 }, (_, name) => item(name));
        const expected = new Map<number, number>();
        const called: Item[] = [];
        const start = monotonicMs();
        await new Promise<void>((resolve) => {
          const watchdog = new Watchdog<Item>((due, now) => {
            assert.ok(due.dueAt <= now);
            called.push(due);
            if (called.length === expected.size) resolve();
          });
          for (const { name, dueInMs } of changes) {
            const changed = items[name];
            assert.ok(changed !== undefined);
            if (dueInMs === undefined) {
              watchdog.clear(changed);
              expected.delete(name);
            } else {
              watchdog.set(changed, start + dueInMs);
              expected.set(name, start + dueInMs);
            }
          }
          // The watchdog's own timer does not keep the process alive.
          if (expected.size === 0) resolve();
          else keepAliveUntil(() => called.length === expected.size);
        });
        assert.deepEqual(new Map(called.map(({ name, dueAt }) => [name, dueAt])), expected);
        assert.equal(called.length, expected.size);
        const times = called.map(({ dueAt }) => dueAt);
        assert.deepEqual(
          times,
          times.toSorted((a, b) => a - b),
        );
      }),
      { numRuns: 60 },
    );
  });

  test('calls for none after it was closed', async () => {
    const called: Item[] = [];
    const watchdog = new Watchdog<Item>((due) => called.push(due));
    watchdog.set(item(1), monotonicMs() + 1);
    watchdog.close();
    await new Promise<void>((resolve) => {
      const later = new Watchdog<Item>(() => resolve());
      later.set(item(2), monotonicMs() + 20);
      keepAliveUntil(() => later.size === 0);
    });
    assert.deepEqual(called, []);
  });

  test('may be set again from its own call', async () => {
    const times: number[] = [];
    await new Promise<void>((resolve) => {
      const watchdog: Watchdog<Item> = new Watchdog((due, now) => {
        times.push(now);
        if (times.length === 3) resolve();
        else watchdog.set(due, now + 2);
      });
      watchdog.set(item(1), monotonicMs());
      keepAliveUntil(() => times.length === 3);
    });
    assert.equal(times.length, 3);
  });
});

/** Bounded, so that a watchdog that never calls fails the test instead of hanging it. */
function keepAliveUntil(condition: () => boolean): void {
  const endAt = monotonicMs() + 5000;
  const timer = setInterval(() => {
    if (condition() || monotonicMs() > endAt) clearInterval(timer);
  }, 5);
}
