import pg from 'pg';
import type { Clock, Timer } from '../../model/clock.js';
import type { OutboxEvent } from '../../model/commands.js';
import type { WorkflowDefinition } from '../../model/definition.js';
import type { ExecutionId, WorkflowId } from '../../model/ids.js';
import type { ExecutionSnapshot } from '../../model/snapshot.js';
import { EXECUTION_STATES, type ExecutionState } from '../../model/states.js';
import type { ExecutionPage, ExecutionQuery, HistoryStore } from '../history-store.js';
import { databaseUnavailable } from './database-fault.js';
import { DayPartitions, leastIdAt } from './day-partitions.js';
import { type HotSummaries, listExecutions } from './execution-lists.js';
import { migrate, RECOVERY_LOCK } from './migrate.js';
import { PostgresCallbacks } from './postgres-callbacks.js';
import { PostgresDeadLetters } from './postgres-dead-letters.js';
import { decodeRecord, EXECUTION_COLUMNS, type ExecutionRow } from './record-codec.js';
import { Recorder } from './recorder.js';
import { Retention } from './retention.js';

export interface PostgresHistoryOptions {
  readonly databaseUrl: string;
  readonly clock: Clock;
  /** Ended executions go a day at a time, by the day of their creation. */
  readonly retentionMs: number;
  readonly pendingTtlMs: number;
  readonly maxBatchBytes: number;
  readonly hot: HotSummaries;
  readonly onSetAside: (executionId: string, reason: string) => void;
  readonly onHealth?: (healthy: boolean, error: unknown) => void;
}

const CONNECTIONS = 8;
const CONNECT_TIMEOUT_MS = 5000;
const QUERY_TIMEOUT_MS = 10_000;
const PROBE_MS = 2000;
/** The server finds out within 25 s that a host is cut off, and ends its session and the locks of it. */
const SERVER_KEEPALIVE = '-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3';

interface UnfinishedRow {
  readonly executionId: ExecutionId;
  readonly state: ExecutionState;
  readonly revision: number;
}

/** Connects, migrates and answers the record in PostgreSQL. */
export async function openPostgresHistory(options: PostgresHistoryOptions): Promise<PostgresHistoryStore> {
  const pool = new pg.Pool({
    connectionString: options.databaseUrl,
    max: CONNECTIONS,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    // Ours ends the wait of a host that is cut off, and its connection; the server's the call that nobody waits for any more.
    query_timeout: QUERY_TIMEOUT_MS,
    statement_timeout: QUERY_TIMEOUT_MS,
    idle_in_transaction_session_timeout: QUERY_TIMEOUT_MS,
    options: SERVER_KEEPALIVE,
    keepAlive: true,
    application_name: 'millrace',
  });
  // A connection that breaks while nobody uses it is replaced; who uses it is told by its own call.
  pool.on('error', () => undefined);
  // Waits for other hosts that migrate, and for long migrations.
  const client = new pg.Client({
    connectionString: options.databaseUrl,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    options: SERVER_KEEPALIVE,
    keepAlive: true,
    application_name: 'millrace migrations',
  });
  try {
    await client.connect();
    await migrate(client);
  } catch (error) {
    await pool.end();
    throw error;
  } finally {
    await client.end().catch(() => undefined);
  }
  return new PostgresHistoryStore(pool, options);
}

/** The record in PostgreSQL: tables and their reasons are told in `migrations/`. */
export class PostgresHistoryStore implements HistoryStore {
  readonly #pool: pg.Pool;
  readonly #options: PostgresHistoryOptions;
  readonly #recorder: Recorder;
  readonly #retention: Retention;
  readonly deadLetters: PostgresDeadLetters;
  readonly callbacks: PostgresCallbacks;
  #healthy = true;
  #probe: Timer | undefined;
  #closed = false;

  constructor(pool: pg.Pool, options: PostgresHistoryOptions) {
    this.#pool = pool;
    this.#options = options;
    const partitions = new DayPartitions();
    this.callbacks = new PostgresCallbacks(pool, options.clock);
    this.#recorder = new Recorder({
      pool,
      partitions,
      now: () => options.clock.now(),
      maxBatchBytes: options.maxBatchBytes,
      callbacks: this.callbacks,
      onSetAside: options.onSetAside,
    });
    this.#retention = new Retention({
      ...options,
      pool,
      partitions,
      recorder: this.#recorder,
      definition: (workflowId) => this.definition(workflowId),
    });
    this.deadLetters = new PostgresDeadLetters(pool);
    this.#scheduleProbe();
  }

  get healthy(): boolean {
    return this.#healthy;
  }

  #scheduleProbe(): void {
    if (this.#closed) return;
    this.#probe = this.#options.clock.after(PROBE_MS, () => {
      void this.probe().finally(() => this.#scheduleProbe());
    });
  }

  /** Whether it can be written now. */
  async probe(): Promise<boolean> {
    try {
      const { rows } = await this.#pool.query<{ transaction_read_only: string }>(
        'SHOW transaction_read_only',
      );
      const writes = rows[0]?.transaction_read_only === 'off';
      this.#tell(writes, writes ? undefined : new Error('the server is read-only'));
    } catch (error) {
      this.#tell(false, error);
    }
    return this.#healthy;
  }

  #tell(healthy: boolean, error: unknown): void {
    if (healthy === this.#healthy || this.#closed) return;
    this.#healthy = healthy;
    this.#options.onHealth?.(healthy, error);
  }

  record(events: readonly OutboxEvent[]): Promise<void> {
    return this.#guard(() => this.#recorder.record(events));
  }

  definition(workflowId: WorkflowId): Promise<WorkflowDefinition | undefined> {
    return this.#guard(async () => {
      const { rows } = await this.#pool.query<{ body: Buffer }>(
        'SELECT body FROM definitions WHERE workflow_id = $1',
        [workflowId],
      );
      return rows[0] && (JSON.parse(String(rows[0].body)) as WorkflowDefinition);
    });
  }

  read(ids: readonly ExecutionId[]): Promise<readonly (ExecutionSnapshot | undefined)[]> {
    return this.#guard(async () => {
      const { rows } = await this.#pool.query<ExecutionRow>(
        `SELECT ${EXECUTION_COLUMNS} FROM unfinished WHERE execution_id = ANY($1::uuid[]) UNION ALL
         SELECT ${EXECUTION_COLUMNS} FROM executions WHERE execution_id = ANY($1::uuid[])`,
        [ids],
      );
      const found = new Map(rows.map(decodeRecord).map((each) => [each.executionId, each]));
      return ids.map((id) => found.get(id));
    });
  }

  list(query: ExecutionQuery): Promise<ExecutionPage> {
    return this.#guard(() => listExecutions(this.#pool, this.#options.hot, query));
  }

  /** Unfinished executions by id, for a hot store that was lost. */
  unfinished(after: ExecutionId | undefined, limit: number): Promise<readonly ExecutionSnapshot[]> {
    return this.#guard(async () => {
      const { rows } = await this.#pool.query<ExecutionRow>(
        `SELECT ${EXECUTION_COLUMNS} FROM unfinished WHERE execution_id > $1 ORDER BY execution_id LIMIT $2`,
        [after ?? leastIdAt(0), limit],
      );
      return rows.map(decodeRecord);
    });
  }

  /** Which executions are unfinished, by id, of those that were created before an instant. */
  unfinishedRows(
    after: ExecutionId | undefined,
    createdBefore: number,
    limit: number,
  ): Promise<readonly UnfinishedRow[]> {
    return this.#guard(async () => {
      const { rows } = await this.#pool.query<{ id: string; state: number; revision: string }>(
        'SELECT execution_id AS id, state, revision FROM unfinished WHERE execution_id > $1 AND execution_id < $2 ORDER BY execution_id LIMIT $3',
        [after ?? leastIdAt(0), leastIdAt(Math.max(0, createdBefore)), limit],
      );
      return rows.map(({ id, state, revision }) => ({
        executionId: id as ExecutionId,
        state: EXECUTION_STATES[state] ?? 'pending',
        revision: Number(revision),
      }));
    });
  }

  /**
   * Drops days past the retention, cancels what nobody triggered in time, removes definitions that nothing uses. One host at a time:
   * another answers 0.
   */
  sweep(): Promise<number> {
    return this.#guard(() => this.#retention.run());
  }

  /** The epoch that says which Redis belongs to this database. */
  readonly epoch = {
    read: (): Promise<string | undefined> =>
      this.#guard(async () => {
        const { rows } = await this.#pool.query<{ epoch: string }>('SELECT epoch FROM store_identity');
        return rows[0]?.epoch;
      }),
    write: (epoch: string): Promise<void> =>
      this.#guard(async () => {
        await this.#pool.query(
          'INSERT INTO store_identity (epoch) VALUES ($1) ON CONFLICT (only_row) DO UPDATE SET epoch = excluded.epoch',
          [epoch],
        );
      }),
    /** One host at a time; the lock ends with its connection. */
    withLock: async <T>(run: () => Promise<T>): Promise<T> => {
      const client = new pg.Client({
        connectionString: this.#options.databaseUrl,
        connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
        options: SERVER_KEEPALIVE,
        keepAlive: true,
        application_name: 'millrace recovery',
      });
      client.on('error', () => undefined);
      try {
        await client.connect();
        await client.query('SELECT pg_advisory_lock($1, $2)', [...RECOVERY_LOCK]);
      } catch (error) {
        await client.end().catch(() => undefined);
        throw databaseUnavailable(error);
      }
      try {
        return await run();
      } finally {
        await client.end().catch(() => undefined);
      }
    },
  };

  async #guard<T>(run: () => Promise<T>): Promise<T> {
    try {
      return await run();
    } catch (error) {
      throw databaseUnavailable(error);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#probe?.cancel();
    await this.#pool.end();
  }
}
