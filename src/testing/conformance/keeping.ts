import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { faultOf, HOST, jsonOf } from '../machine-fixture.js';
import { chainOf, planOf, rowOf } from '../plan-fixtures.js';
import { type CreateSubject, withSubject } from './subject.js';

export function keepingConformance(create: CreateSubject): void {
  describe('what was acknowledged survives a crash', () => {
    test('pending, delayed, sleeping and ended executions as they were', () =>
      withSubject(create, async (bench) => {
        const pending = await bench.submit(rowOf(2), { trigger: false, params: jsonOf('p') });
        const plan = planOf({
          timeoutMs: 60_000,
          nodes: [{ id: 'r' }, { id: 's' }, { id: 'x', on: ['r', 's'] }],
        });
        const waiting = await bench.submit(plan);
        const [retried, slept] = await bench.lease();
        assert.ok(retried && slept);
        const error = faultOf('AGAIN');
        await bench.finish(retried, { kind: 'retry', delayMs: 700, error, countsAttempt: true });
        await bench.finish(slept, { kind: 'sleep', delayMs: 900, output: jsonOf('s') });
        const completed = await bench.submit(rowOf(1));
        await bench.finish(await bench.leaseOne(), { kind: 'completed', output: jsonOf('c') });
        const dead = await bench.submit(rowOf(1));
        await bench.fail(await bench.leaseOne());
        const ids = [pending, waiting, completed, dead];
        const before = await Promise.all(ids.map((id) => bench.read(id)));
        const letters = await bench.store.listDead({ limit: 9 });
        assert.equal(letters.length, 1);
        await bench.crash();
        assert.deepEqual(await Promise.all(ids.map((id) => bench.read(id))), before);
        assert.deepEqual(await bench.store.listDead({ limit: 9 }), letters);
        assert.equal(await bench.store.reconcile(), 0);
        await bench.subject.advance(1000);
        const { promoted, completed: awoken, expired } = await bench.store.promote();
        assert.deepEqual([promoted, awoken, expired], [1, 1, 0]);
        const again = await bench.leaseOne();
        assert.deepEqual([again.node, again.attempt, again.fence], [0, 2, 2]);
      }));

    test('whom to tell of the end, also through the record and a redrive', () =>
      withSubject(create, async (bench) => {
        const callbackUrl = 'https://example.com/ended?a=ü';
        const plan = rowOf(1);
        const executionId = await bench.submit(plan, { callbackUrl });
        await bench.crash();
        assert.equal((await bench.read(executionId)).callbackUrl, callbackUrl);
        await bench.subject.advance(bench.subject.leaseMs);
        await (await bench.store.reclaim()).durable;
        await bench.fail(await bench.leaseOne());
        assert.equal((await bench.subject.recorded(executionId))?.callbackUrl, callbackUrl);
        await bench.subject.letGo();
        assert.equal(await bench.redrive({ executionId, plan, node: 0 }), 'redriven');
        assert.equal((await bench.read(executionId)).callbackUrl, callbackUrl);
        await bench.finish(await bench.leaseOne());
        assert.equal((await bench.subject.recorded(executionId))?.callbackUrl, callbackUrl);
      }));

    test('a deadline that passed meanwhile is found', () =>
      withSubject(create, async (bench) => {
        const id = await bench.submit(rowOf(1, { timeoutMs: 1000 }));
        await bench.subject.advance(1000);
        await bench.crash();
        assert.equal((await bench.store.promote()).expired, 1);
        assert.equal((await bench.read(id)).error?.code, 'WORKFLOW_TIMEOUT');
      }));

    test('a child whose parents were recorded is ready, once', () =>
      withSubject(create, async (bench) => {
        await bench.submit(planOf({ nodes: [{ id: 'a' }, { id: 'b' }, { id: 'c', on: ['a', 'b'] }] }));
        for (const task of await bench.lease())
          await bench.finish(task, { kind: 'completed', output: jsonOf(task.node) });
        await bench.crash();
        const tasks = await bench.lease();
        assert.deepEqual(
          tasks.map((task) => [task.node, task.inputs.map((input) => Buffer.from(input.output).toString())]),
          [[2, ['0', '1']]],
        );
      }));

    test('a task that was under way comes back and finishes', () =>
      withSubject(create, async (bench) => {
        const id = await bench.submit(chainOf(2));
        const task = await bench.leaseOne();
        await bench.crash();
        await bench.subject.advance(bench.subject.leaseMs);
        await (await bench.store.reclaim()).durable;
        const again = await bench.leaseOne();
        assert.deepEqual([again.node, again.deliveries, again.attempt, again.suspect], [0, 1, 1, true]);
        assert.ok(again.fence > task.fence);
        assert.equal(await bench.finish(task), 'stale_lease');
        await bench.finish(again);
        await bench.finish(await bench.leaseOne());
        assert.equal((await bench.read(id)).state, 'completed');
      }));

    test('a deleted dead letter stays deleted', () =>
      withSubject(create, async (bench) => {
        await bench.submit(rowOf(1));
        await bench.fail(await bench.leaseOne());
        const [letter] = await bench.store.listDead({ limit: 1 });
        assert.ok(letter);
        await (await bench.store.deleteDead([letter.id])).durable;
        await bench.crash();
        assert.deepEqual(await bench.store.listDead({ limit: 1 }), []);
      }));
  });

  describe('restoring', () => {
    test('brings an execution in from a record, and leaves a newer one alone', () =>
      withSubject(create, async (bench) => {
        const plan = chainOf(3, { name: 'from elsewhere' });
        const executionId = bench.nextId();
        const createdAt = bench.subject.now();
        const node = { state: 'pending', fence: 0, attempt: 0, deliveries: 0 } as const;
        const snapshot = {
          executionId,
          workflowId: plan.workflowId,
          name: plan.name,
          state: 'running' as const,
          revision: 5,
          createdAt,
          startedAt: createdAt,
          params: jsonOf({ from: 'record' }),
          nodes: [
            {
              ...node,
              state: 'completed' as const,
              fence: 3,
              attempt: 2,
              output: jsonOf('done'),
              finishedAt: createdAt,
            },
            { ...node, state: 'ready' as const, fence: 1, attempt: 1, queuedAt: createdAt },
            node,
          ],
        };
        const older = { ...snapshot, revision: 4 };
        const reply = await bench.store.restore([
          { snapshot, plan },
          { snapshot: older, plan },
          { snapshot, plan },
        ]);
        assert.deepEqual(reply.outcomes, ['restored', 'newer_here', 'newer_here']);
        await reply.durable;
        assert.deepEqual(await bench.states(executionId), ['completed', 'ready', 'pending']);
        await bench.crash();
        const task = await bench.leaseOne();
        assert.deepEqual([task.node, task.fence], [1, 2]);
        assert.deepEqual(Buffer.from(task.inputs[0]?.output ?? []), jsonOf('done'));
        await bench.finish(task);
        await bench.finish(await bench.leaseOne());
        assert.equal((await bench.read(executionId)).state, 'completed');
      }));

    test('from a record that was read before another host had it run on, and go again, changes nothing', () =>
      withSubject(create, async (bench) => {
        const plan = rowOf(1);
        const id = await bench.submit(plan);
        await bench.fail(await bench.leaseOne());
        const failed = await bench.subject.recorded(id);
        assert.equal(failed?.state, 'failed');
        await bench.subject.letGo();
        assert.equal(await bench.redrive({ executionId: id, plan, node: 0 }), 'redriven');
        await bench.finish(await bench.leaseOne());
        await bench.subject.letGo();
        assert.deepEqual(await bench.store.read([id]), [undefined]);
        assert.deepEqual((await bench.store.restore([{ snapshot: failed, plan }])).outcomes, ['newer_here']);
        assert.deepEqual(await bench.store.read([id]), [undefined]);
        assert.equal((await bench.read(id)).state, 'completed');
      }));

    test('that nothing became of is no hindrance to the next time', () =>
      withSubject(create, async (bench) => {
        const plan = rowOf(1);
        const id = await bench.submit(plan);
        await bench.fail(await bench.leaseOne());
        const snapshot = await bench.subject.recorded(id);
        assert.ok(snapshot);
        for (let time = 0; time < 2; time++) {
          await bench.subject.letGo();
          const { outcomes, durable } = await bench.store.restore([{ snapshot, plan }]);
          assert.deepEqual(outcomes, ['restored']);
          await durable;
        }
        assert.equal(await bench.redrive({ executionId: id, plan, node: 0 }), 'redriven');
      }));

    test('replaces an older state, on disk as well', () =>
      withSubject(create, async (bench) => {
        const plan = rowOf(3);
        const id = await bench.submit(plan);
        for (const task of await bench.lease({ total: 2 })) await bench.finish(task);
        const snapshot = await bench.read(id);
        const nodes = snapshot.nodes.map((node) => ({
          ...node,
          state: 'ready' as const,
          fence: node.fence + 10,
          attempt: 1,
        }));
        const reply = await bench.store.restore([
          { snapshot: { ...snapshot, revision: snapshot.revision + 1, nodes }, plan },
        ]);
        assert.deepEqual(reply.outcomes, ['restored']);
        await reply.durable;
        await bench.crash();
        assert.deepEqual(await bench.states(id), ['ready', 'ready', 'ready']);
        for (const task of await bench.lease()) await bench.finish(task);
        assert.equal((await bench.read(id)).state, 'completed');
        await bench.crash();
        assert.deepEqual(await bench.lease(), []);
      }));
  });

  describe('what wakes the engine', () => {
    test('a task that became ready, and a timer that is due before all others', () =>
      withSubject(create, async (bench) => {
        bench.takeSignals('ready');
        await bench.submit(rowOf(3));
        assert.ok(bench.takeSignals('ready').length > 0);
        const [one, two, three] = await bench.lease();
        assert.ok(one && two && three);
        const inMs = async (task: typeof one, delayMs: number) => {
          await bench.finish(task, { kind: 'retry', delayMs, error: faultOf('E'), countsAttempt: true });
          return bench.takeSignals('timer').map((signal) => signal.inMs);
        };
        assert.equal((await inMs(one, 2000)).length, 1);
        assert.deepEqual(await inMs(two, 3000), [], 'a later timer is no news');
        const earlier = await inMs(three, 1000);
        assert.equal(earlier.length, 1);
        assert.ok((earlier[0] ?? 0) <= 1000);
        await bench.subject.advance(1000);
        const { promoted, nextInMs } = await bench.store.promote();
        assert.equal(promoted, 1);
        assert.ok(nextInMs !== undefined && nextInMs > 0 && nextInMs <= 1000);
      }));

    test('tasks that are ready when it begins to listen', () =>
      withSubject(create, async (bench) => {
        await bench.submit(rowOf(1));
        await bench.crash();
        assert.ok(bench.takeSignals('ready').length > 0);
      }));
  });

  test('states alone tell of an execution what reading it whole tells, and of an unknown one nothing', () =>
    withSubject(create, async (bench) => {
      const id = await bench.submit(rowOf(3));
      await bench.finish(await bench.leaseOne());
      await bench.leaseOne();
      const whole = await bench.read(id);
      const [states] = await bench.store.readStates([id]);
      assert.ok(states);
      assert.deepEqual(
        states.nodes.map(({ state, fence, attempt, startedAt }) => ({ state, fence, attempt, startedAt })),
        whole.nodes.map(({ state, fence, attempt, startedAt }) => ({ state, fence, attempt, startedAt })),
      );
      assert.deepEqual([states.state, states.revision], [whole.state, whole.revision]);
      const nowhere = '0190c5a8-7a3b-7000-8000-000000000001' as typeof id;
      assert.deepEqual(await bench.store.readStates([nowhere]), [undefined]);
    }));

  test('stats count what there is', () =>
    withSubject(create, async (bench) => {
      await bench.submit(rowOf(1), { trigger: false });
      await bench.submit(rowOf(3));
      const [task] = await bench.lease({ total: 1 });
      assert.ok(task);
      const error = faultOf('E');
      const reply = await bench.store.advance([
        { task, owner: HOST, outcome: { kind: 'retry', delayMs: 1000, error, countsAttempt: true } },
      ]);
      await reply.durable;
      await bench.lease({ total: 1 });
      await bench.subject.advance(200);
      const stats = await bench.store.stats();
      assert.deepEqual(
        [stats.pending, stats.running, stats.readyTasks, stats.leasedTasks, stats.delayedTasks],
        [1, 1, 1, 1, 1],
      );
      assert.deepEqual([...stats.readyByQueue], [['default', 1]]);
      assert.ok(stats.oldestReadyMs >= 200);
    }));
}
