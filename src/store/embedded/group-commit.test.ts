import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createSystemClock } from '../../engine/clock.js';
import { GroupCommit } from './group-commit.js';

interface Write {
  readonly commit: number;
  finish(): void;
  fail(error: Error): void;
}

/** A commit whose writes the test ends by hand. */
function createFixture() {
  const writes: Write[] = [];
  const told: string[] = [];
  let onWrite: () => void = () => undefined;
  const commit = new GroupCommit({
    clock: { ...createSystemClock(), after: keepingAlive },
    retryMs: 1,
    write: (number) =>
      new Promise((resolve, reject) => {
        writes.push({ commit: number, finish: resolve, fail: reject });
        onWrite();
      }),
    onFailure: (error) => told.push(`failed: ${(error as Error).message}`),
    onRecovery: () => told.push('recovered'),
  });
  const written = async (count: number): Promise<Write> => {
    while (writes.length < count) {
      await new Promise<void>((resolve) => {
        onWrite = resolve;
      });
    }
    return writes[count - 1] as Write;
  };
  return { commit, writes, told, written };
}

/** The system's timers do not keep a process alive; here nothing else does. */
function keepingAlive(ms: number, callback: () => void): { cancel(): void } {
  const timer = setTimeout(callback, ms);
  return { cancel: () => clearTimeout(timer) };
}

async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  const pending = Symbol('pending');
  const first = await Promise.race([promise.catch(() => undefined), Promise.resolve(pending)]);
  return first !== pending;
}

describe('group commit', () => {
  test('nobody is answered before the write is done', async () => {
    const { commit, written } = createFixture();
    const asked = commit.request();
    const write = await written(1);
    assert.equal(await isSettled(asked), false);
    write.finish();
    await asked;
    assert.equal(commit.synced, 1);
  });

  test('what is asked for during a write goes together into the next one', async () => {
    const { commit, writes, written } = createFixture();
    const first = commit.request();
    const write = await written(1);
    const later = [commit.request(), commit.request(), commit.request()];
    assert.equal(writes.length, 1);
    write.finish();
    await first;
    const next = await written(2);
    assert.equal(await isSettled(Promise.race(later)), false);
    next.finish();
    await Promise.all(later);
    assert.equal(writes.length, 2);
  });

  test('a write that fails rejects those who wait for it, and is tried again by itself', async () => {
    const { commit, told, written } = createFixture();
    const asked = commit.request();
    (await written(1)).fail(new Error('disk full'));
    await assert.rejects(asked, /disk full/);
    assert.equal(commit.failing, true);
    const meanwhile = commit.request();
    (await written(2)).fail(new Error('still full'));
    await assert.rejects(meanwhile, /still full/);
    (await written(3)).finish();
    await commit.current();
    assert.equal(commit.failing, false);
    assert.deepEqual(told, ['failed: disk full', 'failed: still full', 'recovered']);
  });

  test('current() waits for the write under way and calls for none', async () => {
    const { commit, writes, written } = createFixture();
    await commit.current();
    assert.equal(writes.length, 0);
    void commit.request();
    const write = await written(1);
    const current = commit.current();
    assert.equal(await isSettled(current), false);
    write.finish();
    await current;
    assert.equal(writes.length, 1);
  });

  test('settled() waits for what was called for, too, and calls for none', async () => {
    const { commit, writes, written } = createFixture();
    await commit.settled();
    assert.equal(writes.length, 0);
    void commit.request();
    const settled = commit.settled();
    const write = await written(1);
    assert.equal(await isSettled(settled), false);
    write.finish();
    await settled;
    assert.equal(writes.length, 1);
  });

  test('close commits what there is', async () => {
    const { commit, written } = createFixture();
    const closed = commit.close();
    (await written(1)).finish();
    await closed;
    assert.equal(commit.synced, 1);
  });
});
