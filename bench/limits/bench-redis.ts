import { openConnection, type RedisConnection } from '../../src/store/redis/connection.js';
import { SHIPPED_REDIS_SETTINGS, startRedis } from '../../src/testing/servers/redis-server.js';
import { cpuUsed } from '../runs/cpu-meter.js';
import type { FloorResult } from './floor.js';

const WARMUP_S = 2;

type Work = (
  connection: RedisConnection,
  seconds: number,
) => Promise<{ readonly units: number; readonly elapsedMs: number }>;

/**
 * Runs work for so long on a Redis of its own that syncs its log with each write, after a warm-up, and counts the CPU of both sides a
 * unit.
 */
export async function onBenchRedis(seconds: number, work: Work): Promise<FloorResult> {
  const server = await startRedis({ appendfsync: 'always', args: SHIPPED_REDIS_SETTINGS });
  const connection = openConnection({
    ...{ url: server.url, commandTimeoutMs: 60_000, silenceTimeoutMs: 60_000 },
    ...{ connectTimeoutMs: 5000, retryMs: 100, name: 'floor' },
  });
  try {
    await connection.connect();
    await work(connection, Math.min(seconds, WARMUP_S));
    const [redisBefore, clientBefore] = [cpuUsed([server.pid]), process.cpuUsage()];
    const { units, elapsedMs } = await work(connection, seconds);
    const { user, system } = process.cpuUsage(clientBefore);
    return {
      perSecond: (units * 1000) / elapsedMs,
      cpuMicros: { client: (user + system) / units, redis: (cpuUsed([server.pid]) - redisBefore) / units },
    };
  } finally {
    await connection.close();
    await server.stop();
  }
}
