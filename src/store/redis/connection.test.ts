import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NO_PARAMS, seededIds } from '../../testing/machine-fixture.js';
import { planOf } from '../../testing/plan-fixtures.js';
import { MemoryColdStore, openTestHost, runToEnd } from '../../testing/redis-host-fixture.js';
import { startTlsRedis } from '../../testing/servers/tls-redis.js';
import { parseRedisUrl } from './connection.js';

test('a URL gives host, port, user, password and database', () => {
  assert.deepEqual(parseRedisUrl('redis://ann:p%40ss@store.example:7001/3'), {
    nodes: [{ host: 'store.example', port: 7001 }],
    isCluster: false,
    options: { username: 'ann', password: 'p@ss', db: 3 },
  });
  assert.deepEqual(parseRedisUrl('redis://store.example'), {
    nodes: [{ host: 'store.example', port: 6379 }],
    isCluster: false,
    options: { db: 0 },
  });
  assert.deepEqual(parseRedisUrl('redis://[::1]:7001').nodes, [{ host: '::1', port: 7001 }]);
  assert.deepEqual(parseRedisUrl('rediss://:secret@store.example').options, {
    password: 'secret',
    db: 0,
    tls: {},
  });
});

test('several nodes, or ?cluster=true, are a cluster', () => {
  const list = parseRedisUrl('redis://:pw@one:7001, redis://two:7002,redis://three');
  assert.equal(list.isCluster, true);
  assert.deepEqual(list.nodes, [
    { host: 'one', port: 7001 },
    { host: 'two', port: 7002 },
    { host: 'three', port: 6379 },
  ]);
  assert.deepEqual(list.options, { password: 'pw' });
  assert.equal(parseRedisUrl('redis://one?cluster=true').isCluster, true);
  assert.equal(parseRedisUrl('redis://one?cluster=false').isCluster, false);
});

test('a wrong URL is refused with what is wrong', () => {
  const refusals: readonly (readonly [string, RegExp])[] = [
    ['', /expected redis:/],
    ['localhost:6379', /expected redis:/],
    ['http://localhost:6379', /expected redis:/],
    ['redis://', /expected redis:/],
    ['redis://host/zero', /database/],
    ['redis://host/-1', /database/],
    ['redis://one,rediss://two', /TLS/],
    ['redis://one/2?cluster=true', /database 0/],
    ['redis://one?cluster=perhaps', /cluster/],
    ['rediss://host?ca=/nowhere/ca.pem', /ca\.pem/],
  ];
  for (const [url, why] of refusals) assert.throws(() => parseRedisUrl(url), { message: why }, url);
});

test('a store works over TLS with a password, and only with a certificate that is trusted', async () => {
  const server = await startTlsRedis('p@ss/word');
  const record = new MemoryColdStore();
  try {
    const host = await openTestHost(server.url, record);
    const plan = planOf({ nodes: [{ id: 'a' }, { id: 'b', on: ['a'] }] });
    const executionId = seededIds(() => Date.now()).next(0);
    const ended = await runToEnd(host, record, { executionId, plan, params: NO_PARAMS, trigger: true });
    assert.equal(ended?.state, 'completed');
    await host.opened.close();
    await assert.rejects(openTestHost(server.untrustedUrl, record), /self.signed/i);
    await assert.rejects(openTestHost(server.url.replace('p%40ss', 'other'), record), /WRONGPASS|NOAUTH/);
  } finally {
    await server.stop();
  }
});
