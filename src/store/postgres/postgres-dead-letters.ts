import type { Pool } from 'pg';
import { encodeDeadLetterKey, parseDeadLetterId } from '../../model/dead-letter.js';
import type { DeadLetter } from '../../model/snapshot.js';
import type { DeadLetterQuery } from '../state-store.js';
import { databaseUnavailable } from './database-fault.js';
import { indexedText } from './record-codec.js';

/** The dead letters of the record. */
export class PostgresDeadLetters {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  /** Newest first. */
  async list(query: DeadLetterQuery): Promise<readonly DeadLetter[]> {
    const values: unknown[] = [];
    const parts: string[] = [];
    const add = (condition: string, value: unknown): void => {
      values.push(value);
      parts.push(`${condition} $${values.length}`);
    };
    const before = query.before === undefined ? undefined : keyOf(query.before);
    if (query.before !== undefined && !before) return [];
    if (before) add('key <', before);
    if (query.handler !== undefined) add('handler =', indexedText(query.handler));
    if (query.workflowId !== undefined) add('workflow_id =', query.workflowId);
    if (query.errorCode !== undefined) add('error_code =', indexedText(query.errorCode));
    if (query.failedAfter !== undefined) add('failed_at >', Math.floor(query.failedAfter));
    const where = parts.length > 0 ? `WHERE ${parts.join(' AND ')}` : '';
    const rows = await this.#query(
      `SELECT body FROM dead_letters ${where} ORDER BY key DESC LIMIT ${query.limit}`,
      values,
    );
    return rows.map(letterOf);
  }

  async read(ids: readonly string[]): Promise<readonly (DeadLetter | undefined)[]> {
    const keys = ids.flatMap((id) => keyOf(id) ?? []);
    const rows = await this.#query('SELECT body FROM dead_letters WHERE key = ANY($1::bytea[])', [keys]);
    const letters = new Map(rows.map(letterOf).map((letter) => [letter.id, letter]));
    return ids.map((id) => letters.get(id));
  }

  async remove(ids: readonly string[]): Promise<readonly ('deleted' | 'not_found')[]> {
    const keys = ids.flatMap((id) => keyOf(id) ?? []);
    const rows = await this.#query('DELETE FROM dead_letters WHERE key = ANY($1::bytea[]) RETURNING body', [
      keys,
    ]);
    const deleted = new Set(rows.map((row) => letterOf(row).id));
    // Named twice in one call, it was there once.
    return ids.map((id) => (deleted.delete(id) ? 'deleted' : 'not_found'));
  }

  async #query(text: string, values: unknown[]): Promise<readonly { readonly body: Buffer }[]> {
    try {
      return (await this.#pool.query<{ body: Buffer }>(text, values)).rows;
    } catch (error) {
      throw databaseUnavailable(error);
    }
  }
}

function keyOf(id: string): Buffer | undefined {
  const key = parseDeadLetterId(id);
  return key && encodeDeadLetterKey(key);
}

function letterOf({ body }: { readonly body: Buffer }): DeadLetter {
  return JSON.parse(String(body)) as DeadLetter;
}
