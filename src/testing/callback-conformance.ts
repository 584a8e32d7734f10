import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import type { ExecutionId } from '../model/ids.js';
import type { CallbackClaim, CallbackOutbox, DueCallback } from '../store/callback-outbox.js';
import { seededIds } from './machine-fixture.js';

/** An empty outbox, and what the suite needs beside the interface. */
export interface CallbackSubject {
  readonly outbox: CallbackOutbox;
  now(): number;
  advance(ms: number): void;
  /** Records an end that this URL is to be told of. */
  end(executionId: ExecutionId, url: string): Promise<void>;
}

const CLAIM_MS = 60_000;

/** The contract of `CallbackOutbox`, for every store. */
export function callbackConformance(create: (context: TestContext) => Promise<CallbackSubject>): void {
  const begin = async (context: TestContext) => {
    const subject = await create(context);
    const ids = seededIds(() => subject.now());
    const end = async (url: string): Promise<ExecutionId> => {
      const id = ids.next(0);
      await subject.end(id, url);
      return id;
    };
    const claim = (options: Partial<CallbackClaim> = {}): Promise<readonly DueCallback[]> =>
      subject.outbox.claim({
        ...{ most: 100, perOrigin: 100, rooms: new Map(), afterOrigin: '', claimMs: CLAIM_MS },
        ...options,
      });
    return { ...subject, end, claim };
  };

  describe('callbacks that are to be made', () => {
    test('are claimed once, as they came in', async (t) => {
      const { outbox, end, claim, now } = await begin(t);
      assert.deepEqual(await claim(), []);
      const url = 'https://a.test:8443/ended?token=ü';
      const id = await end(url);
      const [callback, ...rest] = await claim();
      assert.ok(callback);
      assert.deepEqual(
        [callback.executionId, callback.finishedAt, callback.url, callback.attempt, rest.length],
        [id, now(), url, 1, 0],
      );
      assert.deepEqual(await claim(), []);
      assert.equal(await outbox.pending(10), 1);
    });

    test('are gone once they are settled, and due again at their time where they are to be tried again', async (t) => {
      const { outbox, end, claim, advance } = await begin(t);
      const [told, failed] = [await end('https://a.test/1'), await end('https://a.test/2')];
      const claimed = await claim();
      await outbox.settle(
        claimed.map((callback) => ({
          callback,
          retryInMs: callback.executionId === told ? undefined : 5000,
        })),
      );
      assert.equal(await outbox.pending(10), 1);
      advance(4999);
      assert.deepEqual(await claim(), []);
      advance(1);
      const again = await claim();
      assert.deepEqual(
        again.map(({ executionId, attempt }) => [executionId, attempt]),
        [[failed, 2]],
      );
    });

    test('leave room to other origins, and take turns', async (t) => {
      const { end, claim } = await begin(t);
      for (let count = 0; count < 5; count++)
        for (const host of ['a', 'b', 'c']) await end(`https://${host}.test/`);
      const countOf = (claimed: readonly DueCallback[]) => {
        const counts: Record<string, number> = { a: 0, b: 0, c: 0 };
        for (const { url } of claimed)
          counts[new URL(url).hostname[0] ?? ''] = (counts[new URL(url).hostname[0] ?? ''] ?? 0) + 1;
        return counts;
      };
      const rooms = new Map([['https://b.test', 0]]);
      assert.deepEqual(countOf(await claim({ perOrigin: 2, rooms })), { a: 2, b: 0, c: 2 });
      const [first] = await claim({ most: 1 });
      assert.ok(first);
      const [second] = await claim({ most: 1, afterOrigin: new URL(first.url).origin });
      const [third] = await claim({ most: 1, afterOrigin: new URL(second?.url ?? '').origin });
      assert.equal(new Set([first, second, third].map((each) => each?.url)).size, 3);
      assert.deepEqual(countOf(await claim({ most: 50 })), { a: 2, b: 4, c: 2 });
    });

    test('are counted no further than asked', async (t) => {
      const { outbox, end } = await begin(t);
      for (let count = 0; count < 4; count++) await end('https://a.test/');
      assert.equal(await outbox.pending(3), 3);
    });
  });
}
