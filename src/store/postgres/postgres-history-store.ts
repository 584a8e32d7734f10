import pg from 'pg';
import type { Clock, Timer } from '../../model/clock.js';
import type { OutboxEvent } from '../../model/commands.js';
import { compilePlan } from '../../model/compile-plan.js';
import type { WorkflowDefinition } from '../../model/definition.js';
import type { NodeError } from '../../model/errors.js';
import type { ExecutionId, WorkflowId } from '../../model/ids.js';
import type { ExecutionSnapshot } from '../../model/snapshot.js';
import { EXECUTION_STATES, type ExecutionState } from '../../model/states.js';
import type { ExecutionPage, ExecutionQuery, HistoryStore } from '../history-store.js';
import { databaseUnavailable } from './database-fault.js';
import { DayPartitions, leastIdAt } from './day-partitions.js';
import { type HotSummaries, listExecutions } from './execution-lists.js';
import { migrate, RECOVERY_LOCK } from './migrate.js';
import { PostgresDeadLetters } from './postgres-dead-letters.js';
import { decodeRecord } from './record-codec.js';
import { Recorder } from './recorder.js';

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
const DEFINITION_SPARED_MS = 86_400_000;
const PENDING_PER_SWEEP = 500;

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
    query_timeout: QUERY_TIMEOUT_MS,
    keepAlive: true,
    application_name: 'millrace',
  });
  // A connection that breaks while nobody uses it is replaced; who uses it is told by its own call.
  pool.on('error', () => undefined);
  // Waits for other hosts that migrate, and for long migrations.
  const client = new pg.Client({
    connectionString: options.databaseUrl,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
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
  readonly #partitions = new DayPartitions();
  readonly #recorder: Recorder;
  readonly deadLetters: PostgresDeadLetters;
  #healthy = true;
  #probe: Timer | undefined;
  #closed = false;

  constructor(pool: pg.Pool, options: PostgresHistoryOptions) {
    this.#pool = pool;
    this.#options = options;
    this.#recorder = new Recorder({
      pool,
      partitions: this.#partitions,
      now: () => options.clock.now(),
      maxBatchBytes: options.maxBatchBytes,
      onSetAside: options.onSetAside,
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
      const { rows } = await this.#pool.query<{ record: Buffer }>(
        'SELECT record FROM unfinished WHERE execution_id = ANY($1::uuid[]) UNION ALL SELECT record FROM executions WHERE execution_id = ANY($1::uuid[])',
        [ids],
      );
      const found = new Map(
        rows.map(({ record }) => decodeRecord(record)).map((each) => [each.executionId, each]),
      );
      return ids.map((id) => found.get(id));
    });
  }

  list(query: ExecutionQuery): Promise<ExecutionPage> {
    return this.#guard(() => listExecutions(this.#pool, this.#options.hot, query));
  }

  /** Unfinished executions by id, for a hot store that was lost. */
  unfinished(after: ExecutionId | undefined, limit: number): Promise<readonly ExecutionSnapshot[]> {
    return this.#guard(async () => {
      const { rows } = await this.#pool.query<{ record: Buffer }>(
        'SELECT record FROM unfinished WHERE execution_id > $1 ORDER BY execution_id LIMIT $2',
        [after ?? leastIdAt(0), limit],
      );
      return rows.map(({ record }) => decodeRecord(record));
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

  /** Drops days past the retention, cancels what nobody triggered in time, removes definitions that nothing uses. */
  sweep(): Promise<number> {
    return this.#guard(async () => {
      const { clock, retentionMs } = this.#options;
      const now = clock.now();
      const client = await this.#pool.connect();
      try {
        const { removed, bound } = await this.#partitions.dropBefore(client, now - retentionMs);
        await client.query('DELETE FROM dead_letters WHERE execution_id < $1', [bound]);
        await client.query('DELETE FROM set_aside WHERE at < $1', [now - retentionMs]);
        await client.query(
          'DELETE FROM definitions d WHERE used_at < $1 AND NOT EXISTS (SELECT FROM unfinished u WHERE u.workflow_id = d.workflow_id) AND NOT EXISTS (SELECT FROM executions e WHERE e.workflow_id = d.workflow_id)',
          [now - DEFINITION_SPARED_MS],
        );
        this.#recorder.forgetDefinitions();
        await this.#expirePending(now);
        return removed;
      } finally {
        client.release();
      }
    });
  }

  /** Of executions that the hot store has let go of. One that it holds is being triggered, or will be here soon. */
  async #expirePending(now: number): Promise<void> {
    const { pendingTtlMs, hot } = this.#options;
    const { rows } = await this.#pool.query<{ record: Buffer }>(
      'SELECT record FROM unfinished WHERE state = 0 AND execution_id < $1 ORDER BY execution_id LIMIT $2',
      [leastIdAt(now - pendingTtlMs), PENDING_PER_SWEEP],
    );
    const snapshots = rows.map(({ record }) => decodeRecord(record));
    if (snapshots.length === 0) return;
    const held = await hot(snapshots.map((snapshot) => snapshot.executionId));
    const error: NodeError = {
      code: 'TRIGGER_EXPIRED',
      message: `nobody triggered it within ${Math.round(pendingTtlMs / 86_400_000)} days`,
      category: 'validation',
    };
    const events: OutboxEvent[] = [];
    for (const [index, snapshot] of snapshots.entries()) {
      if (held[index]) continue;
      const definition = await this.definition(snapshot.workflowId);
      if (!definition) continue;
      const cancelled = {
        ...snapshot,
        state: 'cancelled',
        revision: snapshot.revision + 1,
        finishedAt: now,
        error,
      } as const;
      events.push({ kind: 'ended', snapshot: cancelled, plan: compilePlan(definition), deadLetters: [] });
    }
    await this.#recorder.record(events);
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
