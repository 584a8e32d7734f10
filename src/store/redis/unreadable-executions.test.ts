import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ExecutionId, HostId } from '../../model/ids.js';
import { faultOf, HOST, NO_PARAMS, OTHER_HOST, seededIds } from '../../testing/machine-fixture.js';
import { rowOf } from '../../testing/plan-fixtures.js';
import { emptyServers, MemoryRecord, openTestStore, TEST_LEASE_MS } from '../../testing/redis-fixture.js';
import { serversForTests } from '../../testing/redis-store-suites.js';
import { startRedis } from '../../testing/servers/redis-server.js';
import { SimulatedClock } from '../../testing/simulated-clock.js';

const connection = serversForTests(startRedis);

const request = (owner: string) => ({
  ...{ owner: owner as HostId, leaseMs: TEST_LEASE_MS, lanes: undefined, total: 10, quarantined: 1 },
});

/** Two executions of one partition, and another host, which finds the definition of the first one gone. */
async function openBroken() {
  await emptyServers(connection());
  const clock = new SimulatedClock();
  const unreadable: ExecutionId[] = [];
  const common = { clock, record: new MemoryRecord(), partitions: 1, client: connection().client };
  const one = openTestStore({ ...common, host: HOST as HostId });
  const other = openTestStore({ ...common, host: OTHER_HOST as HostId, unreadable }).store;
  const ids = seededIds(() => clock.now());
  const [broken, whole] = ['broken', 'whole'].map((name) => ({
    ...{ executionId: ids.next(0), plan: rowOf(2, { name, timeoutMs: 100_000 }), params: NO_PARAMS },
    trigger: true,
  }));
  assert.ok(broken && whole);
  await one.store.submit([broken, whole]);
  const [keys] = one.client.keys;
  assert.ok(keys);
  const definitionKey = keys.definition(broken.plan.workflowId);
  const body = (await connection().client.callBuffer('GET', definitionKey)) as Buffer;
  const forget = () => connection().client.callBuffer('DEL', definitionKey);
  const bringBack = () => connection().client.callBuffer('SET', definitionKey, body);
  await other.sweep();
  return { clock, one: one.store, other, unreadable, broken, whole, forget, bringBack };
}

const idsOf = (found: readonly { readonly executionId: ExecutionId }[]) =>
  found.map((each) => each.executionId);

test('an execution that makes no sense keeps none of its partition from the record, and is recorded once it does', async () => {
  const { other, unreadable, broken, whole, forget, bringBack } = await openBroken();
  await forget();
  for (let round = 0; round < 2; round++) {
    const events = await other.takeOutbox(100);
    assert.deepEqual(idsOf(events.map((event) => event.snapshot)), [whole.executionId]);
    await other.sweep();
  }
  assert.deepEqual(unreadable, [broken.executionId], 'it is told, once');
  await assert.rejects(other.read([broken.executionId]), { code: 'STORE_DAMAGED' });
  await bringBack();
  await other.acknowledgeOutbox(await other.takeOutbox(100));
  await other.sweep();
  assert.deepEqual(await other.takeOutbox(100), []);
});

test('nor from running, from being taken over, from its deadline or from the list of dead letters', async () => {
  const { clock, one, other, unreadable, broken, whole, forget } = await openBroken();
  await one.lease(request(HOST));
  await forget();
  clock.advance(TEST_LEASE_MS);
  assert.equal((await other.reclaim()).reclaimed, 2);
  await other.sweep();
  const { tasks } = await other.lease(request(OTHER_HOST));
  assert.deepEqual(idsOf(tasks), [whole.executionId, whole.executionId]);
  const [task] = tasks;
  assert.ok(task);
  const outcome = { kind: 'failed', error: faultOf('HANDLER_ERROR') } as const;
  const dead = rowOf(1, { name: 'timed', timeoutMs: 1000 });
  const timed = {
    executionId: seededIds(() => clock.now()).next(0),
    plan: dead,
    params: NO_PARAMS,
    trigger: true,
  };
  await other.submit([timed]);
  clock.advance(100_000);
  await other.sweep();
  assert.equal((await other.promote()).expired, 2);
  await other.advance([{ task, owner: OTHER_HOST as HostId, outcome }]);
  const letters = await other.listDead({ limit: 10 });
  assert.deepEqual(new Set(idsOf(letters)), new Set([whole.executionId, timed.executionId]));
  assert.deepEqual(unreadable, [broken.executionId]);
});
