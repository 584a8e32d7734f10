import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SimulatedClock } from '../testing/simulated-clock.js';
import { PartitionTurn } from './partition-turn.js';

describe('the turns of partitions', () => {
  test('what comes together goes to one partition', () => {
    const turn = new PartitionTurn(new SimulatedClock(), 64);
    assert.equal(new Set(Array.from({ length: 200 }, () => turn.next())).size, 1);
  });

  test('every partition has its turn as time passes', () => {
    const clock = new SimulatedClock();
    const turn = new PartitionTurn(clock, 4);
    const seen = new Set<number>();
    for (let round = 0; round < 4; round++) {
      seen.add(turn.next());
      clock.advance(10);
    }
    assert.equal(seen.size, 4);
  });

  test('a burst goes on to the next partition', () => {
    const turn = new PartitionTurn(new SimulatedClock(), 4);
    const counts = new Map<number, number>();
    for (let item = 0; item < 1024; item++) {
      const partition = turn.next();
      counts.set(partition, (counts.get(partition) ?? 0) + 1);
    }
    assert.deepEqual([...counts.values()], [256, 256, 256, 256]);
  });
});
