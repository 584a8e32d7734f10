import { queryOnce } from './sql.js';

const TABLES = `SELECT quote_ident(schemaname) || '.' || quote_ident(tablename) AS name FROM pg_tables
  WHERE schemaname NOT IN ('pg_catalog', 'information_schema')`;

/** Every row of every table as text, a text for each table; bytes as the characters that they are. */
export async function readAllRows(databaseUrl: string): Promise<readonly string[]> {
  const url = new URL(databaseUrl);
  url.searchParams.set('options', '-c bytea_output=escape');
  const texts: string[] = [];
  for (const { name } of await queryOnce<{ name: string }>(url.href, TABLES)) {
    const rows = await queryOnce<{ row: string }>(url.href, `SELECT t::text AS row FROM ${name} t`);
    texts.push(rows.map(({ row }) => row).join('\n'));
  }
  return texts;
}
