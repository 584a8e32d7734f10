import type { ClientBase, Pool } from 'pg';
import { MIGRATION_LOCK } from './migrate.js';

const DAY_MS = 86_400_000;
/** The instant of an id has 48 bits. */
const LAST_DAY = Math.floor((2 ** 48 - 1) / DAY_MS);

/** The least id that an execution of that instant can have. */
export function leastIdAt(ms: number): string {
  const instant = Math.min(Math.max(0, Math.floor(ms)), 2 ** 48 - 1);
  const hex = instant.toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-0000-0000-000000000000`;
}

export function dayOf(ms: number): number {
  return Math.floor(ms / DAY_MS);
}

/** As executions_20240131; later than the year 9999 its number has more digits. */
function nameOf(day: number): string {
  const [date = ''] = new Date(day * DAY_MS).toISOString().split('T');
  return `executions_${Number(date.replaceAll(/\D/g, ''))}`;
}

/** NaN where it is none of these partitions. */
function numberOf(name: string): number {
  return /^executions_\d+$/.test(name) ? Number(name.slice('executions_'.length)) : Number.NaN;
}

function boundsOf(day: number): string {
  const to = day >= LAST_DAY ? 'MAXVALUE' : `'${leastIdAt((day + 1) * DAY_MS)}'`;
  return `FROM ('${leastIdAt(day * DAY_MS)}') TO (${to})`;
}

/** The partitions of the ended executions, one for each day (UTC) of their ids. */
export class DayPartitions {
  readonly #made = new Set<number>();

  /** Makes the partitions of these instants that are missing. Hosts that do so at once wait for each other. */
  async ensure(pool: Pool, instants: readonly number[]): Promise<void> {
    const missing = new Set<number>();
    for (const instant of instants) {
      const day = dayOf(instant);
      if (!this.#made.has(day)) missing.add(day);
    }
    for (const day of [...missing].sort((a, b) => a - b)) {
      // One message, one transaction: a host that is cut off in its midst leaves no lock behind.
      await pool.query(
        `SELECT pg_advisory_xact_lock(${MIGRATION_LOCK.join(', ')});
         CREATE TABLE IF NOT EXISTS ${nameOf(day)} PARTITION OF executions FOR VALUES ${boundsOf(day)}`,
      );
      this.#made.add(day);
    }
  }

  /** Another host may have dropped them. */
  forget(): void {
    this.#made.clear();
  }

  /** Removes what had ended before `instant`, by days; answers how many executions went, about. */
  async dropBefore(client: ClientBase, instant: number): Promise<number> {
    await client.query('DELETE FROM late_ends WHERE finished_at < $1', [Math.floor(instant)]);
    const { rows } = await client.query<{ name: string; rows: number }>(
      "SELECT c.relname AS name, c.reltuples::float8 AS rows FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'executions'::regclass",
    );
    let removed = 0;
    for (const { name, rows: estimate } of rows) {
      if (!(numberOf(name) < numberOf(nameOf(dayOf(instant))))) continue;
      if (!(await holdsMoreThanLate(client, name))) continue;
      // Not counted by reading it, unless it is so new or small that the server has no estimate.
      const before = estimate >= 0 ? estimate : await countOf(client, name);
      removed += Math.max(0, before - (await this.#renew(client, name)));
    }
    this.forget();
    return removed;
  }

  /** Drops a day; what ended late is put into a new table of it. Answers how many executions are kept. */
  async #renew(client: ClientBase, name: string): Promise<number> {
    const { rows } = await client.query<{ bounds: string }>(
      'SELECT pg_get_expr(relpartbound, oid) AS bounds FROM pg_class WHERE oid = $1::regclass',
      [name],
    );
    await client.query('BEGIN');
    try {
      // The parent first, as everybody else locks them.
      await client.query('LOCK TABLE executions IN ACCESS EXCLUSIVE MODE');
      const kept = await client.query(
        `CREATE TEMP TABLE kept ON COMMIT DROP AS SELECT e.* FROM ${name} e JOIN late_ends USING (execution_id)`,
      );
      const count = kept.rowCount ?? 0;
      await client.query(`DROP TABLE ${name}`);
      if (count > 0) {
        await client.query(`CREATE TABLE ${name} PARTITION OF executions ${rows[0]?.bounds}`);
        await client.query(`INSERT INTO ${name} SELECT * FROM kept`);
      }
      await client.query('COMMIT');
      return count;
    } catch (error) {
      await client.query('ROLLBACK').catch(() => undefined);
      throw error;
    }
  }
}

/** After its first renewal a day has only those that ended late. */
async function holdsMoreThanLate(client: ClientBase, name: string): Promise<boolean> {
  const { rows } = await client.query<{ more: boolean }>(
    `SELECT NOT EXISTS (SELECT FROM ${name}) OR EXISTS
       (SELECT FROM ${name} e WHERE NOT EXISTS (SELECT FROM late_ends l WHERE l.execution_id = e.execution_id)) AS more`,
  );
  return rows[0]?.more ?? false;
}

async function countOf(client: ClientBase, table: string): Promise<number> {
  const { rows } = await client.query<{ count: number }>(`SELECT count(*)::int AS count FROM ${table}`);
  return rows[0]?.count ?? 0;
}
