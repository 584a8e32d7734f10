import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import { LeaseTurns } from './lease-turns.js';

describe('turns of leasing', () => {
  let now = 0;
  let turns: LeaseTurns;
  beforeEach(() => {
    now = 1000;
    turns = new LeaseTurns(() => now);
  });
  const addAll = (...partitions: number[]) => {
    for (const [at, partition] of partitions.entries()) turns.add(partition, at);
  };

  test('go to the partitions that have waited longest', () => {
    addAll(7, 3, 5, 1);
    assert.deepEqual(turns.current(10, 64), [7, 3]);
    assert.ok(turns.isContended);
    assert.ok(turns.has(3));
    assert.ok(!turns.has(5));
  });

  test('are more where there is room for more tasks than two calls give', () => {
    addAll(...Array.from({ length: 20 }, (_, partition) => partition));
    assert.equal(turns.current(64 * 5, 64).length, 5);
    assert.equal(turns.current(64 * 50, 64).length, 8);
  });

  test('are over after a moment where others wait', () => {
    addAll(7, 3, 5);
    turns.current(10, 64);
    now += 20;
    assert.deepEqual(turns.current(10, 64), [5, 7]);
    now += 20;
    assert.deepEqual(turns.current(10, 64), [3, 5]);
  });

  test('last where nobody waits', () => {
    addAll(7, 3);
    turns.current(10, 64);
    now += 1000;
    assert.deepEqual(turns.current(10, 64), [7, 3]);
    assert.ok(!turns.isContended);
  });

  test('end with a call that left nothing, unless something came after it had begun', () => {
    addAll(7, 3);
    turns.current(10, 64);
    turns.emptied(7, 5);
    assert.deepEqual(turns.current(10, 64), [3]);
    turns.add(3, 6);
    turns.emptied(3, 5);
    assert.deepEqual(turns.current(10, 64), [3]);
  });

  test('pass to the next where a partition has nothing for this host now', () => {
    addAll(7, 3, 5);
    turns.current(10, 64);
    turns.pass(7);
    assert.deepEqual(turns.current(10, 64), [3, 5]);
    assert.equal(turns.size, 3);
  });
});
