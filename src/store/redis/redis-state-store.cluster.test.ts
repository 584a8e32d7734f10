import { redisStoreSuites, serversForTests } from '../../testing/redis-store-suites.js';
import { startRedisCluster } from '../../testing/servers/redis-cluster.js';

redisStoreSuites('the Redis store on a cluster', serversForTests(startRedisCluster), {
  storeWalks: 50,
  redisWalks: 200,
});
