import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ExecutionId } from '../model/ids.js';
import { SimulatedClock } from '../testing/simulated-clock.js';
import { EndWaiters } from './end-waiters.js';

const ONE = 'one' as ExecutionId;
const OTHER = 'other' as ExecutionId;
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

function createWaiters() {
  const clock = new SimulatedClock();
  const waiters = new EndWaiters(clock);
  const woken: string[] = [];
  const listen = (
    name: string,
    id: ExecutionId,
    options: { timeoutMs?: number; signal?: AbortSignal } = {},
  ) => {
    const waiting = waiters.listen(id, { timeoutMs: options.timeoutMs ?? 1000, signal: options.signal });
    void waiting.ended.then(() => woken.push(name));
    return waiting;
  };
  const wokenNow = async () => {
    await turn();
    return woken;
  };
  return { clock, waiters, listen, wokenNow };
}

describe('who waits for an end', () => {
  test('is woken by it, together with all who wait for the same one', async () => {
    const { clock, waiters, listen, wokenNow } = createWaiters();
    listen('a', ONE);
    listen('b', ONE);
    listen('c', OTHER);
    waiters.tell(ONE);
    assert.deepEqual(await wokenNow(), ['a', 'b']);
    assert.equal(clock.waiting, 1);
    waiters.tell(ONE);
    assert.deepEqual(await wokenNow(), ['a', 'b']);
  });

  test('is woken when its time is over', async () => {
    const { clock, listen, wokenNow } = createWaiters();
    listen('short', ONE, { timeoutMs: 10 });
    listen('long', ONE, { timeoutMs: 20 });
    clock.advance(10);
    assert.deepEqual(await wokenNow(), ['short']);
    clock.advance(10);
    assert.deepEqual(await wokenNow(), ['short', 'long']);
  });

  test('is woken when its client goes away, also before it began', async () => {
    const { clock, listen, wokenNow } = createWaiters();
    const controller = new AbortController();
    listen('leaves', ONE, { signal: controller.signal });
    listen('gone', ONE, { signal: AbortSignal.abort() });
    assert.deepEqual(await wokenNow(), ['gone']);
    controller.abort();
    assert.deepEqual(await wokenNow(), ['gone', 'leaves']);
    assert.equal(clock.waiting, 0);
  });

  test('is woken when the engine stops', async () => {
    const { waiters, listen, wokenNow } = createWaiters();
    listen('a', ONE);
    listen('b', OTHER);
    waiters.tellAll();
    assert.deepEqual(await wokenNow(), ['a', 'b']);
  });

  test('leaves nothing behind when it gives up', async () => {
    const { clock, waiters, listen, wokenNow } = createWaiters();
    listen('a', ONE).cancel();
    assert.equal(clock.waiting, 0);
    waiters.tell(ONE);
    assert.deepEqual(await wokenNow(), ['a']);
  });
});
