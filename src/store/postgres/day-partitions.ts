import type { ClientBase } from 'pg';
import { MIGRATION_LOCK } from './migrate.js';

const DAY_MS = 86_400_000;

/** The least id that an execution of that instant can have. */
export function leastIdAt(ms: number): string {
  const hex = Math.max(0, Math.floor(ms)).toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-0000-0000-000000000000`;
}

function dayOf(ms: number): number {
  return Math.floor(ms / DAY_MS);
}

function nameOf(day: number): string {
  return `executions_${new Date(day * DAY_MS).toISOString().slice(0, 10).replaceAll('-', '')}`;
}

/** The partitions of the ended executions, one for each day (UTC) of their creation. */
export class DayPartitions {
  readonly #made = new Set<number>();

  /** Makes the partitions of these instants that are missing. Hosts that do so at once wait for each other. */
  async ensure(client: ClientBase, instants: Iterable<number>): Promise<void> {
    const missing = new Set([...instants].map(dayOf).filter((day) => !this.#made.has(day)));
    for (const day of [...missing].sort((a, b) => a - b)) await this.#make(client, day);
  }

  async #make(client: ClientBase, day: number): Promise<void> {
    await client.query('BEGIN');
    try {
      await client.query('SELECT pg_advisory_xact_lock($1, $2)', [...MIGRATION_LOCK]);
      const [from, to] = [leastIdAt(day * DAY_MS), leastIdAt((day + 1) * DAY_MS)];
      await client.query(
        `CREATE TABLE IF NOT EXISTS ${nameOf(day)} PARTITION OF executions FOR VALUES FROM ('${from}') TO ('${to}')`,
      );
      await client.query('COMMIT');
    } catch (error) {
      await client.query('ROLLBACK').catch(() => undefined);
      throw error;
    }
    this.#made.add(day);
  }

  /** Another host may have dropped them. */
  forget(): void {
    this.#made.clear();
  }

  /** Drops the days that are over before `instant`; answers how many executions went, about, and the bound. */
  async dropBefore(
    client: ClientBase,
    instant: number,
  ): Promise<{ readonly removed: number; readonly bound: string }> {
    const last = dayOf(instant);
    const bound = leastIdAt(last * DAY_MS);
    const { rows } = await client.query<{ name: string }>(
      "SELECT c.relname AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'executions'::regclass",
    );
    let removed = 0;
    for (const { name } of rows) {
      if (name >= nameOf(last)) continue;
      const counted = await client.query<{ count: string }>(`SELECT count(*) FROM ${name}`);
      await client.query(`DROP TABLE IF EXISTS ${name}`);
      removed += Number(counted.rows[0]?.count ?? 0);
    }
    this.forget();
    return { removed, bound };
  }
}
