import type { Pool, PoolClient } from 'pg';
import type { Clock } from '../../model/clock.js';
import type { OutboxEvent } from '../../model/commands.js';
import { compilePlan } from '../../model/compile-plan.js';
import { leastDeadLetterKeyAt } from '../../model/dead-letter.js';
import type { WorkflowDefinition } from '../../model/definition.js';
import type { NodeError } from '../../model/errors.js';
import type { WorkflowId } from '../../model/ids.js';
import { type DayPartitions, leastIdAt } from './day-partitions.js';
import type { HotSummaries } from './execution-lists.js';
import { SWEEP_LOCK } from './migrate.js';
import { decodeRecord, EXECUTION_COLUMNS, type ExecutionRow } from './record-codec.js';
import type { Recorder } from './recorder.js';

export interface RetentionOptions {
  readonly pool: Pool;
  readonly clock: Clock;
  readonly partitions: DayPartitions;
  readonly recorder: Recorder;
  /** How long ended executions and their dead letters are kept. */
  readonly retentionMs: number;
  /** When an execution that nobody triggers is cancelled. */
  readonly pendingTtlMs: number;
  readonly hot: HotSummaries;
  readonly definition: (workflowId: WorkflowId) => Promise<WorkflowDefinition | undefined>;
}

/** Recorders write a definition that they use anew each hour, so that one that stands unused for a day is no one's. */
const DEFINITION_SPARED_MS = 86_400_000;
/** Rows of one statement, so that none comes near the time-out of a query. */
const BATCH = 1000;
const DAY_MS = 86_400_000;

/** Removes what is past its time. */
export class Retention {
  readonly #options: RetentionOptions;

  constructor(options: RetentionOptions) {
    this.#options = options;
  }

  /** Answers how many executions went, about; 0 where another host is at it. */
  async run(): Promise<number> {
    const { pool } = this.#options;
    const client = await pool.connect();
    let fault: Error | undefined;
    try {
      const { rows } = await client.query<{ free: boolean }>('SELECT pg_try_advisory_lock($1, $2) AS free', [
        ...SWEEP_LOCK,
      ]);
      if (!rows[0]?.free) return 0;
      const removed = await this.#sweep(client);
      await client.query('SELECT pg_advisory_unlock($1, $2)', [...SWEEP_LOCK]);
      return removed;
    } catch (error) {
      fault = error as Error;
      throw error;
    } finally {
      // A connection that is closed gives its lock back.
      client.release(fault);
    }
  }

  async #sweep(client: PoolClient): Promise<number> {
    const { clock, retentionMs, partitions, recorder } = this.#options;
    const now = clock.now();
    await this.#expirePending(now);
    const removed = await partitions.dropBefore(client, now - retentionMs);
    await inBatches(
      client,
      `DELETE FROM dead_letters WHERE key IN (SELECT key FROM dead_letters WHERE key < $1 LIMIT ${BATCH})`,
      [leastDeadLetterKeyAt(now - retentionMs)],
    );
    await inBatches(
      client,
      `DELETE FROM set_aside WHERE (execution_id, revision) IN
        (SELECT execution_id, revision FROM set_aside WHERE at < $1 LIMIT ${BATCH})`,
      [now - retentionMs],
    );
    await this.#removeDefinitions(client, now - DEFINITION_SPARED_MS);
    recorder.forgetDefinitions();
    return removed;
  }

  /** Each is looked up by the indexes that begin with it; what is used costs two look-ups, however much there is of it. */
  async #removeDefinitions(client: PoolClient, usedBefore: number): Promise<void> {
    let after = leastIdAt(0);
    for (;;) {
      const { rows } = await client.query<{ workflow_id: string }>(
        `SELECT workflow_id FROM definitions WHERE used_at < $1 AND workflow_id > $2 ORDER BY workflow_id LIMIT ${BATCH}`,
        [usedBefore, after],
      );
      for (const { workflow_id } of rows) {
        await client.query(
          `DELETE FROM definitions WHERE workflow_id = $1 AND used_at < $2
             AND NOT EXISTS (SELECT FROM unfinished WHERE workflow_id = $1)
             AND NOT EXISTS (SELECT FROM executions WHERE workflow_id = $1)`,
          [workflow_id, usedBefore],
        );
      }
      const last = rows.at(-1);
      if (!last || rows.length < BATCH) return;
      after = last.workflow_id;
    }
  }

  /** Of executions that the hot store has let go of. One that it holds is being triggered, or will be here soon. */
  async #expirePending(now: number): Promise<void> {
    const { pool, pendingTtlMs, hot, recorder } = this.#options;
    let after = leastIdAt(0);
    for (;;) {
      const { rows } = await pool.query<ExecutionRow>(
        `SELECT ${EXECUTION_COLUMNS} FROM unfinished
           WHERE state = 0 AND execution_id > $1 AND execution_id < $2 ORDER BY execution_id LIMIT ${BATCH}`,
        [after, leastIdAt(now - pendingTtlMs)],
      );
      const snapshots = rows.map(decodeRecord);
      const last = snapshots.at(-1);
      if (!last) return;
      const held = await hot(snapshots.map((snapshot) => snapshot.executionId));
      const events: OutboxEvent[] = [];
      const plans = new Map<WorkflowId, Promise<WorkflowDefinition | undefined>>();
      for (const [index, snapshot] of snapshots.entries()) {
        if (held[index]) continue;
        const { workflowId, revision } = snapshot;
        const found = plans.get(workflowId) ?? this.#options.definition(workflowId);
        plans.set(workflowId, found);
        const definition = await found;
        if (!definition) continue;
        const end = { state: 'cancelled', finishedAt: now, error: expired(pendingTtlMs) } as const;
        const cancelled = { ...snapshot, ...end, revision: revision + 1 };
        events.push({ kind: 'ended', snapshot: cancelled, plan: compilePlan(definition), deadLetters: [] });
      }
      await recorder.record(events);
      if (rows.length < BATCH) return;
      after = last.executionId;
    }
  }
}

function expired(pendingTtlMs: number): NodeError {
  const message = `nobody triggered it within ${Math.round(pendingTtlMs / DAY_MS)} days`;
  return { code: 'TRIGGER_EXPIRED', message, category: 'validation' };
}

async function inBatches(client: PoolClient, text: string, values: readonly unknown[]): Promise<void> {
  for (;;) {
    const { rowCount } = await client.query(text, [...values]);
    if ((rowCount ?? 0) < BATCH) return;
  }
}
