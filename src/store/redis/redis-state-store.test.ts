import { redisStoreSuites, serversForTests } from '../../testing/redis-store-suites.js';
import { startRedis } from '../../testing/servers/redis-server.js';

redisStoreSuites('the Redis store', serversForTests(startRedis), { storeWalks: 100, redisWalks: 2000 });
