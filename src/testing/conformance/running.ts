import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { LeasedTask, TaskOutcome } from '../../model/commands.js';
import { faultOf, HOST, jsonOf, OTHER_HOST } from '../machine-fixture.js';
import { chainOf, planOf, rowOf } from '../plan-fixtures.js';
import { type CreateSubject, withSubject } from './subject.js';

export function runningConformance(create: CreateSubject): void {
  describe('running tasks', () => {
    test('a fan-out joins once, with the outputs of its parents', () =>
      withSubject(create, async (bench) => {
        const plan = planOf({
          nodes: [
            { id: 'root' },
            { id: 'a', on: ['root'] },
            { id: 'b', on: ['root'] },
            { id: 'join', on: ['a', 'b'] },
          ],
        });
        const id = await bench.submit(plan);
        const root = await bench.leaseOne();
        const next = await bench.store.advance(
          [{ task: root, owner: HOST, outcome: { kind: 'completed', output: jsonOf('root') } }],
          bench.request(),
        );
        assert.deepEqual(next.outcomes, ['applied']);
        assert.deepEqual(next.tasks.map((task) => plan.nodes[task.node]?.id).sort(), ['a', 'b']);
        for (const task of next.tasks) assert.deepEqual(inputsOf(task), [[0, '"root"']]);
        const results = next.tasks.map((task) => ({
          task,
          owner: HOST,
          outcome: { kind: 'completed', output: jsonOf(plan.nodes[task.node]?.id) } as TaskOutcome,
        }));
        const joined = await bench.store.advance([...results, ...results], bench.request());
        assert.deepEqual(joined.outcomes, ['applied', 'applied', 'duplicate', 'duplicate']);
        assert.deepEqual(
          joined.tasks.map((task) => task.node),
          [3],
        );
        assert.deepEqual(joined.tasks.flatMap(inputsOf), [
          [1, '"a"'],
          [2, '"b"'],
        ]);
        const [join] = joined.tasks;
        assert.ok(join);
        await bench.finish(join, { kind: 'completed', output: jsonOf('end') });
        const snapshot = await bench.read(id);
        assert.equal(snapshot.state, 'completed');
        assert.deepEqual(
          snapshot.nodes.map((node) => node.output && Buffer.from(node.output).toString()),
          ['"root"', '"a"', '"b"', '"end"'],
        );
      }));

    test('a skipped node counts as satisfied and has no output', () =>
      withSubject(create, async (bench) => {
        const id = await bench.submit(chainOf(2));
        assert.equal(await bench.finish(await bench.leaseOne(), { kind: 'skipped' }), 'applied');
        const child = await bench.leaseOne();
        assert.deepEqual(child.inputs, []);
        await bench.finish(child);
        assert.deepEqual(await bench.states(id), ['skipped', 'completed']);
      }));

    test('a retry waits for its time and counts its attempt, unless told not to', () =>
      withSubject(create, async (bench) => {
        const id = await bench.submit(rowOf(1));
        const error = faultOf('AGAIN');
        for (const [countsAttempt, attempt] of [
          [true, 2],
          [false, 2],
        ] as const) {
          await bench.finish(await bench.leaseOne(), { kind: 'retry', delayMs: 400, error, countsAttempt });
          assert.deepEqual(await bench.states(id), ['delayed']);
          assert.equal((await bench.store.stats()).delayedTasks, 1);
          assert.deepEqual(await bench.lease(), []);
          const early = await bench.store.promote();
          assert.equal(early.promoted, 0);
          assert.ok(early.nextInMs !== undefined && early.nextInMs <= 400);
          await bench.subject.advance(400);
          assert.equal((await bench.store.promote()).promoted, 1);
          const node = (await bench.read(id)).nodes[0];
          assert.deepEqual([node?.state, node?.attempt], ['ready', attempt]);
        }
        const task = await bench.leaseOne();
        assert.deepEqual([task.fence, task.attempt], [3, 2]);
        const failures = (await bench.read(id)).nodes[0]?.failures ?? [];
        assert.deepEqual(
          failures.map((failure) => [failure.attempt, failure.error.code, failure.host]),
          [
            [1, 'AGAIN', HOST],
            [2, 'AGAIN', HOST],
          ],
        );
      }));

    test('tries that are no attempt are remembered as one, as long as they say the same', () =>
      withSubject(create, async (bench) => {
        const id = await bench.submit(rowOf(1));
        for (const [code, countsAttempt] of [
          ['FIRST', true],
          ['CLOSED', false],
          ['CLOSED', false],
          ['OTHER', false],
          ['CLOSED', false],
          ['CLOSED', true],
          ['CLOSED', true],
        ] as const) {
          const error = faultOf(code);
          await bench.finish(await bench.leaseOne(), { kind: 'retry', delayMs: 100, error, countsAttempt });
          await bench.subject.advance(100);
          assert.equal((await bench.store.promote()).promoted, 1);
        }
        const failures = (await bench.read(id)).nodes[0]?.failures ?? [];
        assert.deepEqual(
          failures.map((failure) => [failure.attempt, failure.error.code]),
          [
            [1, 'FIRST'],
            [2, 'CLOSED'],
            [2, 'OTHER'],
            [2, 'CLOSED'],
            [2, 'CLOSED'],
            [3, 'CLOSED'],
          ],
        );
        const [second, third] = failures.slice(1);
        assert.equal((third?.startedAt ?? 0) - (second?.startedAt ?? 0), 100, 'the last of its kind is kept');
      }));

    test('a sleep completes by itself with its output', () =>
      withSubject(create, async (bench) => {
        await bench.submit(chainOf(2));
        const outcome = { kind: 'sleep', delayMs: 300, output: jsonOf('slept') } as const;
        await bench.finish(await bench.leaseOne(), outcome);
        assert.equal((await bench.store.promote()).completed, 0);
        await bench.subject.advance(300);
        assert.equal((await bench.store.promote()).completed, 1);
        assert.deepEqual(inputsOf(await bench.leaseOne()), [[0, '"slept"']]);
      }));

    test('a released task is ready again as if it had never run', () =>
      withSubject(create, async (bench) => {
        await bench.submit(rowOf(1));
        assert.equal(await bench.finish(await bench.leaseOne(), { kind: 'released' }), 'applied');
        const again = await bench.leaseOne();
        assert.deepEqual([again.fence, again.attempt, again.deliveries], [2, 1, 0]);
      }));

    test('a lost task is delivered again, alone, until it is a dead letter', () =>
      withSubject(create, async (bench) => {
        const { maxDeliveries } = bench.subject;
        const id = await bench.submit(rowOf(1));
        const lost = { kind: 'lost', error: faultOf('WORKER_CRASHED'), maxDeliveries } as const;
        for (let death = 0; death < maxDeliveries; death++) {
          const task = await bench.leaseOne();
          assert.deepEqual([task.deliveries, task.alone, task.attempt], [death, death > 0, 1]);
          await bench.finish(task, lost);
        }
        const { state, nodes } = await bench.read(id);
        assert.deepEqual([state, nodes[0]?.error?.code], ['failed', 'DELIVERIES_EXHAUSTED']);
      }));

    test('a late result changes nothing', () =>
      withSubject(create, async (bench) => {
        const id = await bench.submit(rowOf(2));
        const [late, other] = await bench.lease();
        assert.ok(late && other);
        await bench.subject.advance(bench.subject.leaseMs);
        await (await bench.store.reclaim()).durable;
        await bench.lease();
        const before = await bench.read(id);
        assert.equal(await bench.finish(late, { kind: 'completed', output: jsonOf('late') }), 'stale_lease');
        assert.deepEqual(await bench.read(id), before);
        await (await bench.store.cancel([id])).durable;
        assert.equal(await bench.fail(other), 'execution_ended');
        assert.equal(await bench.finish({ ...other, executionId: bench.nextId() }), 'execution_ended');
        assert.equal((await bench.read(id)).state, 'cancelled');
      }));
  });

  describe('leases', () => {
    test('keep to the room of each queue and in all', () =>
      withSubject(create, async (bench) => {
        const queued = (queue: string) => [0, 1, 2].map((index) => ({ id: `${queue}${index}`, queue }));
        await bench.submit(planOf({ nodes: [...queued('a'), ...queued('b'), ...queued('c')] }));
        const lanes = [
          { queue: 'a', room: 1 },
          { queue: 'b', room: 2 },
        ];
        const queuesOf = (tasks: readonly LeasedTask[]) =>
          tasks.map((task) => task.plan.nodes[task.node]?.queue).sort();
        assert.deepEqual(queuesOf(await bench.lease({ lanes })), ['a', 'b', 'b']);
        assert.equal((await bench.lease({ lanes: [{ queue: 'c', room: 3 }], total: 1 })).length, 1);
        assert.equal((await bench.lease({ total: 0 })).length, 0);
        assert.deepEqual(queuesOf(await bench.lease()), ['a', 'a', 'b', 'c', 'c']);
        const { readyTasks, leasedTasks } = await bench.store.stats();
        assert.deepEqual([readyTasks, leasedTasks], [0, 9]);
      }));

    test('are kept by heartbeats of their owner alone, and expire without', () =>
      withSubject(create, async (bench) => {
        const { leaseMs } = bench.subject;
        const id = await bench.submit(rowOf(2));
        const [kept, lost] = await bench.lease();
        assert.ok(kept && lost);
        await bench.subject.advance(leaseMs / 2);
        const strange = { ...kept, fence: kept.fence + 1 };
        assert.deepEqual(await bench.store.heartbeat(HOST, [kept, strange]), ['kept', 'lost']);
        assert.deepEqual(await bench.store.heartbeat(OTHER_HOST, [lost]), ['lost']);
        await bench.subject.advance(leaseMs / 2);
        const reclaimed = await bench.store.reclaim();
        await reclaimed.durable;
        assert.deepEqual([reclaimed.reclaimed, reclaimed.exhausted], [1, 0]);
        assert.deepEqual(await bench.store.heartbeat(HOST, [lost, kept]), ['lost', 'kept']);
        const [again] = await bench.lease();
        assert.deepEqual([again?.node, again?.fence, again?.deliveries], [lost.node, 2, 1]);
        await (await bench.store.cancel([id])).durable;
        assert.deepEqual(await bench.store.heartbeat(HOST, [kept]), ['ended']);
      }));

    test('that expire too often make a dead letter', () =>
      withSubject(create, async (bench) => {
        const { leaseMs, maxDeliveries } = bench.subject;
        const id = await bench.submit(rowOf(1));
        for (let death = 1; death <= maxDeliveries; death++) {
          await bench.leaseOne();
          await bench.subject.advance(leaseMs);
          const { reclaimed, exhausted, durable } = await bench.store.reclaim();
          await durable;
          assert.deepEqual([reclaimed, exhausted], [1, death === maxDeliveries ? 1 : 0]);
        }
        assert.equal((await bench.read(id)).nodes[0]?.error?.code, 'DELIVERIES_EXHAUSTED');
        assert.equal((await bench.store.listDead({ limit: 9 })).length, 1);
      }));

    test('of tasks that died twice are handed out few at a time', () =>
      withSubject(create, async (bench) => {
        await bench.submit(rowOf(3));
        for (let death = 0; death < 2; death++) {
          assert.equal((await bench.lease()).length, 3);
          await bench.subject.advance(bench.subject.leaseMs);
          await (await bench.store.reclaim()).durable;
        }
        assert.equal((await bench.lease({ quarantined: 0 })).length, 0);
        assert.equal((await bench.lease({ quarantined: 1 })).length, 1);
      }));
  });
}

function inputsOf(task: LeasedTask): [number, string][] {
  return task.inputs.map(({ node, output }) => [node, Buffer.from(output).toString()]);
}
