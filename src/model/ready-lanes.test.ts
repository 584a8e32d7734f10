import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { NO_PARAMS, seededIds } from '../testing/machine-fixture.js';
import { rowOf } from '../testing/plan-fixtures.js';
import { ExecutionRecord } from './execution-record.js';
import { ReadyLanes } from './ready-lanes.js';

const plan = rowOf(3000);
const ids = seededIds(() => 1000);

function execution(): ExecutionRecord {
  return new ExecutionRecord(ids.next(0), plan, NO_PARAMS, 1000);
}

function take(lanes: ReadyLanes, queue: string, room: number): [ExecutionRecord, number][] {
  const taken: [ExecutionRecord, number][] = [];
  const count = lanes.take(queue, room, (owner, node) => taken.push([owner, node]));
  assert.equal(count, taken.length);
  return taken;
}

describe('ready lanes', () => {
  test('hand out each node once, of its own queue, first in first out within an execution', () => {
    const push = fc.record({ kind: fc.constant('push' as const), of: fc.nat(3), queue: fc.nat(1) });
    const drop = fc.record({ kind: fc.constant('drop' as const), of: fc.nat(3) });
    const hand = fc.record({ kind: fc.constant('take' as const), queue: fc.nat(2), room: fc.nat(40) });
    const steps = fc.array(
      fc.oneof(
        { weight: 6, arbitrary: push },
        { weight: 1, arbitrary: drop },
        { weight: 2, arbitrary: hand },
      ),
      {
        maxLength: 120,
        size: 'max',
      },
    );
    fc.assert(
      fc.property(steps, (walk) => {
        const lanes = new ReadyLanes();
        const owners = [execution(), execution(), execution(), execution()];
        let waiting: { of: number; queue: number; node: number }[] = [];
        let node = 0;
        for (const step of walk) {
          if (step.kind === 'push') {
            lanes.push(owners[step.of] as ExecutionRecord, node, `q${step.queue}`);
            waiting.push({ of: step.of, queue: step.queue, node });
            node += 1;
          } else if (step.kind === 'drop') {
            lanes.drop(owners[step.of] as ExecutionRecord);
            waiting = waiting.filter((entry) => entry.of !== step.of);
          } else {
            const taken = take(lanes, `q${step.queue}`, step.room);
            const inQueue = waiting.filter((entry) => entry.queue === step.queue);
            assert.equal(taken.length, Math.min(step.room, inQueue.length));
            for (const [owner, each] of taken) {
              const first = inQueue.find((entry) => owners[entry.of] === owner);
              assert.equal(each, first?.node);
              inQueue.splice(inQueue.indexOf(first as (typeof inQueue)[number]), 1);
              waiting = waiting.filter((entry) => entry !== first);
            }
          }
          assert.equal(lanes.size, waiting.length);
        }
      }),
    );
  });

  test('give executions turns, so that a large one does not bury the others', () => {
    const lanes = new ReadyLanes();
    const [large, small] = [execution(), execution()];
    for (let node = 0; node < 1000; node++) lanes.push(large, node, 'q');
    lanes.push(small, 0, 'q');
    const taken = take(lanes, 'q', 40);
    assert.ok(taken.some(([owner]) => owner === small));
    assert.equal(take(lanes, 'q', 5000).length, 961);
    assert.equal(lanes.size, 0);
  });

  test('hand out of every queue; the one that filled the room is last the next time', () => {
    const lanes = new ReadyLanes();
    const owner = execution();
    for (let node = 0; node < 9; node++) lanes.push(owner, node, `q${node % 3}`);
    const nodes: number[] = [];
    for (let turn = 0; turn < 4; turn++) lanes.takeInTurns(1, (_owner, node) => nodes.push(node));
    assert.deepEqual(nodes, [0, 1, 2, 3]);
    lanes.takeInTurns(100, (_owner, node) => nodes.push(node));
    assert.deepEqual([...nodes].sort(), [0, 1, 2, 3, 4, 5, 6, 7, 8]);
  });

  test('know since when the oldest has waited', () => {
    const lanes = new ReadyLanes();
    assert.equal(lanes.oldestQueuedAt(), undefined);
    const [one, other] = [execution(), execution()];
    for (const [owner, queuedAt] of [
      [one, 30],
      [other, 20],
    ] as const) {
      owner.nodes = [{ queuedAt } as ExecutionRecord['nodes'][number]];
      lanes.push(owner, 0, owner === one ? 'a' : 'b');
    }
    assert.equal(lanes.oldestQueuedAt(), 20);
    lanes.drop(other);
    assert.equal(lanes.oldestQueuedAt(), 30);
  });
});
