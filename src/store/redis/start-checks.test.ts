import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import type { HostId } from '../../model/ids.js';
import { MemoryColdStore, openTestHost } from '../../testing/redis-host-fixture.js';
import { connectionTo } from '../../testing/redis-store-suites.js';
import { type RedisServer, startRedis } from '../../testing/servers/redis-server.js';
import type { RedisConnection } from './connection.js';
import { STORE_KEY } from './partition-keys.js';
import {
  checkLayout,
  checkServer,
  durabilityOf,
  parseInfo,
  readServerFacts,
  type ServerFacts,
  STORE_FORMAT,
} from './start-checks.js';

const GOOD: ServerFacts = {
  product: 'redis',
  version: '7.0.15',
  maxmemoryPolicy: 'noeviction',
  maxmemory: 0,
  usedMemory: 1,
  appendonly: true,
  appendfsync: 'always',
};
const unsuitable = (message: RegExp) => ({ code: 'STORE_UNSUITABLE', message });

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
  await connection.client.callBuffer('CONFIG', 'SET', 'maxmemory-policy', 'noeviction', 'appendonly', 'no');
});

test('the versions that are needed', () => {
  assert.deepEqual(checkServer(GOOD), []);
  assert.deepEqual(checkServer({ ...GOOD, version: '8.2.1' }), []);
  assert.deepEqual(checkServer({ ...GOOD, product: 'valkey', version: '8.0.1' }), []);
  assert.throws(() => checkServer({ ...GOOD, version: '6.2.14' }), unsuitable(/6\.2\.14 is too old/));
  assert.throws(() => checkServer({ ...GOOD, version: '' }), unsuitable(/too old/));
  const valkey = { ...GOOD, product: 'valkey', version: '7.2.4' } as const;
  assert.throws(() => checkServer(valkey), unsuitable(/valkey 7\.2\.4 is too old/));
});

test('what a server says of itself, and what it does not tell', async () => {
  assert.equal(parseInfo('# Server\r\nredis_version:7.0.15\r\n\r\nos:a:b\r\n').get('os'), 'a:b');
  const facts = await readServerFacts({
    callBuffer: async (command) => {
      if (command === 'CONFIG') throw new Error('ERR unknown command');
      return Buffer.from('redis_version:7.4.0\r\nvalkey_version:8.1.0\r\naof_enabled:1\r\n');
    },
  });
  assert.deepEqual(facts, {
    ...{ product: 'valkey', version: '8.1.0', maxmemoryPolicy: '', maxmemory: 0 },
    ...{ usedMemory: 0, appendonly: true, appendfsync: '' },
  });
  assert.deepEqual(checkServer(facts), []);
});

test('durability is told as it is', () => {
  assert.match(durabilityOf(GOOD, 0), /follows the sync of the Redis AOF$/);
  assert.match(durabilityOf(GOOD, 2), /2 replicas have it$/);
  assert.match(durabilityOf({ ...GOOD, appendfsync: 'everysec' }, 0), /synced everysec$/);
  assert.match(durabilityOf({ ...GOOD, appendonly: false }, 0), /no AOF$/);
  assert.match(checkServer({ ...GOOD, appendfsync: 'everysec' }).join(), /syncs its AOF everysec/);
  assert.match(checkServer({ ...GOOD, appendonly: false }).join(), /keeps no AOF/);
});

test('a server that drops keys is refused', async () => {
  await connection.client.callBuffer('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru');
  await assert.rejects(openTestHost(server.url, new MemoryColdStore()), unsuitable(/allkeys-lru/));
});

test('a server without an AOF is warned of, and one that syncs it always is not', async () => {
  const first = await openTestHost(server.url, new MemoryColdStore());
  assert.ok(first.messages.some((message) => message.includes('keeps no AOF')));
  assert.match(first.opened.durability, /no AOF/);
  await first.opened.close();
  await connection.client.callBuffer('FLUSHALL');
  await connection.client.callBuffer('CONFIG', 'SET', 'appendonly', 'yes', 'appendfsync', 'always');
  const second = await openTestHost(server.url, new MemoryColdStore());
  assert.deepEqual(
    second.messages.filter((message) => message.includes('AOF')),
    [],
  );
  assert.match(second.opened.durability, /follows the sync/);
  await second.opened.close();
});

test('another number of partitions is refused, and the same one is not', async () => {
  const record = new MemoryColdStore();
  await (await openTestHost(server.url, record)).opened.close();
  await assert.rejects(
    openTestHost(server.url, record, { partitions: 8 }),
    unsuitable(/made with PARTITIONS=4, and this host has 8/),
  );
  await (await openTestHost(server.url, record, { host: 'host-b' as HostId })).opened.close();
});

test('a newer format is refused', async () => {
  await checkLayout(connection.client, 4);
  await connection.client.callBuffer('HSET', STORE_KEY, 'format', String(STORE_FORMAT + 1));
  await assert.rejects(openTestHost(server.url, new MemoryColdStore()), unsuitable(/format 2 is newer/));
});
