import pg from 'pg';

/** Turns the whole server read-only, or lets it be written again; sessions that are open obey with their next transaction. */
export async function setReadOnly(serverUrl: string, state: 'on' | 'off'): Promise<void> {
  const client = new pg.Client({ connectionString: serverUrl });
  await client.connect();
  try {
    await client.query('SET default_transaction_read_only = off');
    await client.query(`ALTER SYSTEM SET default_transaction_read_only = ${state}`);
    await client.query('SELECT pg_reload_conf()');
  } finally {
    await client.end();
  }
}
