import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { SimulatedClock } from '../testing/simulated-clock.js';
import { Batcher } from './batcher.js';

/** A call of the batcher that waits for its answer. */
interface Call {
  readonly items: readonly number[];
  /** Every outcome is the item's negative. */
  answer(durable?: Promise<void>): void;
  fail(error: Error): void;
}

function createBatcher(maxItems: number) {
  const calls: Call[] = [];
  const batcher = new Batcher<number, number>({
    clock: new SimulatedClock(),
    maxItems,
    run: (items) =>
      new Promise((resolve, reject) => {
        const outcomes = items.map((item) => -item);
        const answer = (durable: Promise<void> = Promise.resolve()) => resolve({ outcomes, durable });
        calls.push({ items, answer, fail: reject });
      }),
  });
  return { batcher, calls };
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('batcher', () => {
  test('what comes in one turn goes into one call', async () => {
    const { batcher, calls } = createBatcher(10);
    const outcomes = Promise.all([1, 2, 3].map((item) => batcher.add(item)));
    assert.equal(calls.length, 0);
    await turn();
    assert.deepEqual(
      calls.map((call) => call.items),
      [[1, 2, 3]],
    );
    calls[0]?.answer();
    assert.deepEqual(await outcomes, [-1, -2, -3]);
  });

  test('what comes while a call is under way goes into the next', async () => {
    const { batcher, calls } = createBatcher(10);
    const first = batcher.add(1);
    await turn();
    const later = [batcher.add(2)];
    await turn();
    later.push(batcher.add(3));
    await turn();
    assert.equal(calls.length, 1);
    calls[0]?.answer();
    assert.equal(await first, -1);
    await turn();
    assert.deepEqual(calls[1]?.items, [2, 3]);
    calls[1]?.answer();
    assert.deepEqual(await Promise.all(later), [-2, -3]);
  });

  test('the next call does not wait until the last is durable, but its callers do', async () => {
    const { batcher, calls } = createBatcher(10);
    let sync: () => void = () => undefined;
    const durable = new Promise<void>((resolve) => {
      sync = resolve;
    });
    const answered: number[] = [];
    void batcher.add(1).then((outcome) => answered.push(outcome));
    await turn();
    calls[0]?.answer(durable);
    void batcher.add(2).then((outcome) => answered.push(outcome));
    await turn();
    await turn();
    calls[1]?.answer();
    await turn();
    assert.deepEqual(answered, [-2]);
    sync();
    await turn();
    assert.deepEqual(answered, [-2, -1]);
  });

  test('a call that fails is the failure of its own items', async () => {
    const { batcher, calls } = createBatcher(2);
    const outcomes = [1, 2, 3].map((item) => batcher.add(item).catch((error: Error) => error.message));
    await turn();
    calls[0]?.fail(new Error('refused'));
    await turn();
    await turn();
    calls[1]?.answer();
    assert.deepEqual(await Promise.all(outcomes), ['refused', 'refused', -3]);
  });

  test('what was not kept is not told as done', async () => {
    const { batcher, calls } = createBatcher(2);
    const outcome = batcher.add(1);
    await turn();
    calls[0]?.answer(Promise.reject(new Error('the disk is full')));
    await assert.rejects(outcome, /the disk is full/);
  });

  test('each item gets its own outcome, in calls of at most so many, in order', async () => {
    const anyItems = fc.array(fc.array(fc.integer({ min: 1, max: 1000 }), { maxLength: 8 }), {
      maxLength: 6,
    });
    await fc.assert(
      fc.asyncProperty(anyItems, fc.integer({ min: 1, max: 5 }), async (turns, maxItems) => {
        const { batcher, calls } = createBatcher(maxItems);
        const outcomes: Promise<number>[] = [];
        let answered = 0;
        const answerNext = () => calls[answered++]?.answer();
        for (const items of turns) {
          outcomes.push(...items.map((item) => batcher.add(item)));
          await turn();
          if (answered < calls.length) answerNext();
        }
        while (calls.flatMap((call) => call.items).length < turns.flat().length || answered < calls.length) {
          if (answered < calls.length) answerNext();
          await turn();
        }
        assert.deepEqual(
          await Promise.all(outcomes),
          turns.flat().map((item) => -item),
        );
        assert.deepEqual(
          calls.flatMap((call) => call.items),
          turns.flat(),
        );
        assert.ok(calls.every((call) => call.items.length >= 1 && call.items.length <= maxItems));
      }),
      { numRuns: 50 },
    );
  });
});
