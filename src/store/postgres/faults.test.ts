import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { createSystemClock } from '../../engine/clock.js';
import type { OutboxEvent } from '../../model/commands.js';
import { poll } from '../../testing/poll.js';
import { PostgresForFile, type RecordFixture } from '../../testing/record-fixture.js';
import { eventOf, idAt } from '../../testing/recorded-life.js';
import { startHalfOpenProxy } from '../../testing/servers/half-open-proxy.js';
import { mountSmallDisk } from '../../testing/servers/small-disk.js';
import { setReadOnly } from './testing/read-only.js';
import { queryOnce } from './testing/sql.js';

const START = Date.UTC(2024, 0, 1, 12);
/** A connection is waited for 5 s, an answer 10 s; the rest is for a loaded machine. */
const BOUND_MS = 25_000;
const SMALL_DISK_BYTES = 40 << 20;
const postgres = new PostgresForFile();

function events(count: number): OutboxEvent[] {
  return Array.from({ length: count }, (_, at) =>
    eventOf({ executionId: idAt(START + at, at) }, at % 2 ? 'failed' : 'running', 3),
  );
}

async function assertUnavailable(call: () => Promise<unknown>): Promise<void> {
  const startedAt = performance.now();
  await assert.rejects(call, { code: 'STORE_UNAVAILABLE' });
  assert.ok(performance.now() - startedAt < BOUND_MS);
}

/** Every execution once, and the dead letters of those that failed. */
async function assertComplete(
  { history, databaseUrl }: RecordFixture,
  told: readonly OutboxEvent[],
): Promise<void> {
  const ids = told.map(({ snapshot }) => snapshot.executionId);
  assert.deepEqual(
    await history.read(ids),
    told.map(({ snapshot }) => snapshot),
  );
  const [counted] = await queryOnce<{ rows: number; letters: number }>(
    databaseUrl,
    'SELECT ((SELECT count(*) FROM executions) + (SELECT count(*) FROM unfinished))::int AS rows, (SELECT count(*) FROM dead_letters)::int AS letters',
  );
  assert.deepEqual(counted, { rows: told.length, letters: Math.floor(told.length / 2) });
}

/** As an archiver does: again and again until it is taken. */
async function recordInTheEnd({ history }: RecordFixture, told: readonly OutboxEvent[]): Promise<void> {
  await poll('the record to take the events', async () => {
    try {
      await history.record(told);
      return true;
    } catch {
      return undefined;
    }
  });
}

async function open(context: TestContext, databaseUrl?: string): Promise<RecordFixture> {
  return postgres.record(context, { clock: createSystemClock(), ...(databaseUrl && { databaseUrl }) });
}

describe('a PostgreSQL that fails', { skip: postgres.isSkipped }, () => {
  test('killed: calls end, health turns, and after its start the record is complete', async (context) => {
    const fixture = await open(context);
    const told = events(20);
    await fixture.history.record(told.slice(0, 10));
    await postgres.server.kill();
    // A session outlives its postmaster for the moment in which it hears of its death, and may still take a call.
    await poll('the sessions to end', () =>
      fixture.history.list({ limit: 1 }).then(
        () => undefined,
        () => true,
      ),
    );
    await assertUnavailable(() => fixture.history.record(told));
    await assertUnavailable(() => fixture.history.list({ limit: 1 }));
    await assertUnavailable(() => fixture.history.deadLetters.list({ limit: 1 }));
    await poll('its health to turn', () => !fixture.history.healthy);
    await postgres.server.start();
    await poll('its health to return', () => fixture.history.healthy);
    assert.deepEqual(fixture.health, [false, true]);
    await fixture.history.record(told);
    await assertComplete(fixture, told);
  });

  test('restarted while events are written: none is lost and none is there twice', async (context) => {
    const fixture = await open(context);
    const told = events(600);
    const batches = Array.from({ length: 30 }, (_, at) => told.slice(at * 20, at * 20 + 20));
    const writing = (async () => {
      for (const batch of batches) await recordInTheEnd(fixture, batch);
    })();
    for (let round = 0; round < 2; round++) await postgres.server.restart();
    await writing;
    await assertComplete(fixture, told);
  });

  test('cut off: calls end, their connections are not used again', async (context) => {
    const database = await postgres.database();
    const proxy = await startHalfOpenProxy(postgres.server.port);
    context.after(() => proxy.close());
    const through = new URL(database);
    through.port = String(proxy.port);
    const fixture = await open(context, through.href);
    const told = events(20);
    const ids = told.map(({ snapshot }) => snapshot.executionId);
    const readsAtOnce = (): Promise<unknown>[] => Array.from({ length: 8 }, () => fixture.history.read(ids));
    await Promise.all(readsAtOnce());
    proxy.cut();
    await Promise.all(readsAtOnce().map((reading) => assertUnavailable(() => reading)));
    await assertUnavailable(() => fixture.history.record(told));
    await poll('its health to turn', () => !fixture.history.healthy);
    proxy.mend();
    await Promise.all(readsAtOnce());
    await poll('its health to return', () => fixture.history.healthy);
    await fixture.history.record(told);
    await assertComplete({ ...fixture, databaseUrl: database }, told);
  });

  test('cut off in the midst of a batch: it is there once, and nobody else is held up', async (context) => {
    const database = await postgres.database();
    const proxy = await startHalfOpenProxy(postgres.server.port);
    context.after(() => proxy.close());
    const through = new URL(database);
    through.port = String(proxy.port);
    const cutOff = await open(context, through.href);
    const other = await open(context, database);
    const told = events(20);
    await cutOff.history.record(told.slice(0, 2));
    proxy.cutReplies();
    await assertUnavailable(() => cutOff.history.record(told));
    await other.history.record(told);
    await assertComplete(other, told);
  });

  test('read-only: it is told, and ends with the setting', async (context) => {
    const fixture = await open(context);
    context.after(() => setReadOnly(postgres.server.url, 'off'));
    const told = events(20);
    await fixture.history.record(told.slice(0, 10));
    await setReadOnly(postgres.server.url, 'on');
    await poll('its health to turn', () => !fixture.history.healthy);
    await assertUnavailable(() => fixture.history.record(told));
    assert.deepEqual(fixture.setAside, []);
    assert.equal((await fixture.history.list({ limit: 100 })).executions.length, 10);
    await setReadOnly(postgres.server.url, 'off');
    await poll('its health to return', () => fixture.history.healthy);
    await fixture.history.record(told);
    await assertComplete(fixture, told);
  });

  test('its disk full: nothing is set aside or lost, and it goes on when there is room', async (context) => {
    const fixture = await open(context);
    const told = events(20);
    await fixture.history.record(told.slice(0, 2));
    const room = await fillDisk(context, fixture);
    await assertUnavailable(async () => {
      // What still has room on its last page is taken.
      for (let at = 0; at < told.length; at += 4) await fixture.history.record(large(told.slice(at, at + 4)));
    });
    assert.deepEqual(fixture.setAside, []);
    await room();
    await recordInTheEnd(fixture, large(told));
    await assertComplete(fixture, [...told.slice(0, 2), ...large(told).slice(2)]);
  });
});

/** The same executions with a megabyte each. */
function large(told: readonly OutboxEvent[]): OutboxEvent[] {
  const params = Buffer.from(JSON.stringify(Array.from({ length: 60_000 }, (_, at) => Math.sqrt(at))));
  return told.map((event) => ({ ...event, snapshot: { ...event.snapshot, params } }) as OutboxEvent);
}

/** Moves the tables to a small disk and fills it; where none can be mounted, the tables say that theirs is full. Answers what ends it. */
async function fillDisk(
  context: TestContext,
  { query, databaseUrl }: RecordFixture,
): Promise<() => Promise<unknown>> {
  const disk = mountSmallDisk(SMALL_DISK_BYTES, postgres.server.directory);
  if (!disk) {
    context.diagnostic('no disk can be mounted here: the tables say that it is full');
    await query(`CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END $$`);
    const tables = ['unfinished', 'executions'];
    for (const table of tables)
      await query(
        `CREATE TRIGGER full_disk BEFORE INSERT ON ${table} FOR EACH ROW EXECUTE FUNCTION full_disk()`,
      );
    return () => Promise.all(tables.map((table) => query(`DROP TRIGGER full_disk ON ${table}`)));
  }
  context.after(() => disk.remove());
  await queryOnce(databaseUrl, `CREATE TABLESPACE small LOCATION '${disk.directory}'`);
  for (const table of ['unfinished', 'executions_20240101'])
    await query(`ALTER TABLE ${table} SET TABLESPACE small`);
  const ballast = join(disk.directory, 'ballast');
  try {
    for (;;) writeFileSync(ballast, Buffer.alloc(1 << 20), { flag: 'a' });
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC');
  }
  return async () => rmSync(ballast);
}
