import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { MillraceError } from '../../model/errors.js';
import { type ExecutionId, uuidToBytes } from '../../model/ids.js';
import { faultOf, jsonOf } from '../../testing/machine-fixture.js';
import { chainOf, planOf, rowOf } from '../../testing/plan-fixtures.js';
import { MAX_DELIVERIES, outputOfNode, PARK_AFTER_MS, StoreOnDisk } from '../../testing/store-on-disk.js';

async function opened(context: TestContext): Promise<StoreOnDisk> {
  const fixture = await StoreOnDisk.open();
  context.after(() => fixture.close());
  return fixture;
}

/** The store as the next process finds it. */
async function killed(context: TestContext, fixture: StoreOnDisk): Promise<StoreOnDisk> {
  await fixture.store.durable();
  const next = await fixture.afterKill();
  context.after(() => next.close());
  return next;
}

async function statesOf(fixture: StoreOnDisk, id: ExecutionId): Promise<string[]> {
  const [hot] = await fixture.store.read([id]);
  const [snapshot] = hot ? [hot] : await fixture.history.read([id]);
  return [snapshot?.state ?? 'gone', ...(snapshot?.nodes ?? []).map((node) => node.state)];
}

describe('after a kill', () => {
  test('pending stays pending, running goes on where it was, ended stays ended', async (context) => {
    const before = await opened(context);
    const pending = await before.submit(chainOf(2), { trigger: false });
    const ended = await before.submit(chainOf(1));
    await before.runAll();
    const running = await before.submit(chainOf(3));
    const [first] = await before.lease();
    assert.ok(first);
    await before.advance(first, outputOfNode(first));
    await before.lease();

    const after = await killed(context, before);
    assert.deepEqual(await statesOf(after, pending), ['pending']);
    assert.deepEqual(await statesOf(after, ended), ['completed', 'completed']);
    assert.deepEqual(await statesOf(after, running), ['running', 'completed', 'ready', 'pending']);
    const [again] = await after.lease();
    assert.deepEqual([again?.node, again?.fence, again?.attempt, again?.deliveries], [1, 2, 1, 1]);
    assert.deepEqual(
      again?.inputs.map(({ output }) => Buffer.from(output).toString()),
      ['{"node":"n0"}'],
    );
    assert.ok(again);
    await after.advance(again, outputOfNode(again));
    await after.runAll();
    assert.deepEqual(await statesOf(after, running), ['completed', 'completed', 'completed', 'completed']);
    assert.equal(await after.store.reconcile(), 0);
  });

  test('a lease is synced before a task that may have run is handed out', async (context) => {
    const before = await opened(context);
    await before.submit(chainOf(1));
    const after = await killed(context, before);
    const tasks = await after.lease();
    assert.equal(tasks[0]?.suspect, true);
    const third = await after.afterKill();
    context.after(() => third.close());
    assert.equal((await third.lease())[0]?.deliveries, 1);
  });

  test('a task that kills its process every time is a dead letter, and its neighbours are not', async (context) => {
    let fixture = await opened(context);
    const innocent = await fixture.submit(rowOf(3, { name: 'innocent' }));
    const poison = await fixture.submit(planOf({ name: 'poison', nodes: [{ id: 'p', handler: 'poison' }] }));
    for (let death = 0; death < MAX_DELIVERIES + 3; death++) {
      const tasks = await fixture.lease(1000, 1);
      for (const task of tasks) {
        if (task.executionId !== poison) await fixture.advance(task, outputOfNode(task));
      }
      fixture = await killed(context, fixture);
    }
    assert.deepEqual(await statesOf(fixture, innocent), ['completed', 'completed', 'completed', 'completed']);
    assert.deepEqual(await statesOf(fixture, poison), ['failed', 'failed']);
    const [letter] = await fixture.store.listDead({ limit: 10 });
    assert.equal(letter?.error.code, 'DELIVERIES_EXHAUSTED');
  });

  test('delayed attempts, sleeps and deadlines keep their times', async (context) => {
    const before = await opened(context);
    const id = await before.submit(rowOf(2, { timeoutMs: 60_000 }));
    const [retried, sleeping] = await before.lease();
    assert.ok(retried && sleeping);
    const error = faultOf('E');
    await before.advance(retried, { kind: 'retry', delayMs: 5000, error, countsAttempt: true });
    await before.advance(sleeping, { kind: 'sleep', delayMs: 8000, output: jsonOf(1) });

    const after = await killed(context, before);
    assert.deepEqual(await statesOf(after, id), ['running', 'delayed', 'delayed']);
    after.clock.advance(5000);
    assert.equal((await after.store.promote()).promoted, 1);
    assert.equal((await after.lease())[0]?.attempt, 2);
    after.clock.advance(3000);
    assert.equal((await after.store.promote()).completed, 1);
    after.clock.advance(60_000);
    assert.equal((await after.store.promote()).expired, 1);
    assert.equal((await statesOf(after, id))[0], 'failed');
  });

  test('an execution that was driven on from its record is in one place only', async (context) => {
    const before = await opened(context);
    const plan = chainOf(2);
    const id = await before.submit(plan);
    await before.runAll((task) =>
      task.node === 1 ? { kind: 'failed', error: faultOf('E') } : outputOfNode(task),
    );
    const [letter] = await before.store.listDead({ limit: 10 });
    assert.ok(letter);
    const [snapshot] = await before.history.read([id]);
    assert.ok(snapshot);
    await before.store.restore([{ snapshot, plan }]);
    const redriven = await before.store.redrive([{ executionId: id, node: letter.node }]);
    await redriven.durable;
    assert.deepEqual(redriven.outcomes, ['redriven']);

    const after = await killed(context, before);
    assert.deepEqual(await after.store.listDead({ limit: 10 }), []);
    assert.deepEqual((await after.history.read([id]))[0], undefined);
    assert.deepEqual(await statesOf(after, id), ['running', 'completed', 'ready']);
    await after.runAll();
    assert.deepEqual(await statesOf(after, id), ['completed', 'completed', 'completed']);
    const { executions } = await after.history.list({ limit: 10 });
    assert.deepEqual(
      executions.map((each) => each.executionId),
      [id],
    );
  });

  test('a parked execution is brought back by its trigger', async (context) => {
    const before = await opened(context);
    const plan = chainOf(1);
    const id = await before.submit(plan, { trigger: false });
    before.clock.advance(PARK_AFTER_MS + 1);
    await before.store.reconcile();
    await before.store.durable();
    assert.equal(before.store.backlog, 0);
    const after = await killed(context, before);
    assert.equal(after.store.backlog, 0);
    assert.deepEqual(await statesOf(after, id), ['pending']);
    assert.deepEqual((await after.store.start([{ executionId: id }])).outcomes, ['not_found']);
    const [snapshot] = await after.history.read([id]);
    assert.ok(snapshot);
    await after.store.restore([{ snapshot, plan }]);
    assert.deepEqual((await after.store.start([{ executionId: id }])).outcomes, ['started']);
    await after.runAll();
    assert.deepEqual(await statesOf(after, id), ['completed', 'completed']);
  });
});

describe('a store with a damaged row', () => {
  test('is reported and left as it is', async (context) => {
    const fixture = await opened(context);
    const id = await fixture.submit(chainOf(2));
    const key = Buffer.concat([uuidToBytes(id), Buffer.alloc(4)]);
    const row = Buffer.from(fixture.environment.hot.get(key) ?? []);
    const last = row.length - 1;
    row[last] = (row[last] ?? 0) ^ 0x10;
    await fixture.environment.hot.put(key, row);
    await assert.rejects(
      fixture.afterKill(),
      (error) =>
        error instanceof MillraceError && error.code === 'STORE_DAMAGED' && /checksum/.test(error.message),
    );
  });

  test('that lost a definition or a head is reported', async (context) => {
    const fixture = await opened(context);
    const plan = chainOf(2);
    const id = await fixture.submit(plan);
    const definition = Buffer.from(fixture.environment.definitions.get(uuidToBytes(plan.workflowId)) ?? []);
    await fixture.environment.definitions.remove(uuidToBytes(plan.workflowId));
    await assert.rejects(fixture.afterKill(), /definition of workflow .* is missing/);
    await fixture.environment.definitions.put(uuidToBytes(plan.workflowId), definition);
    await fixture.environment.hot.remove(Buffer.concat([uuidToBytes(id), Buffer.alloc(4)]));
    await assert.rejects(fixture.afterKill(), /has lost its head/);
  });
});

test('finished executions leave the memory', async (context) => {
  const fixture = await opened(context);
  const plan = chainOf(1);
  for (let round = 0; round < 20; round++) {
    const commands = Array.from({ length: 250 }, () => ({
      executionId: fixture.nextId(),
      plan,
      params: Buffer.from('{}'),
      trigger: true,
    }));
    await (await fixture.store.submit(commands)).durable;
    const tasks = await fixture.lease();
    assert.equal(tasks.length, 250);
    const owner = 'host-a' as Parameters<typeof fixture.store.heartbeat>[0];
    const results = tasks.map((task) => ({ task, owner, outcome: outputOfNode(task) }));
    await (await fixture.store.advance(results)).durable;
  }
  assert.equal(fixture.store.backlog, 0);
  assert.equal([...fixture.store.executions()].length, 0);
  assert.equal(fixture.environment.hot.getKeysCount(), 0);
  assert.equal(fixture.environment.records.getKeysCount(), 5000);
});
