import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { DistributedStore } from '../../testing/distributed/distributed-store.js';
import { startRedisCluster } from '../../testing/servers/redis-cluster.js';
import { serverTestsAreSkipped } from '../../testing/servers/skipped-servers.js';
import { startTlsRedis } from '../../testing/servers/tls-redis.js';

const skip = serverTestsAreSkipped('hosts on a Redis Cluster and over TLS');
const EXECUTIONS = 40;
const NODES = [
  { id: 'a', handler: 'echo', config: { n: 3 } },
  ...['b', 'c', 'd'].map((id) => ({ id, handler: 'pass', dependencies: ['a'] })),
  { id: 'z', handler: 'record', dependencies: ['b', 'c', 'd', 'a'], config: { n: '{{ a.n }}' } },
];

/** Two hosts share executions of all partitions; one is killed in the middle, and nothing is missing in the end. */
async function runOn(context: TestContext, redisUrl: string): Promise<void> {
  const store = await DistributedStore.start({ settings: { REDIS_URL: redisUrl } });
  context.after(() => store.close());
  const [survivor, victim] = await Promise.all([store.addHost(), store.addHost()]);
  const executions: string[] = [];
  for (let count = 0; count < EXECUTIONS; count++) {
    executions.push(await (count % 2 === 0 ? survivor : victim).begin(NODES));
  }
  await victim.kill();
  for (const id of executions) {
    assert.equal((await survivor.ended(id)).status, 'COMPLETED');
    assert.equal((await survivor.outputs(id)).z.config.n, 3);
  }
  await survivor.recorded();
  const { json } = await survivor.call('GET', `/api/v1/workflow?status=COMPLETED&limit=${EXECUTIONS + 1}`);
  assert.equal(json.executions.length, EXECUTIONS);
  assert.deepEqual((await survivor.call('GET', '/health')).json.dependencies, {
    redis: 'healthy',
    postgres: 'healthy',
  });
}

test('two hosts on a cluster of three masters', { skip }, async (t) => {
  const cluster = await startRedisCluster();
  t.after(() => cluster.stop());
  await runOn(t, cluster.url);
});

test('two hosts on a Redis that wants TLS and a password', { skip }, async (t) => {
  const redis = await startTlsRedis('s3cret/pass:word');
  t.after(() => redis.stop());
  await runOn(t, redis.url);
});
