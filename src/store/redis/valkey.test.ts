import { redisStoreSuites, serversForTests } from '../../testing/redis-store-suites.js';
import { isInstalled } from '../../testing/servers/find-server.js';
import { startRedis } from '../../testing/servers/redis-server.js';

if (isInstalled('valkey-server')) {
  const connection = serversForTests(() => startRedis({ program: 'valkey-server' }));
  redisStoreSuites('the Redis store on Valkey', connection, { storeWalks: 50, redisWalks: 200 });
} else {
  process.stderr.write('valkey-server is not on the PATH: the Redis store was not tried on Valkey\n');
}
