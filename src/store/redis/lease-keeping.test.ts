import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HostId } from '../../model/ids.js';
import { HOST, NO_PARAMS, OTHER_HOST, seededIds } from '../../testing/machine-fixture.js';
import { chainOf } from '../../testing/plan-fixtures.js';
import { emptyServers, MemoryRecord, openTestStore, TEST_LEASE_MS } from '../../testing/redis-fixture.js';
import { serversForTests } from '../../testing/redis-store-suites.js';
import { LossyCaller } from '../../testing/redis-walk/lossy-caller.js';
import { startRedis } from '../../testing/servers/redis-server.js';
import { SimulatedClock } from '../../testing/simulated-clock.js';
import type { HostFate } from '../host-registry.js';

const connection = serversForTests(startRedis);

const request = (owner: string) => ({
  ...{ owner: owner as HostId, leaseMs: TEST_LEASE_MS, lanes: undefined, total: 10, quarantined: 1 },
});

async function openHosts() {
  await emptyServers(connection());
  const clock = new SimulatedClock();
  const asked: number[] = [];
  const judge = { fate: 'undecided' as HostFate, asked };
  const lossy = new LossyCaller(connection().client);
  const common = { clock, record: new MemoryRecord(), partitions: 1 };
  const one = openTestStore({ ...common, client: lossy, host: HOST as HostId }).store;
  const other = openTestStore({
    ...{ ...common, client: connection().client, host: OTHER_HOST as HostId },
    fateOf: (_host, since) => {
      asked.push(since);
      return judge.fate;
    },
  }).store;
  const ids = seededIds(() => clock.now());
  const executionId = ids.next(0);
  const submission = { executionId, plan: chainOf(1), params: NO_PARAMS, trigger: true };
  return { clock, judge, lossy, one, other, ids, executionId, submission };
}

for (const [fate, deliveries] of [
  ['alive', 0],
  ['dead', 1],
] as const) {
  test(`a lease that ran out is taken over once its owner is known to be ${fate}`, async () => {
    const { clock, judge, one, other, submission } = await openHosts();
    assert.equal((await one.submit([submission], request(HOST))).tasks.length, 1);
    clock.advance(TEST_LEASE_MS);
    const foundAt = clock.now();
    assert.equal((await other.reclaim()).reclaimed, 0);
    await other.sweep();
    assert.deepEqual((await other.lease(request(OTHER_HOST))).tasks, []);
    clock.advance(100);
    judge.fate = fate;
    assert.equal((await other.reclaim()).reclaimed, 1);
    assert.deepEqual(judge.asked, [foundAt, foundAt]);
    const [task] = (await other.lease(request(OTHER_HOST))).tasks;
    assert.equal(task?.deliveries, deliveries);
  });
}

test('tasks whose reply was lost go back without a wait for their leases, and those that arrived stay', async () => {
  const { clock, lossy, one, ids, executionId, submission } = await openHosts();
  const time = async () => clock.now();
  assert.equal(await one.resumeAfterLoss(time), 0);
  const known = { ...submission, executionId: ids.next(0) };
  assert.equal((await one.submit([known], request(HOST))).tasks.length, 1);
  await one.submit([submission]);
  await one.sweep();
  lossy.loseAfter(0);
  await assert.rejects(one.lease(request(HOST)), { code: 'STORE_UNAVAILABLE' });
  await lossy.settle();
  clock.advance(10);
  assert.equal(await one.resumeAfterLoss(time), 1);
  assert.equal(await one.resumeAfterLoss(time), 0);
  const { tasks } = await one.lease(request(HOST));
  assert.deepEqual(
    tasks.map((task) => [task.executionId, task.fence, task.deliveries]),
    [[executionId, 2, 0]],
  );
});
