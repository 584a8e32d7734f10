import assert from 'node:assert/strict';
import { EngineCalls } from '../engine-calls.js';
import type { Settings } from '../engine-fixture.js';
import { type EngineExit, type EngineProcess, startEngineProcess } from '../engine-process.js';
import { Journal } from '../journal.js';
import { type HalfOpenProxy, startHalfOpenProxy } from '../servers/half-open-proxy.js';
import { type PostgresServer, startPostgres } from '../servers/postgres-server.js';
import { type RedisServer, startRedis } from '../servers/redis-server.js';

/** Short enough for tests that wait for leases to run out, long enough for a busy machine. */
export const TEST_LEASE_MS = 3000;

const METRICS_TIMEOUT_MS = 3000;

const DEFAULTS: Settings = {
  LOG_LEVEL: 'info',
  WORKER_THREADS: '1',
  RETRY_INITIAL_INTERVAL_MS: '10',
  RETRY_MAX_INTERVAL_MS: '50',
  LEASE_MS: String(TEST_LEASE_MS),
  START_TIMEOUT_SECONDS: '0',
  RECONCILE_SECONDS: '2',
};

/** One host in a process of its own. */
export class HostProcess extends EngineCalls {
  readonly process: EngineProcess;

  constructor(process: EngineProcess) {
    super();
    this.process = process;
  }

  override get url(): string {
    return this.process.baseUrl;
  }

  kill(): Promise<EngineExit> {
    return this.process.kill();
  }

  /** How many executions it found that nothing would have woken; 0 where it does not answer. */
  async repairs(): Promise<number> {
    try {
      const reply = await fetch(`${this.url}/metrics`, { signal: AbortSignal.timeout(METRICS_TIMEOUT_MS) });
      return Number(/^millrace_reconciler_repairs_total (\d+)$/m.exec(await reply.text())?.[1] ?? 0);
    } catch {
      return 0;
    }
  }

  freeze(): void {
    process.kill(this.process.pid, 'SIGSTOP');
  }

  thaw(): void {
    process.kill(this.process.pid, 'SIGCONT');
  }
}

export interface DistributedStoreOptions {
  /** Of every host. */
  readonly settings?: Settings;
  /** Whether hosts reach the server by a way that can be cut. */
  readonly cuttable?: 'redis' | 'postgres';
}

/** A Redis whose AOF is synced with each write, a PostgreSQL, and hosts on them, all of a test's own. */
export class DistributedStore {
  readonly redis: RedisServer;
  readonly postgres: PostgresServer;
  readonly journal: Journal;
  /** The way that `cuttable` asked for. */
  readonly way: HalfOpenProxy | undefined;
  readonly #settings: Settings;
  readonly #hosts: HostProcess[] = [];

  private constructor(parts: {
    readonly redis: RedisServer;
    readonly postgres: PostgresServer;
    readonly journal: Journal;
    readonly way: HalfOpenProxy | undefined;
    readonly settings: Settings;
  }) {
    this.redis = parts.redis;
    this.postgres = parts.postgres;
    this.journal = parts.journal;
    this.way = parts.way;
    this.#settings = parts.settings;
  }

  static async start({ settings, cuttable }: DistributedStoreOptions = {}): Promise<DistributedStore> {
    const [redis, postgres, journal] = await Promise.all([
      startRedis({ appendfsync: 'always' }),
      startPostgres(),
      Journal.create(),
    ]);
    const way = cuttable && (await startHalfOpenProxy(cuttable === 'redis' ? redis.port : postgres.port));
    const through = (url: string, name: typeof cuttable): string => {
      const found = new URL(url);
      if (way && name === cuttable) found.port = String(way.port);
      return found.href;
    };
    return new DistributedStore({
      ...{ redis, postgres, journal, way },
      settings: {
        ...DEFAULTS,
        REDIS_URL: through(redis.url, 'redis'),
        DATABASE_URL: through(postgres.url, 'postgres'),
        HANDLERS_DIR: journal.handlersDir,
        ...settings,
      },
    });
  }

  /** As the hosts have them. */
  get settings(): Settings {
    return this.#settings;
  }

  /** Another host; `settings` go before those of all. `checkout`: of another version. */
  async addHost(settings: Settings = {}, checkout?: string): Promise<HostProcess> {
    const engine = await startEngineProcess({
      from: 'source',
      settings: { ...this.#settings, ...settings },
      ...(checkout !== undefined && { checkout }),
    });
    const host = new HostProcess(engine);
    this.#hosts.push(host);
    return host;
  }

  /** What a host tells that exits before it is ready. Rejects where it starts. */
  async refusedHost(settings: Settings = {}): Promise<string> {
    let host: HostProcess;
    try {
      host = await this.addHost(settings);
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
    throw new Error(`the host has started: ${host.process.readyLine}`);
  }

  /** In no test is an execution left without anything that would wake it. */
  async close(): Promise<void> {
    const repairs = await Promise.all(this.#hosts.map((host) => host.repairs()));
    await Promise.all(this.#hosts.map((host) => host.kill()));
    await Promise.all(this.#hosts.map((host) => host.process.removeDataDir()));
    await this.way?.close();
    await Promise.all([this.redis.stop(), this.postgres.stop(), this.journal.remove()]);
    assert.ok(
      repairs.every((count) => count === 0),
      `executions had nothing to wake them: ${repairs.join(', ')}`,
    );
  }
}
