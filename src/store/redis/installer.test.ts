import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Bench } from '../../testing/conformance/subject.js';
import { HOST, jsonOf, OTHER_HOST } from '../../testing/machine-fixture.js';
import { rowOf } from '../../testing/plan-fixtures.js';
import { emptyServers, MemoryRecord, openTestStore } from '../../testing/redis-fixture.js';
import { serversForTests } from '../../testing/redis-store-suites.js';
import { startRedis } from '../../testing/servers/redis-server.js';
import { SimulatedClock } from '../../testing/simulated-clock.js';

const connection = serversForTests(startRedis);
const ROUNDS = 20;

test('redrives of one dead node by several hosts at once do not mix: one is done, with its own config', async () => {
  await emptyServers(connection());
  const clock = new SimulatedClock();
  const record = new MemoryRecord();
  const stores = [HOST, HOST, OTHER_HOST].map(
    (host) => openTestStore({ client: connection().client, clock, record, host }).store,
  );
  const [store] = stores;
  assert.ok(store);
  const bench = new Bench({
    store,
    leaseMs: 1000,
    maxDeliveries: 3,
    leasesOutliveCrash: true,
    now: () => clock.now(),
    advance: async (ms) => clock.advance(ms),
    recorded: async () => undefined,
    letGo: async () => undefined,
    crash: () => Promise.reject(new Error('it does not crash')),
    close: () => store.close(),
  });
  const executionId = await bench.submit(rowOf(1));
  await bench.fail(await bench.leaseOne());
  for (let round = 0; round < ROUNDS; round++) {
    const configs = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => jsonOf({ round, name }));
    const replies = await Promise.all(
      configs.map((config, index) =>
        stores[index % stores.length]?.redrive([{ executionId, node: 0, config }]),
      ),
    );
    const outcomes = replies.map((reply) => reply?.outcomes[0]);
    assert.deepEqual([...outcomes].sort(), [...Array(5).fill('not_dead'), 'redriven']);
    const task = await bench.leaseOne();
    const winner = configs[outcomes.indexOf('redriven')];
    assert.deepEqual(Buffer.from(task.configOverride ?? []), winner);
    await bench.fail(task);
  }
});
