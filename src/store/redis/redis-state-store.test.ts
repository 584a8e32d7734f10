import { after, before } from 'node:test';
import { createRedisSubject } from '../../testing/redis-fixture.js';
import { type RedisServer, startRedis } from '../../testing/servers/redis-server.js';
import { storeConformance } from '../../testing/store-conformance.js';
import { storeWalk } from '../../testing/store-walk.js';
import { openConnection, type RedisConnection } from './connection.js';

let server: RedisServer;
let connection: RedisConnection;
before(async () => {
  server = await startRedis();
  connection = openConnection({
    url: server.url,
    commandTimeoutMs: 30_000,
    silenceTimeoutMs: 30_000,
    connectTimeoutMs: 5000,
    retryMs: 100,
    name: 'test',
  });
  await connection.connect();
});
after(async () => {
  await connection?.close();
  await server?.stop();
});

storeConformance('the Redis store', () => createRedisSubject({ connection }));
storeWalk('the Redis store', () => createRedisSubject({ connection }), { runs: 100 });
