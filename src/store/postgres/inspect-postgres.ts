import pg from 'pg';
import type { Finding } from '../finding.js';
import { migrationsToRun } from './migrate.js';

const TIMEOUT_MS = 5000;
const LEAST_VERSION = 150_000;

/** Looks at the PostgreSQL of the distributed store, and changes nothing. */
export async function inspectPostgres(databaseUrl: string): Promise<readonly Finding[]> {
  const client = new pg.Client({
    connectionString: databaseUrl,
    connectionTimeoutMillis: TIMEOUT_MS,
    query_timeout: TIMEOUT_MS,
    application_name: 'millrace doctor',
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return [...(await serverFindings(client)), await schemaFinding(client)];
  } catch (error) {
    const detail = `DATABASE_URL cannot be reached: ${error instanceof Error ? error.message : String(error)}`;
    const advice = 'start PostgreSQL, or correct the host, port, user, password or database in DATABASE_URL';
    return [{ check: 'PostgreSQL', status: 'failed', detail, advice }];
  } finally {
    await client.end().catch(() => undefined);
  }
}

interface ServerRow {
  readonly version: string;
  readonly number: string;
  readonly commit: string;
  readonly creates: boolean;
  readonly replica: boolean;
}

async function serverFindings(client: pg.Client): Promise<readonly Finding[]> {
  const { rows } = await client.query<ServerRow>(
    `SELECT current_setting('server_version') AS version, current_setting('server_version_num') AS number,
       current_setting('synchronous_commit') AS commit, pg_is_in_recovery() AS replica,
       has_schema_privilege(current_schema(), 'CREATE') AS creates`,
  );
  const [row] = rows;
  const check = 'PostgreSQL';
  if (!row) return [];
  const findings: Finding[] = [{ check, status: 'ok', detail: `version ${row.version}` }];
  if (Number(row.number) < LEAST_VERSION) {
    const detail = `version ${row.version} is older than 15, with which Millrace is tested`;
    findings.push({ check, status: 'warning', detail, advice: 'use PostgreSQL 15 or newer' });
  }
  if (row.replica) {
    const detail = 'the server is a replica, which takes no writes';
    findings.push({ check, status: 'failed', detail, advice: 'name the primary in DATABASE_URL' });
  } else if (!row.creates) {
    const detail = 'the user may not create tables';
    findings.push({ check, status: 'failed', detail, advice: 'GRANT CREATE ON SCHEMA public TO the user' });
  }
  if (row.commit === 'off') {
    const detail =
      'synchronous_commit is off: a crash of the server loses executions that Redis has let go of';
    findings.push({ check, status: 'warning', detail, advice: 'set synchronous_commit to on' });
  }
  return findings;
}

async function schemaFinding(client: pg.Client): Promise<Finding> {
  const check = 'PostgreSQL: schema';
  try {
    const missing = await migrationsToRun(client);
    if (missing.length === 0) return { check, status: 'ok', detail: 'all migrations were run' };
    return { check, status: 'ok', detail: `the next start runs ${missing.join(', ')}` };
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    return { check, status: 'failed', detail, advice: 'see docs/operations.md, PostgreSQL' };
  }
}
