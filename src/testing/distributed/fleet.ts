import { rm } from 'node:fs/promises';
import { startEngineProcess } from '../engine-process.js';
import type { SeededRandom } from '../seeded-random.js';
import { type HalfOpenProxy, startHalfOpenProxy } from '../servers/half-open-proxy.js';
import { type PostgresServer, startPostgres } from '../servers/postgres-server.js';
import { type RedisServer, startRedis } from '../servers/redis-server.js';
import { probeRedis } from '../servers/resp-probe.js';
import { HostProcess } from './distributed-store.js';
import { writeHandlers } from './mixed-shapes.js';

export const FLEET_LEASE_MS = 3000;
const READY_TIMEOUT_MS = 120_000;
const CALL_TIMEOUT_MS = 15_000;
const PAUSE_MS = 100;
const CALL_TRIES = 1200;

/** A host, and its own ways to the servers, which can be cut. */
export interface FleetHost {
  readonly host: HostProcess;
  readonly ways: { readonly redis: HalfOpenProxy; readonly postgres: HalfOpenProxy };
}

/** Hosts of one store under test, a Redis whose AOF is synced with each write, and a PostgreSQL. */
export class Fleet {
  readonly redis: RedisServer;
  readonly postgres: PostgresServer;
  /** What the hosts' handlers leave is there. */
  readonly handlersDir: string;
  readonly hosts: FleetHost[] = [];
  readonly #random: SeededRandom;

  private constructor(
    servers: { redis: RedisServer; postgres: PostgresServer },
    handlersDir: string,
    random: SeededRandom,
  ) {
    this.redis = servers.redis;
    this.postgres = servers.postgres;
    this.handlersDir = handlersDir;
    this.#random = random;
  }

  static async start(count: number, random: SeededRandom): Promise<Fleet> {
    const [redis, postgres, handlersDir] = await Promise.all([
      startRedis({ appendfsync: 'always' }),
      startPostgres(),
      writeHandlers(),
    ]);
    const fleet = new Fleet({ redis, postgres }, handlersDir, random);
    await Promise.all(Array.from({ length: count }, () => fleet.addHost()));
    return fleet;
  }

  async addHost(): Promise<FleetHost> {
    const [redis, postgres] = await Promise.all([
      startHalfOpenProxy(this.redis.port),
      startHalfOpenProxy(this.postgres.port),
    ]);
    const through = (url: string, way: HalfOpenProxy): string => {
      const found = new URL(url);
      found.port = String(way.port);
      return found.href;
    };
    const engine = await startEngineProcess({
      from: 'dist',
      readyTimeoutMs: READY_TIMEOUT_MS,
      settings: {
        REDIS_URL: through(this.redis.url, redis),
        DATABASE_URL: through(this.postgres.url, postgres),
        HANDLERS_DIR: this.handlersDir,
        HOT_GRACE_SECONDS: '1',
        LEASE_MS: String(FLEET_LEASE_MS),
        LOG_LEVEL: 'error',
        SIMULATED_LATENCY: '1',
        RECONCILE_SECONDS: '2',
      },
    });
    const added = { host: new HostProcess(engine), ways: { redis, postgres } };
    this.hosts.push(added);
    return added;
  }

  anyHost(): FleetHost {
    return this.hosts[this.#random.integer(0, this.hosts.length - 1)] as FleetHost;
  }

  /** Of a host whose process has ended. */
  async forget(gone: FleetHost): Promise<void> {
    this.hosts.splice(this.hosts.indexOf(gone), 1);
    await Promise.all([
      gone.host.process.removeDataDir(),
      gone.ways.redis.close(),
      gone.ways.postgres.close(),
    ]);
  }

  /** Asks one host after another until one answers other than 503. */
  async call(path: string, init?: RequestInit): Promise<unknown> {
    for (let tries = 0; tries < CALL_TRIES; tries++) {
      try {
        const signal = AbortSignal.timeout(CALL_TIMEOUT_MS);
        const reply = await fetch(this.anyHost().host.url + path, { ...init, signal });
        if (reply.status !== 503) return await reply.json();
        await reply.body?.cancel();
      } catch {
        // The host was killed or frozen under the call, or is not reached: the next one is asked.
      }
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
    throw new Error(`no host answers ${path}`);
  }

  post(path: string, body: unknown): Promise<unknown> {
    const headers = { 'content-type': 'application/json' };
    return this.call(path, { method: 'POST', headers, body: JSON.stringify(body) });
  }

  async redisSize(): Promise<{ readonly keys: number; readonly bytes: number }> {
    const info = await probeRedis(this.redis.port, 'INFO memory');
    const keys = Number(/:(\d+)/.exec(await probeRedis(this.redis.port, 'DBSIZE'))?.[1] ?? 0);
    return { keys, bytes: Number(/used_memory:(\d+)/.exec(info)?.[1] ?? 0) };
  }

  /** The last errors that the hosts logged. */
  errors(): string[] {
    return this.hosts.flatMap(({ host }) =>
      host.process
        .output()
        .split('\n')
        .filter((line) => line.includes('"level":"error"'))
        .slice(-5),
    );
  }

  async close(): Promise<void> {
    await Promise.all(this.hosts.map(({ host }) => host.kill()));
    await Promise.all([...this.hosts].map((each) => this.forget(each)));
    await Promise.all([this.redis.stop(), this.postgres.stop()]);
    await rm(this.handlersDir, { recursive: true, force: true });
  }
}
