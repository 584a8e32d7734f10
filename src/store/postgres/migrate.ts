import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ClientBase } from 'pg';
import { MillraceError } from '../../model/errors.js';

/** Locks of two numbers that only Millrace uses: under them a host migrates, recovers, removes what is past its time. */
export const MIGRATION_LOCK = [0x6d72, 1] as const;
export const RECOVERY_LOCK = [0x6d72, 2] as const;
export const SWEEP_LOCK = [0x6d72, 3] as const;

interface Migration {
  readonly name: string;
  readonly sql: string;
  readonly checksum: string;
}

/**
 * Runs what `directory` has and the database has not, in the order of the names, each in a transaction, one host at a time. Throws
 * STORE_UNSUITABLE where the database is newer than this version, or a migration that it ran has been edited since.
 */
export async function migrate(client: ClientBase, directory = findDirectory()): Promise<void> {
  const migrations = await readMigrations(directory);
  await client.query('SELECT pg_advisory_lock($1, $2)', [...MIGRATION_LOCK]);
  try {
    await client.query(
      'CREATE TABLE IF NOT EXISTS migrations (name text PRIMARY KEY, checksum text NOT NULL, run_at timestamptz NOT NULL DEFAULT now())',
    );
    const { rows } = await client.query<{ name: string; checksum: string }>(
      'SELECT name, checksum FROM migrations',
    );
    const done = new Map(rows.map((row) => [row.name, row.checksum]));
    refuseStrange(migrations, done);
    for (const migration of migrations) if (!done.has(migration.name)) await run(client, migration);
  } finally {
    await client.query('SELECT pg_advisory_unlock($1, $2)', [...MIGRATION_LOCK]);
  }
}

/** Names of the migrations that the next start would run; writes nothing. Throws as `migrate` does. */
export async function migrationsToRun(
  client: ClientBase,
  directory = findDirectory(),
): Promise<readonly string[]> {
  const migrations = await readMigrations(directory);
  const { rows: tables } = await client.query<{ found: boolean }>(
    "SELECT to_regclass('migrations') IS NOT NULL AS found",
  );
  if (!tables[0]?.found) return migrations.map(({ name }) => name);
  const { rows } = await client.query<{ name: string; checksum: string }>(
    'SELECT name, checksum FROM migrations',
  );
  const done = new Map(rows.map((row) => [row.name, row.checksum]));
  refuseStrange(migrations, done);
  return migrations.filter(({ name }) => !done.has(name)).map(({ name }) => name);
}

function refuseStrange(migrations: readonly Migration[], done: ReadonlyMap<string, string>): void {
  const last = [...done.keys()].sort().at(-1) ?? '';
  const late = migrations.find(({ name }) => name < last && !done.has(name));
  if (late) throw unsuitable(`${late.name} comes before ${last}, which was run: migrations go forward only`);
  const known = new Map(migrations.map((migration) => [migration.name, migration.checksum]));
  for (const [name, checksum] of done) {
    const here = known.get(name);
    if (here === undefined) {
      throw unsuitable(
        `its schema has ${name}, which this version does not know: use a newer version of Millrace`,
      );
    }
    if (here !== checksum) {
      throw unsuitable(`${name} was run with other contents than it has now: migrations are never edited`);
    }
  }
}

async function run(client: ClientBase, { name, sql, checksum }: Migration): Promise<void> {
  await client.query('BEGIN');
  try {
    await client.query(sql);
    await client.query('INSERT INTO migrations (name, checksum) VALUES ($1, $2)', [name, checksum]);
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}

async function readMigrations(directory: string): Promise<readonly Migration[]> {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.sql')).sort();
  return Promise.all(
    names.map(async (name) => {
      const sql = await readFile(join(directory, name), 'utf8');
      return { name, sql, checksum: createHash('sha256').update(sql).digest('hex') };
    }),
  );
}

/** `migrations/` at the top of the package, from the sources as from what was built of them. */
function findDirectory(): string {
  let directory = dirname(fileURLToPath(import.meta.url));
  for (;;) {
    const candidate = join(directory, 'migrations');
    if (existsSync(join(directory, 'package.json')) && existsSync(candidate)) return candidate;
    const parent = dirname(directory);
    if (parent === directory) throw new Error('the package lacks its directory migrations');
    directory = parent;
  }
}

function unsuitable(why: string): MillraceError {
  return new MillraceError('STORE_UNSUITABLE', `This PostgreSQL database cannot be used: ${why}.`);
}
