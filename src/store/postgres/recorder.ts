import type { Pool, PoolClient } from 'pg';
import type { OutboxEvent } from '../../model/commands.js';
import { encodeDeadLetterKey } from '../../model/dead-letter.js';
import { partitionOf, type WorkflowId } from '../../model/ids.js';
import type { Plan } from '../../model/plan.js';
import type { DeadLetter } from '../../model/snapshot.js';
import { EXECUTION_STATES } from '../../model/states.js';
import { type CopyValue, copied, copyRows } from './copy-writer.js';
import { databaseUnavailable, isContentFault, isMissingPartition, isTransient } from './database-fault.js';
import type { DayPartitions } from './day-partitions.js';
import { encodeError, encodeRecord, escapeText } from './record-codec.js';

export interface RecorderOptions {
  readonly pool: Pool;
  readonly partitions: DayPartitions;
  readonly now: () => number;
  /** Bytes of records in one transaction, about. */
  readonly maxBatchBytes: number;
  /** A record that the database refuses for what it holds was put into `set_aside`. */
  readonly onSetAside: (executionId: string, reason: string) => void;
}

const MAX_BATCH_EVENTS = 1000;
const MAX_TRIES = 5;
/** How long a definition is taken as known to be in the record; the sweep spares those used within a day. */
const DEFINITION_KNOWN_MS = 3_600_000;
const DAY_MS = 86_400_000;

const STAGE = `
  CREATE TEMP TABLE IF NOT EXISTS staged (
    execution_id uuid, workflow_id uuid, name text, state smallint, revision bigint, created_at bigint,
    started_at bigint, finished_at bigint, error bytea, record bytea, ended boolean
  ) ON COMMIT DELETE ROWS;
  CREATE TEMP TABLE IF NOT EXISTS staged_letters (
    key bytea, execution_id uuid, workflow_id uuid, handler text, error_code text, failed_at bigint, body bytea
  ) ON COMMIT DELETE ROWS;`;
const COLUMNS =
  'execution_id, workflow_id, name, state, revision, created_at, started_at, finished_at, error, record';
const UPDATES = COLUMNS.split(', ')
  .slice(1)
  .map((column) => `${column} = excluded.${column}`)
  .join(', ');

/* Each in its own statement: what is recorded already at this revision or a higher one is let go; the others replace what is there, in
 * the table of their state; dead letters follow their execution. */
const APPLY = `
  SET LOCAL enable_hashjoin = off;
  SET LOCAL enable_mergejoin = off;
  DELETE FROM staged s USING executions e WHERE e.execution_id = s.execution_id AND e.revision >= s.revision;
  DELETE FROM staged s USING unfinished u WHERE u.execution_id = s.execution_id AND u.revision >= s.revision;
  INSERT INTO executions (${COLUMNS}) SELECT ${COLUMNS} FROM staged WHERE ended ORDER BY execution_id
    ON CONFLICT (execution_id) DO UPDATE SET ${UPDATES};
  DELETE FROM unfinished u USING staged s WHERE s.ended AND u.execution_id = s.execution_id;
  INSERT INTO unfinished (${COLUMNS}) SELECT ${COLUMNS} FROM staged WHERE NOT ended ORDER BY execution_id
    ON CONFLICT (execution_id) DO UPDATE SET ${UPDATES};
  DELETE FROM executions e USING staged s WHERE NOT s.ended AND e.execution_id = s.execution_id;
  DELETE FROM dead_letters d USING staged s WHERE d.execution_id = s.execution_id;
  INSERT INTO dead_letters SELECT l.* FROM staged_letters l JOIN staged s USING (execution_id)
    ON CONFLICT (key) DO UPDATE SET body = excluded.body;`;

interface Row {
  readonly event: OutboxEvent;
  readonly record: Buffer;
}

/** Writes events: COPY into a staging table, then upserts by revision, one transaction a batch. */
export class Recorder {
  readonly #options: RecorderOptions;
  readonly #known = new Map<WorkflowId, number>();

  constructor(options: RecorderOptions) {
    this.#options = options;
  }

  /** Definitions may have been removed since. */
  forgetDefinitions(): void {
    this.#known.clear();
  }

  async record(events: readonly OutboxEvent[]): Promise<void> {
    let batch: Row[] = [];
    let bytes = 0;
    for (const event of newestOf(events)) {
      const record = encodeRecord(event.snapshot);
      if (
        batch.length >= MAX_BATCH_EVENTS ||
        (batch.length > 0 && bytes + record.length > this.#options.maxBatchBytes)
      ) {
        await this.#write(batch);
        batch = [];
        bytes = 0;
      }
      batch.push({ event, record });
      bytes += record.length;
    }
    if (batch.length > 0) await this.#write(batch);
  }

  /** Halves a batch that the database refuses for its contents until the one to blame is found. */
  async #write(rows: readonly Row[]): Promise<void> {
    try {
      await this.#tryWrite(rows);
    } catch (error) {
      if (!isContentFault(error) || isMissingPartition(error)) throw databaseUnavailable(error);
      const [only] = rows;
      if (rows.length === 1 && only) return this.#setAside(only, error);
      const half = Math.ceil(rows.length / 2);
      await this.#write(rows.slice(0, half));
      await this.#write(rows.slice(half));
    }
  }

  async #tryWrite(rows: readonly Row[]): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.#transact(rows);
      } catch (error) {
        if (isMissingPartition(error)) this.#options.partitions.forget();
        else if (!isTransient(error)) throw error;
        if (tries >= MAX_TRIES) throw error;
      }
    }
  }

  async #transact(rows: readonly Row[]): Promise<void> {
    const { pool, partitions, now } = this.#options;
    const client = await pool.connect();
    let fault: Error | undefined;
    try {
      const ended = rows.filter(({ event }) => event.kind === 'ended');
      const days = ended.map(({ event }) => event.snapshot.createdAt);
      await partitions.ensure(client, days.length > 0 ? [...days, now() + DAY_MS] : days);
      await client.query(STAGE);
      await client.query('BEGIN');
      await lockPartitions(client, rows);
      await this.#writeDefinitions(client, rows);
      await copyRows(client, `staged (${COLUMNS}, ended)`, rows.map(copiedExecution));
      const letters = rows.flatMap(({ event }) => (event.kind === 'ended' ? event.deadLetters : []));
      if (letters.length > 0) await copyRows(client, 'staged_letters', letters.map(copiedLetter));
      await client.query(APPLY);
      await client.query('COMMIT');
      for (const { event } of rows) this.#known.set(event.plan.workflowId, now());
    } catch (error) {
      fault = error as Error;
      await client.query('ROLLBACK').catch(() => undefined);
      throw error;
    } finally {
      client.release(fault && !isContentFault(fault) && !isTransient(fault) ? fault : undefined);
    }
  }

  async #writeDefinitions(client: PoolClient, rows: readonly Row[]): Promise<void> {
    const now = this.#options.now();
    const fresh = new Map<WorkflowId, Plan>();
    for (const { event } of rows) {
      const { plan } = event;
      if (now - (this.#known.get(plan.workflowId) ?? Number.NEGATIVE_INFINITY) > DEFINITION_KNOWN_MS) {
        fresh.set(plan.workflowId, plan);
      }
    }
    // In one order, so that two hosts cannot wait for each other.
    for (const [workflowId, plan] of [...fresh].sort(([a], [b]) => (a < b ? -1 : 1))) {
      await client.query(
        'INSERT INTO definitions (workflow_id, body, used_at) VALUES ($1, $2, $3) ON CONFLICT (workflow_id) DO UPDATE SET used_at = greatest(definitions.used_at, excluded.used_at)',
        [workflowId, Buffer.from(JSON.stringify(plan.definition)), now],
      );
    }
  }

  async #setAside({ event, record }: Row, error: unknown): Promise<void> {
    const { executionId, revision } = event.snapshot;
    const reason = error instanceof Error ? error.message : String(error);
    try {
      await this.#options.pool.query(
        'INSERT INTO set_aside (execution_id, revision, at, reason, record) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING',
        [executionId, revision, this.#options.now(), escapeText(reason), record],
      );
    } catch (cause) {
      throw databaseUnavailable(cause);
    }
    this.#options.onSetAside(executionId, reason);
  }
}

/** Of each execution the event of the highest revision. */
function newestOf(events: readonly OutboxEvent[]): Iterable<OutboxEvent> {
  const newest = new Map<string, OutboxEvent>();
  for (const event of events) {
    const known = newest.get(event.snapshot.executionId);
    if (!known || known.snapshot.revision < event.snapshot.revision)
      newest.set(event.snapshot.executionId, event);
  }
  return newest.values();
}

/** Two hosts that record the same partition do so one after the other: a row is then never in both tables. */
async function lockPartitions(client: PoolClient, rows: readonly Row[]): Promise<void> {
  const partitions = [...new Set(rows.map(({ event }) => partitionOf(event.snapshot.executionId)))];
  await client.query(
    'SELECT pg_advisory_xact_lock(28018, p) FROM (SELECT unnest($1::int[]) AS p ORDER BY 1) AS sorted',
    [partitions],
  );
}

function copiedExecution({ event, record }: Row): readonly CopyValue[] {
  const { snapshot } = event;
  return [
    copied.uuid(snapshot.executionId),
    copied.uuid(snapshot.workflowId),
    copied.text(escapeText(snapshot.name)),
    copied.smallint(EXECUTION_STATES.indexOf(snapshot.state)),
    copied.bigint(snapshot.revision),
    copied.bigint(snapshot.createdAt),
    copied.bigint(snapshot.startedAt),
    copied.bigint(snapshot.finishedAt),
    encodeError(snapshot.error),
    record,
    copied.boolean(event.kind === 'ended'),
  ];
}

function copiedLetter(letter: DeadLetter): readonly CopyValue[] {
  const { executionId, workflowId, handler, error, failedAt, node } = letter;
  return [
    encodeDeadLetterKey({ failedAt, executionId, node }),
    copied.uuid(executionId),
    copied.uuid(workflowId),
    copied.text(escapeText(handler)),
    copied.text(escapeText(error.code)),
    copied.bigint(failedAt),
    Buffer.from(JSON.stringify(letter)),
  ];
}
