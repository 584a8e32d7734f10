import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LeasedTask } from '../../model/commands.js';
import type { HostId } from '../../model/ids.js';
import { HOST, NO_PARAMS, OTHER_HOST, seededIds } from '../../testing/machine-fixture.js';
import { planOf } from '../../testing/plan-fixtures.js';
import { emptyServers, MemoryRecord, openTestStore, TEST_LEASE_MS } from '../../testing/redis-fixture.js';
import { serversForTests } from '../../testing/redis-store-suites.js';
import { LossyCaller } from '../../testing/redis-walk/lossy-caller.js';
import { startRedis } from '../../testing/servers/redis-server.js';
import { SimulatedClock } from '../../testing/simulated-clock.js';

const WIDTH = 1000;
const CHUNK = 100;
const STALLED_MS = 2001;
const connection = serversForTests(startRedis);

/** One node, WIDTH after it, one after all of them. */
function wide() {
  const middle = Array.from({ length: WIDTH }, (_, at) => `m${at}`);
  return planOf({
    nodes: [{ id: 'first' }, ...middle.map((id) => ({ id, on: ['first'] })), { id: 'last', on: middle }],
  });
}

async function openHosts() {
  await emptyServers(connection());
  const clock = new SimulatedClock();
  const dying = new LossyCaller(connection().client);
  const common = { clock, record: new MemoryRecord(), window: 50, fanOutChunk: CHUNK, partitions: 2 };
  const one = openTestStore({ ...common, client: dying, host: HOST as HostId }).store;
  const other = openTestStore({ ...common, client: connection().client, host: OTHER_HOST as HostId }).store;
  return { clock, dying, one, other };
}

const request = (owner: string, total: number) => ({
  ...{ owner: owner as HostId, leaseMs: TEST_LEASE_MS, lanes: undefined, total, quarantined: total },
});

for (const chunks of [0, 1, 4, 8]) {
  test(`a host that dies after ${chunks} more chunks of a fan-out is replaced, and each node is readied once`, async () => {
    const { clock, dying, one, other } = await openHosts();
    const [plan, executionId] = [wide(), seededIds(() => clock.now()).next(1)];
    const submission = { executionId, plan, params: NO_PARAMS, trigger: true };
    const [first] = (await one.submit([submission], request(HOST, 1))).tasks;
    assert.ok(first);
    // The reply of `advance`, or of a later chunk, never arrives, and the host does nothing more.
    dying.loseAfter(chunks);
    const result = { task: first, owner: HOST as HostId, outcome: { kind: 'completed' } as const };
    await assert.rejects(one.advance([result]), { code: 'STORE_UNAVAILABLE' });
    const [half] = await other.read([executionId]);
    const reached = half?.nodes.filter((node) => node.state === 'ready').length;
    assert.equal(reached, CHUNK * (chunks + 1));

    await other.sweep();
    const [still] = await other.read([executionId]);
    assert.equal(still?.nodes.filter((node) => node.state === 'ready').length, reached, 'it may go on yet');
    clock.advance(STALLED_MS);
    await other.sweep();
    const [whole] = await other.read([executionId]);
    assert.equal(whole?.nodes.filter((node) => node.state === 'ready').length, WIDTH);

    const seen: LeasedTask[] = [];
    for (;;) {
      const { tasks } = await other.lease(request(OTHER_HOST, 100));
      if (tasks.length === 0) break;
      seen.push(...tasks);
      const outcome = { kind: 'completed' } as const;
      await other.advance(tasks.map((task) => ({ task, owner: OTHER_HOST as HostId, outcome })));
    }
    assert.equal(new Set(seen.map(({ node }) => node)).size, seen.length, 'no node is handed out twice');
    assert.equal(seen.length, WIDTH + 1);
    assert.ok(seen.every(({ fence, attempt }) => fence === 1 && attempt === 1));
    assert.equal((await other.read([executionId]))[0]?.state, 'completed');
    assert.deepEqual((await other.advance([result])).outcomes, ['execution_ended']);
  });
}

test('two hosts that go on with the same fan-out ready each node once', async () => {
  const { clock, dying, one, other } = await openHosts();
  const [plan, executionId] = [wide(), seededIds(() => clock.now()).next(0)];
  const [first] = (
    await one.submit([{ executionId, plan, params: NO_PARAMS, trigger: true }], request(HOST, 1))
  ).tasks;
  assert.ok(first);
  dying.loseAfter(0);
  const result = { task: first, owner: HOST as HostId, outcome: { kind: 'completed' } as const };
  await assert.rejects(one.advance([result]), { code: 'STORE_UNAVAILABLE' });
  clock.advance(STALLED_MS);
  const [again] = await Promise.all([one.advance([result]), other.sweep(), one.sweep()]);
  assert.deepEqual(again.outcomes, ['duplicate']);
  const stats = await other.stats();
  assert.equal(stats.readyTasks, WIDTH);
  const leased = new Set<number>();
  for (;;) {
    const { tasks } = await other.lease(request(OTHER_HOST, 200));
    if (tasks.length === 0) break;
    for (const { node } of tasks) assert.ok(!leased.has(node) && leased.add(node));
  }
  assert.equal(leased.size, WIDTH);
});
