import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NO_PARAMS, seededIds } from '../../testing/machine-fixture.js';
import { planOf } from '../../testing/plan-fixtures.js';
import { MemoryColdStore, openTestHost, runToEnd } from '../../testing/redis-host-fixture.js';
import { startRedisCluster } from '../../testing/servers/redis-cluster.js';
import { probeRedis } from '../../testing/servers/resp-probe.js';

test('a host works on a cluster, whether the URL lists the nodes or names one of them', async () => {
  const cluster = await startRedisCluster();
  const plan = planOf({ nodes: [{ id: 'a' }, { id: 'b', on: ['a'] }] });
  const ids = seededIds(() => Date.now());
  const record = new MemoryColdStore();
  try {
    for (const url of [cluster.url, `${cluster.nodes[1]?.url}?cluster=true`]) {
      const host = await openTestHost(url, record, { partitions: 16 });
      for (let partition = 0; partition < 16; partition++) {
        const executionId = ids.next(partition);
        const ended = await runToEnd(host, record, { executionId, plan, params: NO_PARAMS, trigger: true });
        assert.equal(ended?.state, 'completed');
      }
      const ask = { limit: 2, need: 3, ahead: 0, mostHeld: 0, held: 0, holdSeconds: 10, unspent: [] };
      const grants = Array.from({ length: 20 }, (_, client) =>
        host.opened.rates.take(`${url} ${client}`, ask),
      );
      for (const { granted, room } of await Promise.all(grants)) assert.deepEqual([granted, room], [2, 0]);
      assert.equal(host.opened.healthy(), true);
      await host.opened.close();
    }
    const keys = await Promise.all(cluster.nodes.map((node) => probeSize(node.port)));
    assert.ok(
      keys.every((count) => count > 0),
      'the partitions are spread over the masters',
    );
  } finally {
    await cluster.stop();
  }
});

async function probeSize(port: number): Promise<number> {
  return Number((await probeRedis(port, 'DBSIZE')).slice(1));
}
