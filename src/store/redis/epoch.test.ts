import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import type { HostId, WorkflowId } from '../../model/ids.js';
import { NO_PARAMS, seededIds } from '../../testing/machine-fixture.js';
import { planOf } from '../../testing/plan-fixtures.js';
import { poll } from '../../testing/poll.js';
import { MemoryColdStore, openTestHost, runToEnd } from '../../testing/redis-host-fixture.js';
import { connectionTo } from '../../testing/redis-store-suites.js';
import { type RedisServer, startRedis } from '../../testing/servers/redis-server.js';
import type { RedisConnection } from './connection.js';
import { STORE_KEY } from './partition-keys.js';

const plan = planOf({ nodes: [{ id: 'a' }, { id: 'b', on: ['a'] }] });
const ids = seededIds(() => Date.now());
const LEASE = { owner: 'host-a' as HostId, leaseMs: 15_000, lanes: undefined, total: 10, quarantined: 10 };

let server: RedisServer;
let connection: RedisConnection;
before(async () => {
  server = await startRedis();
  connection = connectionTo(server.url);
  await connection.connect();
});
after(async () => {
  await connection?.close();
  await server?.stop();
});
beforeEach(async () => {
  await connection.client.callBuffer('FLUSHALL');
});

async function epochOfRedis(): Promise<string> {
  return String(await connection.client.callBuffer('HGET', STORE_KEY, 'epoch'));
}

/** Starts an execution, lets the record learn of it, and leaves it with a leased task. */
async function beginExecution(record: MemoryColdStore, host: Awaited<ReturnType<typeof openTestHost>>) {
  const { store } = host.opened;
  const executionId = ids.next(1);
  record.plans.set(plan.workflowId, plan);
  const { tasks } = await store.submit([{ executionId, plan, params: NO_PARAMS, trigger: true }], LEASE);
  assert.equal(tasks.length, 1);
  const events = await store.takeOutbox(10);
  record.executions.record(events);
  await store.acknowledgeOutbox(events);
  return { executionId, tasks };
}

test('where both sides are new, an epoch is made up, and every host joins it', async () => {
  const record = new MemoryColdStore();
  const hosts = await Promise.all(
    ['host-a', 'host-b', 'host-c'].map((host) => openTestHost(server.url, record, { host: host as HostId })),
  );
  assert.match(record.epoch.epoch ?? '', /^[0-9a-f]{32}$/);
  assert.equal(await epochOfRedis(), record.epoch.epoch);
  for (const { opened } of hosts) {
    assert.deepEqual(await opened.store.takeOutbox(1), []);
    await opened.close();
  }
});

test('a Redis of another record is refused', async () => {
  await (await openTestHost(server.url, new MemoryColdStore())).opened.close();
  await assert.rejects(openTestHost(server.url, new MemoryColdStore()), {
    code: 'STORE_UNSUITABLE',
    message: /data of another PostgreSQL/,
  });
  const other = new MemoryColdStore();
  other.epoch.epoch = 'f'.repeat(32);
  await assert.rejects(openTestHost(server.url, other), {
    code: 'STORE_UNSUITABLE',
    message: /do not belong together/,
  });
  assert.equal(other.epoch.epoch, 'f'.repeat(32), 'a host that is refused changes nothing');
});

test('a Redis that was emptied while no host ran is filled from the record', async () => {
  const record = new MemoryColdStore();
  const first = await openTestHost(server.url, record);
  const { executionId } = await beginExecution(record, first);
  await first.opened.close();
  const before = record.epoch.epoch;
  await connection.client.callBuffer('FLUSHALL');
  await assert.rejects(openTestHost(server.url, record, { recover: 'never' }), { message: /RECOVER=never/ });
  const second = await openTestHost(server.url, record);
  assert.notEqual(record.epoch.epoch, before, 'leases of the lost store do not count under a new epoch');
  assert.equal((await second.opened.store.read([executionId]))[0]?.state, 'running');
  await second.opened.close();
});

test('an execution without its definition keeps none of the others from coming back', async () => {
  const record = new MemoryColdStore();
  const first = await openTestHost(server.url, record);
  const { executionId } = await beginExecution(record, first);
  await first.opened.close();
  const snapshot = record.executions.executions.get(executionId);
  assert.ok(snapshot);
  const orphan = ids.next(1);
  const workflowId = 'ffffffff-ffff-8fff-bfff-ffffffffffff' as WorkflowId;
  record.executions.executions.set(orphan, { ...snapshot, executionId: orphan, workflowId });
  await connection.client.callBuffer('FLUSHALL');
  const second = await openTestHost(server.url, record);
  const [found, missing] = await second.opened.store.read([executionId, orphan]);
  assert.equal(found?.state, 'running');
  assert.equal(missing, undefined);
  assert.ok(second.messages.some((message) => message.includes('cannot be brought back')));
  await second.opened.close();
});

test('a host whose Redis is emptied under it drops its leases, joins again and goes on', async () => {
  const record = new MemoryColdStore();
  const host = await openTestHost(server.url, record);
  const { store } = host.opened;
  const aborted: string[] = [];
  store.onSignals((signals) => {
    for (const signal of signals)
      if (signal.kind === 'abort') aborted.push(...signal.leases.map((lease) => lease.executionId));
  });
  const { executionId, tasks } = await beginExecution(record, host);
  await connection.client.callBuffer('FLUSHALL');
  const results = tasks.map((task) => ({
    task,
    owner: LEASE.owner,
    outcome: { kind: 'completed' } as const,
  }));
  await assert.rejects(store.advance(results), { code: 'STORE_UNAVAILABLE' });
  assert.equal(host.opened.healthy(), false);
  await poll('the host to join again', () => host.opened.healthy());
  assert.deepEqual(aborted, [executionId]);
  const [snapshot] = await store.read([executionId]);
  assert.equal(snapshot?.state, 'running');
  const ended = await runToEnd(host, record, {
    executionId: ids.next(2),
    plan,
    params: NO_PARAMS,
    trigger: true,
  });
  assert.ok(ended, 'what comes after the loss runs');
  await host.opened.close();
});
