import { randomBytes } from 'node:crypto';
import { after, before, type TestContext } from 'node:test';
import type { Clock } from '../model/clock.js';
import {
  openPostgresHistory,
  type PostgresHistoryOptions,
  type PostgresHistoryStore,
} from '../store/postgres/postgres-history-store.js';
import { createDatabase } from '../store/postgres/testing/create-database.js';
import { queryOnce, type SqlRow } from '../store/postgres/testing/sql.js';
import { type PostgresServer, startPostgres } from './servers/postgres-server.js';
import { serverTestsAreSkipped } from './servers/skipped-servers.js';
import { SimulatedClock } from './simulated-clock.js';

export const DAY_MS = 86_400_000;
export const RETENTION_MS = 30 * DAY_MS;
export const PENDING_TTL_MS = 30 * DAY_MS;

export interface RecordFixture {
  readonly history: PostgresHistoryStore;
  readonly clock: Clock;
  readonly databaseUrl: string;
  /** Executions that were set aside, with the reasons. */
  readonly setAside: readonly (readonly [executionId: string, reason: string])[];
  /** Each change of its health. */
  readonly health: readonly boolean[];
  query<T extends SqlRow>(text: string, values?: readonly unknown[]): Promise<readonly T[]>;
}

export interface RecordOptions extends Partial<PostgresHistoryOptions> {
  readonly clock?: Clock;
}

/** A PostgreSQL for one test file, started before its tests. */
export class PostgresForFile {
  /** No server is started: leave the tests of the file out. */
  readonly isSkipped: boolean;
  #server: PostgresServer | undefined;

  constructor(args: readonly string[] = []) {
    this.isSkipped = serverTestsAreSkipped('tests of the record in PostgreSQL');
    if (this.isSkipped) return;
    before(async () => {
      this.#server = await startPostgres(['-c', 'fsync=off', ...args]);
    });
    after(() => this.#server?.stop());
  }

  get server(): PostgresServer {
    if (!this.#server) throw new Error('PostgreSQL has not been started');
    return this.#server;
  }

  /** The URL of a new, empty database. */
  async database(): Promise<string> {
    return createDatabase(this.server.url, `test_${randomBytes(6).toString('hex')}`);
  }

  /** A record in a database of its own, closed with the test; `databaseUrl`: another host's view of one that is there. */
  async record(context: TestContext, options: RecordOptions = {}): Promise<RecordFixture> {
    const databaseUrl = options.databaseUrl ?? (await this.database());
    const clock = options.clock ?? new SimulatedClock();
    const setAside: (readonly [string, string])[] = [];
    const health: boolean[] = [];
    const history = await openPostgresHistory({
      retentionMs: RETENTION_MS,
      pendingTtlMs: PENDING_TTL_MS,
      maxBatchBytes: 1 << 20,
      hot: async (ids) => ids.map(() => undefined),
      onSetAside: (id, reason) => void setAside.push([id, reason]),
      onHealth: (healthy) => void health.push(healthy),
      ...options,
      databaseUrl,
      clock,
    });
    context.after(() => history.close());
    const query = <T extends SqlRow>(text: string, values?: readonly unknown[]) =>
      queryOnce<T>(databaseUrl, text, values);
    return { history, clock, databaseUrl, setAside, health, query };
  }
}
