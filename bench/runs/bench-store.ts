import { startPostgres } from '../../src/testing/servers/postgres-server.js';
import { SHIPPED_REDIS_SETTINGS, startRedis } from '../../src/testing/servers/redis-server.js';

export const STORES = ['embedded', 'distributed'] as const;
export type StoreName = (typeof STORES)[number];

/** How Redis keeps its log: synced with each write, once a second, or none. */
export const FSYNCS = ['always', 'everysec', 'off'] as const;
export type Fsync = (typeof FSYNCS)[number];

/** What an engine needs to know of its store, and what ends the servers that were started for it. */
export interface BenchStore {
  readonly settings: Readonly<Record<string, string>>;
  /** Processes of the store, by the name that tables give them. */
  readonly pids: Readonly<Record<string, readonly number[]>>;
  stop(): Promise<void>;
}

/** An empty store: `distributed` starts a Redis and a PostgreSQL as it comes. */
export async function startBenchStore(name: StoreName, fsync: Fsync = 'always'): Promise<BenchStore> {
  if (name === 'embedded') return { settings: {}, pids: {}, stop: async () => undefined };
  const [redis, postgres] = await Promise.all([
    startRedis({ ...(fsync !== 'off' && { appendfsync: fsync }), args: SHIPPED_REDIS_SETTINGS }),
    startPostgres(),
  ]);
  return {
    settings: { REDIS_URL: redis.url, DATABASE_URL: postgres.url },
    pids: { redis: [redis.pid], postgres: [postgres.pid] },
    stop: async () => {
      await Promise.all([redis.stop(), postgres.stop()]);
    },
  };
}

/** Throws where there is no such store. */
export function parseStoreName(text: string): StoreName {
  const found = STORES.find((name) => name === text);
  if (!found) throw new Error(`--store ${text}: expected ${STORES.join(' or ')}`);
  return found;
}
