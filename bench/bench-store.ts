import { startPostgres } from '../src/testing/servers/postgres-server.js';
import { startRedis } from '../src/testing/servers/redis-server.js';

export const STORES = ['embedded', 'distributed'] as const;
export type StoreName = (typeof STORES)[number];

/** What an engine needs to know of its store, and what ends the servers that were started for it. */
export interface BenchStore {
  readonly settings: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

/** An empty store: `distributed` starts a Redis that syncs its AOF with each write, and a PostgreSQL as it comes. */
export async function startBenchStore(name: StoreName): Promise<BenchStore> {
  if (name === 'embedded') return { settings: {}, stop: async () => undefined };
  const [redis, postgres] = await Promise.all([startRedis({ appendfsync: 'always' }), startPostgres()]);
  return {
    settings: { REDIS_URL: redis.url, DATABASE_URL: postgres.url },
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
