import pg from 'pg';

export type SqlRow = pg.QueryResultRow;

/** One statement, past the store under test, on a connection of its own. */
export async function queryOnce<T extends SqlRow>(
  databaseUrl: string,
  text: string,
  values: readonly unknown[] = [],
): Promise<readonly T[]> {
  const client = new pg.Client({ connectionString: databaseUrl });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query<T>(text, [...values])).rows;
  } finally {
    await client.end();
  }
}
