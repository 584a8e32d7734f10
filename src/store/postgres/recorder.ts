import type { Pool } from 'pg';
import type { OutboxEvent } from '../../model/commands.js';
import { encodeDeadLetterKey } from '../../model/dead-letter.js';
import { partitionOf, timeOfExecutionId, type WorkflowId } from '../../model/ids.js';
import type { Plan } from '../../model/plan.js';
import type { DeadLetter } from '../../model/snapshot.js';
import { EXECUTION_STATES } from '../../model/states.js';
import { arrayOf } from './binary-arrays.js';
import { databaseUnavailable, isContentFault, isMissingPartition, isTransient } from './database-fault.js';
import { type DayPartitions, dayOf } from './day-partitions.js';
import type { PostgresCallbacks } from './postgres-callbacks.js';
import { encodeError, encodeRecord, encodeWhole, escapeText, indexedText } from './record-codec.js';

export interface RecorderOptions {
  readonly pool: Pool;
  readonly partitions: DayPartitions;
  readonly now: () => number;
  /** Bytes of records in one transaction, about. */
  readonly maxBatchBytes: number;
  readonly callbacks: Pick<PostgresCallbacks, 'keep'>;
  /** A record that cannot be written for what it holds was put into `set_aside`. */
  readonly onSetAside: (executionId: string, reason: string) => void;
}

const MAX_BATCH_EVENTS = 1000;
const MAX_TRIES = 5;
/** How long a definition is taken as known to be in the record; the sweep spares those used within a day. */
const DEFINITION_KNOWN_MS = 3_600_000;
const DAY_MS = 86_400_000;
/** Locks of the recorders; more would fill the lock table of a PostgreSQL as it comes, where there are many partitions and hosts. */
const LOCKS = 64;

const COLUMN_TYPES =
  'int[] uuid[] uuid[] text[] smallint[] bigint[] bigint[] bigint[] bigint[] bytea[] bytea[]';
const LETTER_TYPES = 'bytea[] uuid[] uuid[] text[] text[] bigint[] bytea[]';
const LATE_TYPES = 'uuid[] bigint[]';
const RECORD_ENDED = callOf('record_ended', `${COLUMN_TYPES} ${LETTER_TYPES} ${LATE_TYPES}`);
const RECORD_UNFINISHED = callOf('record_unfinished', COLUMN_TYPES);
const WRITE_DEFINITIONS = `
  INSERT INTO definitions (workflow_id, body, used_at)
    SELECT d.id, d.body, $3 FROM unnest($1::uuid[], $2::bytea[]) AS d(id, body) ORDER BY d.id
  ON CONFLICT (workflow_id) DO UPDATE SET used_at = greatest(definitions.used_at, excluded.used_at)`;

/** An event whose record is made. */
interface Row {
  readonly event: OutboxEvent;
  readonly record: Buffer;
  readonly error: Buffer | undefined;
  readonly letters: readonly LetterRow[];
}

interface LetterRow {
  readonly letter: DeadLetter;
  readonly key: Buffer;
  readonly body: Buffer;
}

/**
 * Writes events, by revision. A batch is one call of a function of the database and one transaction: its columns go there as arrays.
 * That takes half the CPU of a COPY into a staging table and upserts from there, on both sides (bench/recording.ts).
 */
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
    const ended: Row[] = [];
    const unfinished: Row[] = [];
    for (const event of newestOf(events)) {
      const row = rowOf(event);
      if (row instanceof Error) await this.#setAside(event, row);
      else (event.kind === 'ended' ? ended : unfinished).push(row);
    }
    await this.#writeDefinitions(events);
    for (const rows of [ended, unfinished]) {
      for (const batch of batchesOf(rows, bytesOfRow, this.#options.maxBatchBytes)) await this.#write(batch);
    }
    // Last: who was told of an end finds it in the record.
    await this.#options.callbacks.keep(events);
  }

  /** Halves a batch that the database refuses for its contents until the one to blame is found. All of one kind. */
  async #write(rows: readonly Row[]): Promise<void> {
    try {
      await this.#tryWrite(rows);
    } catch (error) {
      if (!isContentFault(error) || isMissingPartition(error)) throw databaseUnavailable(error);
      const [only] = rows;
      if (rows.length === 1 && only) return this.#setAside(only.event, error);
      const half = Math.ceil(rows.length / 2);
      await this.#write(rows.slice(0, half));
      await this.#write(rows.slice(half));
    }
  }

  async #tryWrite(rows: readonly Row[]): Promise<void> {
    const { pool, partitions, now } = this.#options;
    const isEnded = rows[0]?.event.kind === 'ended';
    for (let tries = 1; ; tries++) {
      try {
        if (!isEnded) {
          await pool.query(RECORD_UNFINISHED, columnsOf(rows));
          return;
        }
        const days = rows.map(({ event }) => timeOfExecutionId(event.snapshot.executionId));
        await partitions.ensure(pool, [...days, now() + DAY_MS]);
        await pool.query(RECORD_ENDED, [
          ...columnsOf(rows),
          ...letterColumnsOf(rows),
          ...lateColumnsOf(rows),
        ]);
        return;
      } catch (error) {
        if (isMissingPartition(error)) partitions.forget();
        else if (!isTransient(error)) throw error;
        if (tries >= MAX_TRIES) throw error;
      }
    }
  }

  /** Before the executions that use them. */
  async #writeDefinitions(events: readonly OutboxEvent[]): Promise<void> {
    const { pool, maxBatchBytes, now } = this.#options;
    const at = now();
    const fresh = new Map<WorkflowId, Plan>();
    for (const { plan } of events) {
      if (at - (this.#known.get(plan.workflowId) ?? Number.NEGATIVE_INFINITY) > DEFINITION_KNOWN_MS)
        fresh.set(plan.workflowId, plan);
    }
    for (const plans of batchesOf([...fresh.values()], (plan) => plan.definitionBytes, maxBatchBytes)) {
      const bodies = plans.map((plan) => Buffer.from(JSON.stringify(plan.definition)));
      const ids = arrayOf.uuid(plans.map((plan) => plan.workflowId));
      try {
        await pool.query(WRITE_DEFINITIONS, [ids, arrayOf.bytea(bodies), at]);
      } catch (error) {
        throw databaseUnavailable(error);
      }
      for (const plan of plans) this.#known.set(plan.workflowId, at);
    }
  }

  async #setAside(event: OutboxEvent, error: unknown): Promise<void> {
    const { executionId, revision } = event.snapshot;
    const reason = error instanceof Error ? error.message : String(error);
    const write = (record: Buffer): Promise<unknown> =>
      this.#options.pool.query(
        'INSERT INTO set_aside (execution_id, revision, at, reason, record) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING',
        [executionId, revision, this.#options.now(), escapeText(reason), record],
      );
    try {
      // What is refused for its size is refused here too.
      await write(encodeWhole(event.snapshot)).catch((cause) => {
        if (!isContentFault(cause)) throw cause;
        return write(Buffer.alloc(0));
      });
    } catch (cause) {
      throw databaseUnavailable(cause);
    }
    this.#options.onSetAside(executionId, reason);
  }
}

/** An Error: it cannot be written down. */
function rowOf(event: OutboxEvent): Row | Error {
  try {
    const letters = event.kind === 'ended' ? event.deadLetters.map(letterRowOf) : [];
    return { event, record: encodeRecord(event.snapshot), error: encodeError(event.snapshot.error), letters };
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

function letterRowOf(letter: DeadLetter): LetterRow {
  const { failedAt, executionId, node } = letter;
  const key = encodeDeadLetterKey({ failedAt, executionId, node });
  return { letter, key, body: Buffer.from(JSON.stringify(letter)) };
}

function bytesOfRow({ record, error, letters }: Row): number {
  let bytes = record.length + (error?.length ?? 0);
  for (const { body } of letters) bytes += body.length;
  return bytes;
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

/** Batches bounded by bytes and count; one that is larger than the bound goes alone. */
function* batchesOf<T>(items: readonly T[], bytesOf: (item: T) => number, maxBytes: number): Generator<T[]> {
  let batch: T[] = [];
  let bytes = 0;
  for (const item of items) {
    const size = bytesOf(item);
    if (batch.length >= MAX_BATCH_EVENTS || (batch.length > 0 && bytes + size > maxBytes)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(item);
    bytes += size;
  }
  if (batch.length > 0) yield batch;
}

/** The arguments that both functions of the database take. */
function columnsOf(rows: readonly Row[]): Buffer[] {
  const snapshots = rows.map(({ event }) => event.snapshot);
  const locks = new Set(snapshots.map(({ executionId }) => partitionOf(executionId) % LOCKS));
  return [
    arrayOf.int([...locks].sort((a, b) => a - b)),
    arrayOf.uuid(snapshots.map((each) => each.executionId)),
    arrayOf.uuid(snapshots.map((each) => each.workflowId)),
    arrayOf.text(snapshots.map((each) => escapeText(each.name))),
    arrayOf.smallint(snapshots.map((each) => EXECUTION_STATES.indexOf(each.state))),
    arrayOf.bigint(snapshots.map((each) => each.revision)),
    arrayOf.bigint(snapshots.map((each) => each.createdAt)),
    arrayOf.bigint(snapshots.map((each) => each.startedAt)),
    arrayOf.bigint(snapshots.map((each) => each.finishedAt)),
    arrayOf.bytea(rows.map((row) => row.error)),
    arrayOf.bytea(rows.map((row) => row.record)),
  ];
}

function letterColumnsOf(rows: readonly Row[]): Buffer[] {
  const written = rows.flatMap((row) => row.letters);
  const letters = written.map((each) => each.letter);
  return [
    arrayOf.bytea(written.map((each) => each.key)),
    arrayOf.uuid(letters.map((letter) => letter.executionId)),
    arrayOf.uuid(letters.map((letter) => letter.workflowId)),
    arrayOf.text(letters.map((letter) => indexedText(letter.handler))),
    arrayOf.text(letters.map((letter) => indexedText(letter.error.code))),
    arrayOf.bigint(letters.map((letter) => letter.failedAt)),
    arrayOf.bytea(written.map((each) => each.body)),
  ];
}

/** Executions that outlive the day of their ids. */
function lateColumnsOf(rows: readonly Row[]): Buffer[] {
  const late = rows
    .map(({ event }) => event.snapshot)
    .filter(({ executionId, finishedAt = 0 }) => dayOf(finishedAt) > dayOf(timeOfExecutionId(executionId)));
  return [
    arrayOf.uuid(late.map((each) => each.executionId)),
    arrayOf.bigint(late.map((each) => each.finishedAt)),
  ];
}

function callOf(name: string, types: string): string {
  const parameters = types.split(' ').map((type, index) => `$${index + 1}::${type}`);
  return `SELECT ${name}(${parameters.join(', ')})`;
}
