import { rmSync } from 'node:fs';
import { createDatabase } from '../../store/postgres/testing/create-database.js';
import { type PostgresServer, startPostgres } from './postgres-server.js';
import { type RedisServer, startRedis } from './redis-server.js';

/** Where one store keeps its data: as the settings name it. */
export interface StoreAddress {
  readonly REDIS_URL: string;
  readonly DATABASE_URL: string;
}

const STORES = 1000;

let servers: Promise<readonly [RedisServer, PostgresServer]> | undefined;
let stores = 0;

/**
 * A new, empty store on one Redis and one PostgreSQL that all tests of this process share: a database of its own on each. The servers
 * keep the process from ending no longer than the tests do, and go with it.
 */
export async function createSharedStore(): Promise<StoreAddress> {
  servers ??= startServers();
  const [redis, postgres] = await servers;
  const number = stores++;
  if (number >= STORES) throw new Error(`the shared Redis has ${STORES} databases, and all are taken`);
  return {
    REDIS_URL: `${redis.url}/${number}`,
    DATABASE_URL: await createDatabase(postgres.url, `store_${number}`),
  };
}

async function startServers(): Promise<readonly [RedisServer, PostgresServer]> {
  const started = await Promise.all([
    startRedis({ appendfsync: 'always', args: ['--databases', String(STORES)] }),
    startPostgres(),
  ]);
  for (const server of started) server.unref();
  process.on('exit', () => {
    for (const { directory } of started)
      rmSync(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
  });
  return started;
}
