import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import pg from 'pg';
import { PostgresForFile } from '../../testing/record-fixture.js';
import { migrate } from './migrate.js';
import { queryOnce } from './testing/sql.js';

const postgres = new PostgresForFile();

const FIRST = { '0001_a.sql': 'CREATE TABLE a (id int)' };
const SECOND = { '0002_b.sql': 'CREATE TABLE b (id int); INSERT INTO a VALUES (1)' };

/** A directory with these files. */
async function directoryOf(context: TestContext, files: Readonly<Record<string, string>>): Promise<string> {
  const directory = await mkdtemp(path.join(tmpdir(), 'millrace-migrations-'));
  context.after(() => rm(directory, { recursive: true }));
  for (const [name, sql] of Object.entries(files)) await writeFile(path.join(directory, name), sql);
  return directory;
}

async function migrateOnce(databaseUrl: string, directory?: string): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await migrate(client, directory);
  } finally {
    await client.end();
  }
}

async function tablesOf(databaseUrl: string): Promise<string[]> {
  const rows = await queryOnce<{ name: string }>(
    databaseUrl,
    "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public' ORDER BY 1",
  );
  return rows.map((row) => row.name);
}

describe('migrations', { skip: postgres.isSkipped }, () => {
  test('hosts that start at once run each of them once', async (context) => {
    const databaseUrl = await postgres.database();
    const slow = { '0002_b.sql': `SELECT pg_sleep(0.3); ${SECOND['0002_b.sql']}` };
    const directory = await directoryOf(context, { ...FIRST, ...slow });
    await Promise.all(Array.from({ length: 6 }, () => migrateOnce(databaseUrl, directory)));
    assert.deepEqual(await tablesOf(databaseUrl), ['a', 'b', 'migrations']);
    assert.equal((await queryOnce(databaseUrl, 'SELECT FROM a')).length, 1);
    const done = await queryOnce<{ name: string }>(databaseUrl, 'SELECT name FROM migrations ORDER BY 1');
    assert.deepEqual(
      done.map((row) => row.name),
      ['0001_a.sql', '0002_b.sql'],
    );
  });

  test('those of this version run on an empty database, by several hosts at once, and again', async (context) => {
    const first = await postgres.record(context);
    await Promise.all(
      Array.from({ length: 4 }, () => postgres.record(context, { databaseUrl: first.databaseUrl })),
    );
    assert.ok((await tablesOf(first.databaseUrl)).includes('unfinished'));
  });

  test('what is new is run, what was run is not run again', async (context) => {
    const databaseUrl = await postgres.database();
    await migrateOnce(databaseUrl, await directoryOf(context, FIRST));
    const directory = await directoryOf(context, { ...FIRST, ...SECOND });
    await migrateOnce(databaseUrl, directory);
    await migrateOnce(databaseUrl, directory);
    assert.equal((await queryOnce(databaseUrl, 'SELECT FROM a')).length, 1);
  });

  test('one that fails leaves nothing of itself and keeps what ran before it', async (context) => {
    const databaseUrl = await postgres.database();
    const broken = { '0002_b.sql': 'CREATE TABLE b (id int); INSERT INTO missing VALUES (1)' };
    await assert.rejects(
      migrateOnce(databaseUrl, await directoryOf(context, { ...FIRST, ...broken })),
      /"missing" does not exist/,
    );
    assert.deepEqual(await tablesOf(databaseUrl), ['a', 'migrations']);
    await migrateOnce(databaseUrl, await directoryOf(context, { ...FIRST, ...SECOND }));
    assert.deepEqual(await tablesOf(databaseUrl), ['a', 'b', 'migrations']);
  });

  for (const [what, files, why] of [
    ['an edited one', { '0001_a.sql': 'CREATE TABLE a (id bigint)', ...SECOND }, /never edited/],
    ['a database of a newer version', FIRST, /use a newer version/],
    ['one that comes before another that was run', { ...FIRST, '0001_z.sql': '', ...SECOND }, /forward only/],
  ] as const) {
    test(`${what} is refused`, async (context) => {
      const databaseUrl = await postgres.database();
      await migrateOnce(databaseUrl, await directoryOf(context, { ...FIRST, ...SECOND }));
      await assert.rejects(migrateOnce(databaseUrl, await directoryOf(context, files)), (error) => {
        assert.match(String(error), why);
        return (error as { code?: string }).code === 'STORE_UNSUITABLE';
      });
      assert.deepEqual(await tablesOf(databaseUrl), ['a', 'b', 'migrations']);
    });
  }
});
