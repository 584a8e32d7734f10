import { after, before } from 'node:test';
import { openConnection, type RedisConnection } from '../store/redis/connection.js';
import { createRedisSubject } from './redis-fixture.js';
import { redisWalk } from './redis-walk/redis-walk.js';
import { storeConformance } from './store-conformance.js';
import { storeWalk } from './store-walk.js';

export interface StartedServers {
  readonly url: string;
  stop(): Promise<void>;
}

/** A connection, not open yet, as tests need it on a slow machine. */
export function connectionTo(url: string): RedisConnection {
  return openConnection({
    url,
    commandTimeoutMs: 30_000,
    silenceTimeoutMs: 60_000,
    connectTimeoutMs: 5000,
    retryMs: 100,
    name: 'test',
  });
}

/** A connection, open while the tests of this file run, to servers that are started for them and emptied between them. */
export function serversForTests(start: () => Promise<StartedServers>): () => RedisConnection {
  let servers: StartedServers | undefined;
  let connection: RedisConnection | undefined;
  before(async () => {
    servers = await start();
    connection = connectionTo(servers.url);
    await connection.connect();
  });
  after(async () => {
    await connection?.close();
    await servers?.stop();
  });
  return () => {
    if (!connection) throw new Error('the servers have not started yet');
    return connection;
  };
}

/** The contract of a state store, and both random walks. */
export function redisStoreSuites(
  name: string,
  connection: () => RedisConnection,
  options: { readonly storeWalks: number; readonly redisWalks: number },
): void {
  storeConformance(name, () => createRedisSubject(connection()));
  storeWalk(name, () => createRedisSubject(connection()), { runs: options.storeWalks });
  redisWalk(name, connection, { runs: options.redisWalks });
}
