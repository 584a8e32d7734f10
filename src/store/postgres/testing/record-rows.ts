import pg from 'pg';
import type { ExecutionSnapshot } from '../../../model/snapshot.js';
import { EXECUTION_STATES, type ExecutionState } from '../../../model/states.js';
import { decodeRecord, EXECUTION_COLUMNS, type ExecutionRow } from '../record-codec.js';

/** What the tables hold, read past the store under test. */
export interface RecordRows {
  /** A row of `executions` or `unfinished`; an execution that stands in both comes twice. */
  readonly executions: readonly { readonly id: string; readonly state: ExecutionState | undefined }[];
  /** How many records were set aside. */
  readonly setAside: number;
}

export async function readRecordRows(databaseUrl: string): Promise<RecordRows> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const { rows } = await client.query<{ id: string; state: number }>(
      'SELECT execution_id AS id, state FROM executions UNION ALL SELECT execution_id, state FROM unfinished',
    );
    const aside = await client.query<{ count: number }>('SELECT count(*)::int AS count FROM set_aside');
    return {
      executions: rows.map(({ id, state }) => ({ id, state: EXECUTION_STATES[state] })),
      setAside: aside.rows[0]?.count ?? 0,
    };
  } finally {
    await client.end();
  }
}

/** Whole records of ended executions, page by page. */
export async function* readSnapshots(
  databaseUrl: string,
  pageSize = 500,
): AsyncGenerator<readonly ExecutionSnapshot[]> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    let after = '00000000-0000-0000-0000-000000000000';
    for (;;) {
      const { rows } = await client.query<ExecutionRow>(
        `SELECT ${EXECUTION_COLUMNS} FROM executions WHERE execution_id > $1 ORDER BY execution_id LIMIT $2`,
        [after, pageSize],
      );
      if (rows.length === 0) return;
      after = rows.at(-1)?.execution_id ?? after;
      yield rows.map(decodeRecord);
    }
  } finally {
    await client.end();
  }
}
