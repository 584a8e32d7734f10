import { after, before } from 'node:test';
import { createRedisSubject } from '../../testing/redis-fixture.js';
import { storeConformance } from '../../testing/store-conformance.js';
import { storeWalk } from '../../testing/store-walk.js';
import { openConnection } from './connection.js';

const connection = openConnection({
  url: 'redis://127.0.0.1:7901',
  commandTimeoutMs: 5000,
  connectTimeoutMs: 5000,
  retryMs: 100,
  name: 'test',
});
before(() => connection.connect());
after(() => connection.close());

storeConformance('the Redis store', () => createRedisSubject({ connection }));
storeWalk('the Redis store', () => createRedisSubject({ connection }), { runs: 100 });
