import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { jsonOf } from '../machine-fixture.js';
import { chainOf, planOf, rowOf } from '../plan-fixtures.js';
import { type Bench, type CreateSubject, withSubject } from './subject.js';

export function endingConformance(create: CreateSubject): void {
  describe('ends', () => {
    test('a cancelled execution runs nothing more', () =>
      withSubject(create, async (bench) => {
        const pending = await bench.submit(rowOf(1), { trigger: false });
        const running = await bench.submit(rowOf(2));
        const [task] = await bench.lease({ total: 1 });
        assert.ok(task);
        const reply = await bench.store.cancel([pending, running, bench.nextId()]);
        assert.deepEqual(reply.outcomes, ['cancelled', 'cancelled', 'not_found']);
        await reply.durable;
        assert.deepEqual(await bench.lease(), []);
        assert.deepEqual(await bench.states(running), ['cancelled', 'cancelled']);
        assert.equal((await bench.read(pending)).state, 'cancelled');
        assert.deepEqual(
          bench.takeSignals('abort').flatMap((signal) => signal.leases),
          [{ executionId: running, node: task.node, fence: task.fence }],
        );
      }));

    test('a dead node fails its execution and cancels what is left', () =>
      withSubject(create, async (bench) => {
        const plan = planOf({ nodes: [{ id: 'a' }, { id: 'b' }, { id: 'c', on: ['a'] }] });
        const id = await bench.submit(plan);
        const [a, b] = await bench.lease();
        assert.ok(a && b);
        assert.equal(await bench.fail(a, 'BROKEN'), 'applied');
        assert.equal(await bench.finish(b), 'execution_ended');
        const { state, error } = await bench.read(id);
        assert.deepEqual([state, error?.code], ['failed', 'BROKEN']);
        assert.deepEqual(await bench.states(id), ['failed', 'cancelled', 'cancelled']);
      }));

    test('a deadline that passes kills what was under way', () =>
      withSubject(create, async (bench) => {
        const id = await bench.submit(chainOf(2, { timeoutMs: 500 }));
        const task = await bench.leaseOne();
        await bench.subject.advance(500);
        assert.equal((await bench.store.promote()).expired, 1);
        assert.deepEqual(await bench.states(id), ['failed', 'cancelled']);
        const { state, error } = await bench.read(id);
        assert.deepEqual([state, error?.code], ['failed', 'WORKFLOW_TIMEOUT']);
        assert.equal(await bench.finish(task), 'execution_ended');
        assert.deepEqual(
          bench.takeSignals('abort').flatMap((signal) => signal.leases),
          [{ executionId: id, node: 0, fence: 1 }],
        );
      }));

    test('are told once, after they are kept, with their times', () =>
      withSubject(create, async (bench) => {
        const id = await bench.submit(rowOf(1));
        await bench.finish(await bench.leaseOne());
        const ended = bench.takeSignals('ended');
        assert.deepEqual(
          ended.map((signal) => [signal.executionId, signal.end.state]),
          [[id, 'completed']],
        );
        const { startedAt, finishedAt } = await bench.read(id);
        assert.deepEqual(ended[0]?.end, { state: 'completed', startedAt, finishedAt });
      }));

    test('leave the store once they are recorded, and stay out of its backlog', () =>
      withSubject(create, async (bench) => {
        const id = await bench.submit(rowOf(1));
        await bench.finish(await bench.leaseOne());
        assert.equal((await bench.subject.recorded(id))?.state, 'completed');
        await bench.store.acknowledgeOutbox(await bench.store.takeOutbox(100));
        assert.deepEqual(await bench.store.takeOutbox(100), []);
        assert.equal((await bench.store.stats()).outbox, 0);
      }));
  });

  describe('dead letters', () => {
    test('are listed newest first, in pages, by filter', () =>
      withSubject(create, async (bench) => {
        const { start, ids } = await threeDead(bench);
        const all = await bench.store.listDead({ limit: 10 });
        assert.deepEqual(
          all.map((letter) => letter.executionId),
          [...ids].reverse(),
        );
        for (const [index, letter] of all.entries()) {
          assert.deepEqual([letter.node, letter.nodeId, letter.attempts], [0, 'n0', 1]);
          assert.ok(letter.failedAt >= start + (2 - index) * 1000);
        }
        const pages: string[] = [];
        for (let before: string | undefined; ; ) {
          const page = await bench.store.listDead({ limit: 1, ...(before !== undefined && { before }) });
          if (page.length === 0) break;
          before = page[0]?.id;
          pages.push(...page.map((letter) => letter.id));
        }
        assert.deepEqual(
          pages,
          all.map((letter) => letter.id),
        );
        const found = async (filter: object) =>
          (await bench.store.listDead({ limit: 10, ...filter })).map((letter) =>
            ids.indexOf(letter.executionId),
          );
        assert.deepEqual(await found({ errorCode: 'ODD' }), [1]);
        assert.deepEqual(await found({ workflowId: rowOf(1, { name: 'even' }).workflowId }), [2, 0]);
        assert.deepEqual(await found({ handler: 'work' }), [2, 1, 0]);
        assert.deepEqual(await found({ handler: 'other' }), []);
        assert.deepEqual(await found({ failedAfter: all[2]?.failedAt }), [2, 1]);
        assert.deepEqual(await found({ failedAfter: all[1]?.failedAt, errorCode: 'ODD' }), []);
      }));

    test('of an execution that goes on again are gone at once, also from the middle of pages', () =>
      withSubject(create, async (bench) => {
        const { ids } = await threeDead(bench);
        for (const id of ids) assert.equal((await bench.subject.recorded(id))?.state, 'failed');
        const oldest = ids[0];
        for (const [index, name] of [
          [1, 'odd'],
          [2, 'even'],
        ] as const) {
          const executionId = ids[index];
          assert.ok(executionId);
          assert.equal(await bench.redrive({ executionId, plan: rowOf(1, { name }), node: 0 }), 'redriven');
        }
        for (const limit of [1, 2, 10]) {
          const shown = await bench.store.listDead({ limit });
          assert.deepEqual(
            shown.map((letter) => letter.executionId),
            [oldest],
          );
        }
      }));

    test('are read by id, and deleted once', () =>
      withSubject(create, async (bench) => {
        await threeDead(bench);
        const [newest, middle, oldest] = await bench.store.listDead({ limit: 3 });
        assert.ok(newest && middle && oldest);
        assert.deepEqual(await bench.store.readDead([middle.id, 'no id', newest.id]), [
          middle,
          undefined,
          newest,
        ]);
        const deleted = await bench.store.deleteDead([middle.id, 'no id']);
        assert.deepEqual(deleted.outcomes, ['deleted', 'not_found']);
        await deleted.durable;
        assert.deepEqual(await bench.store.readDead([middle.id]), [undefined]);
        const again = await bench.store.deleteDead([middle.id]);
        assert.deepEqual(again.outcomes, ['not_found']);
        const left = await bench.store.listDead({ limit: 9, before: middle.id });
        assert.deepEqual(
          left.map((letter) => letter.id),
          [oldest.id],
        );
      }));

    test('go with the redrive that revives their execution, with an edited config for one', () =>
      withSubject(create, async (bench) => {
        const plan = chainOf(2, { timeoutMs: 5000 });
        const executionId = await bench.submit(plan);
        await bench.finish(await bench.leaseOne(), { kind: 'completed', output: jsonOf('kept') });
        await bench.fail(await bench.leaseOne());
        assert.equal((await bench.store.listDead({ limit: 9 })).length, 1);
        await bench.subject.advance(1000);
        const config = jsonOf({ edited: true });
        assert.equal(await bench.redrive({ executionId, plan, node: 1, config }), 'redriven');
        assert.deepEqual(await bench.store.listDead({ limit: 9 }), []);
        const revived = await bench.read(executionId);
        assert.deepEqual(
          [revived.state, revived.error, revived.finishedAt],
          ['running', undefined, undefined],
        );
        assert.ok((revived.deadlineAt ?? 0) >= bench.subject.now() + 4000);
        const task = await bench.leaseOne();
        assert.deepEqual([task.node, task.fence, task.attempt], [1, 2, 1]);
        assert.deepEqual(task.configOverride && Buffer.from(task.configOverride), config);
        assert.deepEqual(Buffer.from(task.inputs[0]?.output ?? []), jsonOf('kept'));
        await bench.finish(task);
        const done = await bench.read(executionId);
        assert.equal(done.state, 'completed');
        assert.ok(done.revision > revived.revision);
        assert.equal(await bench.redrive({ executionId, plan, node: 1 }), 'ended');
      }));

    test('are driven on once, however late the command comes again', () =>
      withSubject(create, async (bench) => {
        const plan = rowOf(1);
        const executionId = await bench.submit(plan);
        await bench.fail(await bench.leaseOne());
        const [first] = await bench.store.listDead({ limit: 9 });
        assert.ok(first);
        const command = { executionId, plan, node: 0, failedAt: first.failedAt };
        assert.equal(await bench.redrive(command), 'redriven');
        assert.equal(await bench.redrive(command), 'not_dead');
        await bench.subject.advance(10);
        await bench.fail(await bench.leaseOne());
        const [second] = await bench.store.listDead({ limit: 9 });
        assert.ok(second && second.failedAt > first.failedAt);
        assert.equal(await bench.redrive(command), 'not_dead');
        assert.deepEqual(await bench.store.readDead([first.id, second.id]), [undefined, second]);
        assert.equal(await bench.redrive({ ...command, failedAt: second.failedAt }), 'redriven');
      }));

    test('are all that a redrive takes', () =>
      withSubject(create, async (bench) => {
        const plan = rowOf(2);
        const running = await bench.submit(plan);
        const refused = await bench.store.redrive([
          { executionId: running, node: 0 },
          { executionId: bench.nextId(), node: 0 },
        ]);
        assert.deepEqual(refused.outcomes, ['not_dead', 'not_found']);
        await bench.fail(await bench.leaseOne());
        assert.equal(await bench.redrive({ executionId: running, plan, node: 1 }), 'not_dead');
        assert.equal(await bench.redrive({ executionId: running, plan, node: 0 }), 'redriven');
        await (await bench.store.cancel([running])).durable;
        assert.equal(await bench.redrive({ executionId: running, plan, node: 0 }), 'ended');
      }));
  });
}

/** Three executions, a second apart, each with one dead letter. */
async function threeDead(bench: Bench) {
  const start = bench.subject.now();
  const ids = [];
  for (const [name, code] of [
    ['even', 'EVEN'],
    ['odd', 'ODD'],
    ['even', 'EVEN'],
  ] as const) {
    ids.push(await bench.submit(rowOf(1, { name })));
    await bench.fail(await bench.leaseOne(), code);
    await bench.subject.advance(1000);
  }
  return { start, ids };
}
