import type { Pool } from 'pg';
import type { Clock } from '../../model/clock.js';
import type { OutboxEvent } from '../../model/commands.js';
import type { ExecutionId } from '../../model/ids.js';
import {
  type CallbackClaim,
  type CallbackOutbox,
  type CallbackSettlement,
  type DueCallback,
  originOf,
} from '../callback-outbox.js';
import { databaseUnavailable } from './database-fault.js';
import { indexedText } from './record-codec.js';

interface CallbackRow {
  readonly execution_id: string;
  readonly finished_at: string;
  readonly url: string;
  readonly attempts: number;
  readonly due_at: string;
}

/** The callbacks of the distributed store, in a table beside the record. */
export class PostgresCallbacks implements CallbackOutbox {
  readonly #pool: Pool;
  readonly #clock: Clock;

  constructor(pool: Pool, clock: Clock) {
    this.#pool = pool;
    this.#clock = clock;
  }

  /** Takes in the ends among the events that somebody is to be told of. Their record is written; the outbox still has them. */
  async keep(events: readonly OutboxEvent[]): Promise<void> {
    const ends = events.flatMap(({ kind, snapshot }) => {
      const { executionId, finishedAt, callbackUrl } = snapshot;
      if (kind !== 'ended' || callbackUrl === undefined || finishedAt === undefined) return [];
      return [{ executionId, finishedAt, url: callbackUrl, origin: indexedText(originOf(callbackUrl)) }];
    });
    if (ends.length === 0) return;
    await this.#pool.query(
      `INSERT INTO callbacks (execution_id, finished_at, origin, url, due_at)
         SELECT e.*, $5 FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[]) AS e
         ON CONFLICT DO NOTHING`,
      [
        ends.map((end) => end.executionId),
        ends.map((end) => end.finishedAt),
        ends.map((end) => end.origin),
        ends.map((end) => end.url),
        this.#clock.now(),
      ],
    );
  }

  claim({ most, perOrigin, rooms, afterOrigin, claimMs }: CallbackClaim): Promise<readonly DueCallback[]> {
    const now = this.#clock.now();
    const named = [...rooms.keys()].map(indexedText);
    return this.#guard(async () => {
      const { rows } = await this.#pool.query<CallbackRow>(
        'SELECT * FROM claim_callbacks($1, $2, $3, $4, $5, $6::text[], $7::int[])',
        [now, now + claimMs, most, perOrigin, indexedText(afterOrigin), named, [...rooms.values()]],
      );
      return rows.map((row) => ({
        executionId: row.execution_id as ExecutionId,
        finishedAt: Number(row.finished_at),
        url: row.url,
        attempt: row.attempts,
        dueAt: Number(row.due_at),
      }));
    });
  }

  settle(settlements: readonly CallbackSettlement[]): Promise<void> {
    const now = this.#clock.now();
    return this.#guard(async () => {
      await this.#pool.query(
        `WITH settled AS (
           SELECT s.* FROM unnest($1::uuid[], $2::bigint[], $3::bigint[]) AS s(execution_id, finished_at, due_at)
         ), postponed AS (
           UPDATE callbacks c SET due_at = s.due_at FROM settled s
             WHERE c.execution_id = s.execution_id AND c.finished_at = s.finished_at AND s.due_at IS NOT NULL
         )
         DELETE FROM callbacks c USING settled s
           WHERE c.execution_id = s.execution_id AND c.finished_at = s.finished_at AND s.due_at IS NULL`,
        [
          settlements.map(({ callback }) => callback.executionId),
          settlements.map(({ callback }) => callback.finishedAt),
          settlements.map(({ retryInMs }) => (retryInMs === undefined ? null : now + retryInMs)),
        ],
      );
    });
  }

  pending(most: number): Promise<number> {
    return this.#guard(async () => {
      const { rows } = await this.#pool.query<{ count: string }>(
        'SELECT count(*) FROM (SELECT FROM callbacks LIMIT $1) AS counted',
        [most],
      );
      return Number(rows[0]?.count ?? 0);
    });
  }

  async #guard<T>(run: () => Promise<T>): Promise<T> {
    try {
      return await run();
    } catch (error) {
      throw databaseUnavailable(error);
    }
  }
}
