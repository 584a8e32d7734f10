import type { Settings } from './engine-fixture.js';
import { startPostgres } from './servers/postgres-server.js';
import { startRedis } from './servers/redis-server.js';

/** Every store that an engine can run on. */
export const STORE_KINDS = ['embedded', 'distributed'] as const;
export type StoreKind = (typeof STORE_KINDS)[number];

export interface StoreServers {
  /** What an engine needs to run on them. */
  readonly settings: Settings;
  stop(): Promise<void>;
}

/** Starts what a store needs beside the engine: nothing, or a Redis and a PostgreSQL of the test's own. */
export async function startStoreServers(kind: StoreKind): Promise<StoreServers> {
  if (kind === 'embedded') return { settings: {}, stop: async () => undefined };
  const redis = await startRedis({ appendfsync: 'always' });
  const postgres = await startPostgres();
  return {
    settings: { REDIS_URL: redis.url, DATABASE_URL: postgres.url, PARTITIONS: '4', HOT_GRACE_SECONDS: '1' },
    async stop() {
      await redis.stop();
      await postgres.stop();
    },
  };
}
