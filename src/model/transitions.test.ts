import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { jsonOf, MachineFixture, NO_PARAMS } from '../testing/machine-fixture.js';
import { planArbitrary } from '../testing/plan-arbitrary.js';
import { planOf, rowOf } from '../testing/plan-fixtures.js';
import { createSeededRandom } from '../testing/seeded-random.js';
import type { LeasedTask } from './commands.js';

describe('without faults', () => {
  test('each node is dispatched once, after all its parents, and the end comes with the last', () => {
    fc.assert(
      fc.property(
        planArbitrary({ maxNodes: 14 }),
        fc.nat(),
        fc.integer({ min: 1, max: 4 }),
        (plan, seed, batch) => {
          const random = createSeededRandom(seed);
          const fixture = new MachineFixture();
          const id = fixture.submit(plan);
          const dispatched = new Set<number>();
          const done = new Set<number>();
          let running: LeasedTask[] = [];
          while (done.size < plan.nodes.length) {
            assert.equal(fixture.read(id).state, 'running');
            for (const task of fixture.lease({ total: batch })) {
              assert.equal(dispatched.has(task.node), false, 'dispatched once');
              dispatched.add(task.node);
              for (const parent of plan.nodes[task.node]?.dependencies ?? []) assert.ok(done.has(parent));
              running.push(task);
            }
            const task = running[random.integer(0, running.length - 1)];
            assert.ok(task, 'something runs as long as something is left');
            running = running.filter((other) => other !== task);
            fixture.finish(task, random.chance(0.2) ? { kind: 'skipped' } : { kind: 'completed' });
            done.add(task.node);
          }
          assert.equal(fixture.read(id).state, 'completed');
          assert.equal(fixture.machine.readyTasks + fixture.machine.leasedTasks, 0);
        },
      ),
      { numRuns: 300 },
    );
  });

  test('two parents that finish in one batch dispatch their child once', () => {
    const fixture = new MachineFixture();
    fixture.submit(planOf({ nodes: [{ id: 'a' }, { id: 'b' }, { id: 'c', on: ['a', 'b'] }] }));
    const parents = fixture.lease();
    for (const task of [...parents, ...parents]) fixture.finish(task);
    assert.deepEqual(
      fixture.lease().map((task) => task.node),
      [2],
    );
  });

  test('a task is handed the outputs of its inputs, and params', () => {
    const fixture = new MachineFixture();
    const plan = planOf({ nodes: [{ id: 'a' }, { id: 'b' }, { id: 'c', on: ['a', 'b'] }] });
    fixture.submit(plan, { params: jsonOf({ p: 1 }) });
    const [a, b] = fixture.lease();
    assert.ok(a && b);
    fixture.finish(a, { kind: 'completed', output: jsonOf('of a') });
    fixture.finish(b, { kind: 'skipped' });
    const c = fixture.leaseOne();
    assert.deepEqual(c.inputs, [{ node: 0, output: jsonOf('of a') }]);
    assert.deepEqual(c.params, jsonOf({ p: 1 }));
  });
});

describe('the start', () => {
  test('params of the trigger stand in for those of the submission, once', () => {
    const fixture = new MachineFixture();
    const id = fixture.submit(rowOf(1), { trigger: false, params: jsonOf('first') });
    assert.deepEqual(fixture.lease(), []);
    const start = (params?: Uint8Array) =>
      fixture.machine.start({ executionId: id, ...(params && { params }) }, fixture.now);
    assert.equal(start(jsonOf('second')), 'started');
    assert.equal(start(jsonOf('third')), 'already_started');
    assert.deepEqual(fixture.leaseOne().params, jsonOf('second'));
  });

  test('one that was cancelled before it began says so, one cancelled later counts as started', () => {
    const fixture = new MachineFixture();
    const never = fixture.submit(rowOf(1), { trigger: false });
    const later = fixture.submit(rowOf(1));
    for (const id of [never, later]) fixture.machine.cancel(id, fixture.now);
    const outcomes = [never, later, fixture.nextId()].map((executionId) =>
      fixture.machine.start({ executionId }, fixture.now),
    );
    assert.deepEqual(outcomes, ['cancelled', 'already_started', 'not_found']);
  });
});

describe('idempotency keys', () => {
  test('answer the first submission until they expire, and refuse another body', () => {
    const fixture = new MachineFixture();
    const submit = (bodyHash: string) => {
      const executionId = fixture.nextId();
      const idempotency = { key: 'k', bodyHash, ttlMs: 100 };
      const command = { executionId, plan: rowOf(1), params: NO_PARAMS, trigger: false, idempotency };
      return { executionId, outcome: fixture.machine.submit(command, fixture.now) };
    };
    const first = submit('one');
    assert.equal(first.outcome.kind, 'accepted');
    assert.deepEqual(submit('one').outcome, {
      kind: 'duplicate',
      executionId: first.executionId,
      workflowId: rowOf(1).workflowId,
    });
    assert.equal(submit('two').outcome.kind, 'key_reused');
    fixture.now += 99;
    assert.equal(submit('one').outcome.kind, 'duplicate');
    fixture.now += 1;
    assert.equal(submit('two').outcome.kind, 'accepted');
    assert.equal(fixture.machine.size, 2);
  });
});

describe('bounds', () => {
  test('the output that takes an execution over its limit fails its node', () => {
    const fixture = new MachineFixture({ maxExecutionBytes: 10 });
    const id = fixture.submit(rowOf(2));
    const [one, two] = fixture.lease();
    assert.ok(one && two);
    fixture.finish(one, { kind: 'completed', output: Buffer.alloc(10, '1') });
    fixture.finish(two, { kind: 'completed', output: Buffer.alloc(1, '1') });
    const { state, nodes } = fixture.read(id);
    assert.equal(state, 'failed');
    assert.equal(nodes[1]?.error?.code, 'OUTPUT_TOO_LARGE');
    assert.equal(nodes[1]?.output, undefined);
  });

  test('the output of a sleep that was cut short no longer counts once it is driven on', () => {
    const fixture = new MachineFixture({ maxExecutionBytes: 10 });
    const id = fixture.submit(rowOf(2));
    const [sleeper, failing] = fixture.lease();
    assert.ok(sleeper && failing);
    fixture.finish(sleeper, { kind: 'sleep', delayMs: 1000, output: Buffer.alloc(8) });
    fixture.fail(failing);
    fixture.machine.redrive({ executionId: id, node: 1 }, fixture.now);
    for (const task of fixture.lease()) fixture.finish(task, { kind: 'completed', output: Buffer.alloc(5) });
    assert.equal(fixture.read(id).state, 'completed');
  });

  test('a node remembers its latest failures only', () => {
    const fixture = new MachineFixture({ maxFailuresKept: 2 });
    const id = fixture.submit(rowOf(1));
    for (const code of ['A', 'B', 'C']) {
      const error = { code, message: code, category: 'handler' } as const;
      fixture.finish(fixture.leaseOne(), { kind: 'retry', delayMs: 5, error, countsAttempt: true });
      fixture.pass(5);
    }
    const node = fixture.read(id).nodes[0];
    assert.deepEqual(
      node?.failures?.map((failure) => [failure.attempt, failure.error.code]),
      [
        [2, 'B'],
        [3, 'C'],
      ],
    );
    assert.equal(node?.attempt, 4);
  });

  test('timers of what has ended are cleared away long before they are due', () => {
    const fixture = new MachineFixture();
    const plan = rowOf(1, { timeoutMs: 86_400_000 });
    const kept = fixture.submit(plan);
    fixture.leaseOne();
    for (let count = 0; count < 5000; count++) {
      fixture.now += 1;
      const id = fixture.submit(plan);
      fixture.finish(fixture.leaseOne());
      fixture.machine.takeEffects();
      fixture.machine.acknowledge(id, fixture.read(id).revision);
    }
    assert.equal(fixture.machine.size, 1);
    assert.ok(fixture.machine.timers <= 1024, `${fixture.machine.timers} timers`);
    assert.equal(fixture.machine.nextTimerAt(), fixture.read(kept).deadlineAt);
  });
});
