import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import fc from 'fast-check';
import type { ExecutionId } from '../../model/ids.js';
import type { ExecutionSummary } from '../../model/snapshot.js';
import { faultOf, NO_PARAMS } from '../../testing/machine-fixture.js';
import { chainOf } from '../../testing/plan-fixtures.js';
import {
  DAY_MS,
  PARK_AFTER_MS,
  PENDING_TTL_MS,
  RETENTION_MS,
  StoreOnDisk,
} from '../../testing/store-on-disk.js';
import type { ExecutionQuery } from '../history-store.js';

async function opened(context: TestContext): Promise<StoreOnDisk> {
  const fixture = await StoreOnDisk.open();
  context.after(() => fixture.close());
  return fixture;
}

async function listAll(
  fixture: StoreOnDisk,
  query: Omit<ExecutionQuery, 'before'>,
): Promise<ExecutionSummary[]> {
  const found: ExecutionSummary[] = [];
  let before: ExecutionId | undefined;
  do {
    const page = await fixture.history.list({ ...query, ...(before && { before }) });
    assert.ok(page.executions.length <= query.limit);
    found.push(...page.executions);
    before = page.next;
  } while (before);
  return found;
}

const ENDS = ['completed', 'failed', 'cancelled', 'pending', 'running', 'parked'] as const;

/** One execution, brought to where it is wanted; `name` makes its workflow. */
async function bring(fixture: StoreOnDisk, name: string, end: (typeof ENDS)[number]): Promise<ExecutionId> {
  const id = await fixture.submit(chainOf(1, { name }), { trigger: end !== 'pending' && end !== 'parked' });
  if (end === 'cancelled') await (await fixture.store.cancel([id])).durable;
  if (end === 'completed') await fixture.runAll();
  if (end === 'failed') await fixture.runAll(() => ({ kind: 'failed', error: faultOf(name) }));
  if (end === 'running') await fixture.lease();
  if (end === 'parked') {
    fixture.clock.advance(PARK_AFTER_MS + 1);
    await fixture.store.reconcile();
    await fixture.store.durable();
  }
  fixture.clock.advance(7);
  return id;
}

describe('lists', () => {
  test('answer what a look at every execution would, whatever the filter and the size of a page', async () => {
    const wanted = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.constantFrom(...ENDS)), {
      maxLength: 25,
    });
    const filters = fc.record(
      {
        state: fc.constantFrom('pending', 'running', 'completed', 'failed', 'cancelled'),
        name: fc.constantFrom('a', 'b', 'z'),
        workflow: fc.constantFrom('a', 'c'),
        after: fc.nat(25),
        before: fc.nat(25),
      },
      { requiredKeys: [] },
    );
    await fc.assert(
      fc.asyncProperty(
        wanted,
        fc.array(filters, { minLength: 3, maxLength: 6 }),
        fc.integer({ min: 1, max: 7 }),
        check,
      ),
      { numRuns: 25 },
    );
    async function check(
      executions: readonly (readonly [string, (typeof ENDS)[number]])[],
      queries: readonly {
        state?: ExecutionQuery['state'];
        name?: string;
        workflow?: string;
        after?: number;
        before?: number;
      }[],
      limit: number,
    ): Promise<void> {
      const fixture = await StoreOnDisk.open();
      try {
        const all: { id: ExecutionId; name: string; state: string; at: number }[] = [];
        for (const [name, end] of executions) {
          const id = await bring(fixture, name, end);
          all.push({
            id,
            name,
            state: end === 'parked' ? 'pending' : end,
            at: Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16),
          });
        }
        for (const { state, name, workflow, after, before } of queries) {
          const createdAfter = after === undefined ? undefined : (all[after]?.at ?? 0);
          const createdBefore =
            before === undefined ? undefined : (all[before]?.at ?? Number.MAX_SAFE_INTEGER);
          const expected = all
            .filter((one) => state === undefined || one.state === state)
            .filter((one) => name === undefined || one.name === name)
            .filter((one) => workflow === undefined || one.name === workflow)
            .filter((one) => createdAfter === undefined || one.at > createdAfter)
            .filter((one) => createdBefore === undefined || one.at < createdBefore)
            .map((one) => one.id)
            .sort()
            .reverse();
          const found = await listAll(fixture, {
            limit,
            ...(state && { state }),
            ...(name && { name }),
            ...(workflow && { workflowId: chainOf(1, { name: workflow }).workflowId }),
            ...(createdAfter !== undefined && { createdAfter }),
            ...(createdBefore !== undefined && { createdBefore }),
          });
          assert.deepEqual(
            found.map((each) => each.executionId),
            expected,
          );
        }
      } finally {
        await fixture.close();
      }
    }
  });

  test('a page goes on where the last one ended while executions arrive and end', async (context) => {
    const fixture = await opened(context);
    const ids = [];
    for (let count = 0; count < 6; count++)
      ids.push(await bring(fixture, 'a', count % 2 ? 'completed' : 'pending'));
    const first = await fixture.history.list({ limit: 3 });
    await bring(fixture, 'a', 'completed');
    assert.ok(first.next);
    const second = await fixture.history.list({ limit: 3, before: first.next });
    const seen = [...first.executions, ...second.executions].map((each) => each.executionId);
    assert.deepEqual(seen, [...ids].reverse());
  });
});

describe('retention', () => {
  test('removes ended executions, their dead letters and their definitions, and nothing else', async (context) => {
    const fixture = await opened(context);
    const old = await bring(fixture, 'old', 'completed');
    const dead = await bring(fixture, 'dead', 'failed');
    const pending = await bring(fixture, 'pending', 'pending');
    fixture.clock.advance(RETENTION_MS - DAY_MS);
    const recent = await bring(fixture, 'recent', 'failed');
    assert.equal(await fixture.history.sweep(), 0);
    fixture.clock.advance(DAY_MS + 1);
    assert.equal(await fixture.history.sweep(), 2);
    assert.deepEqual(await fixture.history.read([old, dead]), [undefined, undefined]);
    const left = await listAll(fixture, { limit: 10 });
    assert.deepEqual(
      left.map((each) => each.executionId),
      [recent, pending],
    );
    const letters = await fixture.store.listDead({ limit: 10 });
    assert.deepEqual(
      letters.map((letter) => letter.executionId),
      [recent],
    );
    const definitions = await Promise.all(
      ['old', 'dead', 'recent', 'pending'].map((name) =>
        fixture.history.definition(chainOf(1, { name }).workflowId),
      ),
    );
    assert.deepEqual(
      definitions.map((each) => each?.name),
      [undefined, undefined, 'recent', 'pending'],
    );
    assert.equal(fixture.environment.index.getKeysCount(), 4, 'the entries of the one record that is left');
  });

  test('a workflow whose definition went can be submitted again', async (context) => {
    const fixture = await opened(context);
    await bring(fixture, 'a', 'completed');
    fixture.clock.advance(RETENTION_MS + 1);
    await fixture.history.sweep();
    await bring(fixture, 'a', 'pending');
    assert.equal((await fixture.history.definition(chainOf(1, { name: 'a' }).workflowId))?.name, 'a');
  });

  test('an execution that nobody triggers becomes cancelled', async (context) => {
    const fixture = await opened(context);
    const id = await bring(fixture, 'a', 'parked');
    fixture.clock.advance(PENDING_TTL_MS - PARK_AFTER_MS - 1000);
    await fixture.history.sweep();
    assert.equal((await fixture.history.read([id]))[0]?.state, 'pending');
    fixture.clock.advance(2000);
    await fixture.history.sweep();
    const [snapshot] = await fixture.history.read([id]);
    assert.deepEqual([snapshot?.state, snapshot?.error?.code], ['cancelled', 'TRIGGER_EXPIRED']);
    assert.equal((await listAll(fixture, { limit: 10, state: 'cancelled' })).length, 1);
    assert.equal((await listAll(fixture, { limit: 10, state: 'pending' })).length, 0);
  });

  test('forgets idempotency keys when their time is over', async (context) => {
    const fixture = await opened(context);
    const plan = chainOf(1);
    const submit = async () => {
      const idempotency = { key: 'k', bodyHash: 'h', ttlMs: 1000 };
      const command = { executionId: fixture.nextId(), plan, params: NO_PARAMS, trigger: false, idempotency };
      const reply = await fixture.store.submit([command]);
      await reply.durable;
      return reply.outcomes[0]?.kind;
    };
    assert.deepEqual([await submit(), await submit()], ['accepted', 'duplicate']);
    const after = await fixture.afterKill();
    context.after(() => after.close());
    assert.ok(after.environment.idempotency.getKeysCount() === 1);
    fixture.clock.advance(1001);
    await fixture.history.sweep();
    assert.equal(fixture.environment.idempotency.getKeysCount(), 0);
    assert.equal(await submit(), 'accepted');
  });
});

test('dead letters are listed newest first, filtered, in pages, and deleted once', async (context) => {
  const fixture = await opened(context);
  for (const name of ['A', 'B', 'A', 'B', 'A']) await bring(fixture, name, 'failed');
  const all = await fixture.store.listDead({ limit: 10 });
  assert.deepEqual(
    all.map((letter) => letter.error.code),
    ['A', 'B', 'A', 'B', 'A'],
  );
  const times = all.map((letter) => letter.failedAt);
  assert.deepEqual(
    times,
    [...times].sort((a, b) => b - a),
  );
  assert.equal((await fixture.store.listDead({ limit: 10, errorCode: 'B' })).length, 2);
  assert.equal((await fixture.store.listDead({ limit: 10, failedAfter: times[2] ?? 0 })).length, 2);
  const first = await fixture.store.listDead({ limit: 2 });
  const rest = await fixture.store.listDead({ limit: 10, before: first[1]?.id ?? '' });
  assert.deepEqual([...first, ...rest], all);
  const ids = [all[0]?.id ?? '', 'nonsense'];
  assert.deepEqual((await fixture.store.deleteDead(ids)).outcomes, ['deleted', 'not_found']);
  await fixture.store.durable();
  assert.deepEqual((await fixture.store.deleteDead(ids)).outcomes, ['not_found', 'not_found']);
  assert.equal((await fixture.store.listDead({ limit: 10 })).length, 4);
});

test('a commit that fails answers nobody, and what it carried is kept by a later one', async (context) => {
  const fixture = await opened(context);
  const { root } = fixture.environment;
  const put = root.put.bind(root);
  let failures = 1;
  root.put = ((...args: Parameters<typeof put>) =>
    failures-- > 0 ? Promise.reject(new Error('no space left')) : put(...args)) as typeof root.put;
  const plan = chainOf(1);
  const executionId = fixture.nextId();
  const reply = await fixture.store.submit([{ executionId, plan, params: NO_PARAMS, trigger: true }]);
  await assert.rejects(reply.durable, /no space left/);
  assert.equal(fixture.store.failing, true);
  await assert.rejects(fixture.submit(plan), /cannot write/);
  fixture.clock.advance(10);
  await fixture.store.durable();
  assert.equal(fixture.store.failing, false);
  await fixture.runAll();
  const after = await fixture.afterKill();
  context.after(() => after.close());
  assert.equal((await after.history.read([executionId]))[0]?.state, 'completed');
  assert.equal(after.store.backlog, 0);
  assert.equal(after.environment.hot.getKeysCount(), 0);
});
