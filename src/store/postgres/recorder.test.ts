import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import fc from 'fast-check';
import type { OutboxEvent } from '../../model/commands.js';
import type { ExecutionId } from '../../model/ids.js';
import type { ExecutionState } from '../../model/states.js';
import { hasEnded } from '../../model/states.js';
import { faultOf } from '../../testing/machine-fixture.js';
import { chainOf, planOf } from '../../testing/plan-fixtures.js';
import { DAY_MS, PostgresForFile, type RecordFixture } from '../../testing/record-fixture.js';
import { eventOf, idAt, type Life } from '../../testing/recorded-life.js';

const START = Date.UTC(2024, 0, 1, 12);
/** The states of an execution that fails, is redriven and completes: revision 1, 2, 3 … */
const LIFE: readonly ExecutionState[] = [
  'pending',
  'running',
  'failed',
  'running',
  'failed',
  'running',
  'completed',
];

const postgres = new PostgresForFile();

function lifeOf(executionId: ExecutionId, states: readonly ExecutionState[] = LIFE): OutboxEvent[] {
  return states.map((state, index) => {
    // Each failure at its own time, so that its dead letter is another one.
    const life: Life = { executionId, finishedAt: START + 1000 * index };
    return eventOf(life, state, index + 1);
  });
}

interface Rows {
  readonly unfinished: readonly string[];
  readonly executions: readonly string[];
  readonly letters: readonly string[];
}

/** What the tables hold of these executions. */
async function rowsOf({ query }: RecordFixture, ids: readonly ExecutionId[]): Promise<Rows> {
  const read = async (table: string): Promise<string[]> => {
    const rows = await query<{ id: string; revision: string; state: number }>(
      `SELECT execution_id AS id, revision, state FROM ${table} WHERE execution_id = ANY($1) ORDER BY 1`,
      [ids],
    );
    return rows.map(({ id, revision, state }) => `${id} ${revision} ${state}`);
  };
  const letters = await query<{ id: string; failed_at: string }>(
    'SELECT execution_id AS id, failed_at FROM dead_letters WHERE execution_id = ANY($1) ORDER BY 1, 2',
    [ids],
  );
  return {
    unfinished: await read('unfinished'),
    executions: await read('executions'),
    letters: letters.map(({ id, failed_at }) => `${id} ${failed_at}`),
  };
}

async function recorded(context: TestContext, options = {}): Promise<RecordFixture> {
  return postgres.record(context, options);
}

describe('recording', { skip: postgres.isSkipped }, () => {
  test('any order, repetition and division of events, told by two hosts, ends as the newest of each alone', async (context) => {
    const one = await recorded(context);
    const other = await recorded(context, { databaseUrl: one.databaseUrl });
    const lives = fc.array(fc.integer({ min: 1, max: LIFE.length }), { minLength: 1, maxLength: 6 });
    const deal = fc.infiniteStream(fc.nat(1_000_000));
    await fc.assert(
      fc.asyncProperty(lives, deal, async (lengths, draw) => {
        const next = (below: number): number => Number(draw.next().value) % below;
        const told: OutboxEvent[] = [];
        const newest: OutboxEvent[] = [];
        for (const length of lengths) {
          const events = lifeOf(idAt(START + next(3) * DAY_MS, next(4)), LIFE.slice(0, length));
          for (const event of events) for (let copies = next(3); copies >= 0; copies--) told.push(event);
          newest.push(events.at(-1) as OutboxEvent);
        }
        for (let index = told.length - 1; index > 0; index--) {
          const swap = next(index + 1);
          [told[index], told[swap]] = [told[swap] as OutboxEvent, told[index] as OutboxEvent];
        }
        const under: Promise<void>[] = [];
        while (told.length > 0) {
          const { history } = next(2) ? one : other;
          const recording = history.record(told.splice(0, 1 + next(8)));
          if (next(2)) await recording;
          else under.push(recording);
        }
        await Promise.all(under);
        const ids = newest.map(({ snapshot }) => snapshot.executionId);
        const got = await rowsOf(one, ids);
        const fresh = await one.history.read(ids);
        assert.deepEqual(got, expectedRows(newest));
        assert.deepEqual(
          fresh,
          newest.map(({ snapshot }) => snapshot),
        );
      }),
      { numRuns: 60 },
    );
  });

  test('the record of an execution is what was told, whatever it holds', async (context) => {
    const fixture = await recorded(context);
    const odd = 'a\0b\\0c\\\\d\\\n\u{1f600}';
    const plan = planOf({
      name: odd,
      nodes: [
        { id: 'n', handler: odd },
        { id: 'm', on: ['n'] },
      ],
    });
    const life: Life = {
      executionId: idAt(START),
      plan,
      params: Buffer.from('{"a":"\\u0000"}'),
      error: { ...faultOf(odd.repeat(900)), message: odd },
    };
    const event = eventOf(life, 'failed', 3);
    await fixture.history.record([event]);
    assert.deepEqual(fixture.setAside, []);
    assert.deepEqual(await fixture.history.read([life.executionId]), [event.snapshot]);
    const { executions } = await fixture.history.list({ name: odd, limit: 5 });
    assert.deepEqual(
      executions.map((each) => each.name),
      [odd],
    );
    assert.deepEqual(executions[0]?.error, life.error);
    const letters = await fixture.history.deadLetters.list({ limit: 5, errorCode: odd.repeat(900) });
    assert.deepEqual(letters, event.kind === 'ended' ? event.deadLetters : undefined);
    assert.deepEqual(await fixture.history.deadLetters.list({ limit: 5, errorCode: odd.repeat(899) }), []);
    assert.deepEqual(await fixture.history.definition(plan.workflowId), plan.definition);
  });

  test('a lone surrogate in a name does not keep an execution from the record', async (context) => {
    const fixture = await recorded(context);
    const plan = planOf({ name: 'half \ud800', nodes: [{ id: 'n' }] });
    const executionId = idAt(START);
    await fixture.history.record([eventOf({ executionId, plan }, 'completed', 3)]);
    assert.deepEqual(fixture.setAside, []);
    const { executions } = await fixture.history.list({ name: 'half \ud800', limit: 5 });
    assert.deepEqual(
      executions.map((each) => each.executionId),
      [executionId],
    );
  });

  test('values of many megabytes are recorded, each in a batch of its own', async (context) => {
    const fixture = await recorded(context);
    const ids = [idAt(START), idAt(START), idAt(START)];
    const params = Buffer.from(JSON.stringify('x'.repeat(8 << 20)));
    const events = ids.map((executionId) => eventOf({ executionId, params }, 'completed', 3));
    await fixture.history.record(events);
    const rows = await fixture.query<{ transactions: number }>(
      'SELECT count(DISTINCT xmin::text)::int AS transactions FROM executions',
    );
    assert.equal(rows[0]?.transactions, 3);
    assert.deepEqual(
      (await fixture.history.read(ids)).map((each) => each?.params.length),
      ids.map(() => params.length),
    );
  });

  test('hosts that record the same and other partitions at once do not hold each other up', async (context) => {
    const first = await recorded(context);
    const hosts = [first];
    for (let count = 0; count < 3; count++)
      hosts.push(await recorded(context, { databaseUrl: first.databaseUrl }));
    const newest: OutboxEvent[] = [];
    const recordings = Array.from({ length: 12 }, (_, round) => {
      const ids = Array.from({ length: 20 }, (_, at) => idAt(START + round * DAY_MS, (at * 7 + round) % 16));
      const lives = ids.map((id) => lifeOf(id));
      newest.push(...lives.map((life) => life.at(-1) as OutboxEvent));
      const turned = round % 2 ? lives : [...lives].reverse();
      return hosts.map(({ history }, host) =>
        history.record(turned.map((life) => life[(round + host) % 7] as OutboxEvent)),
      );
    });
    await Promise.all(recordings.flat());
    await Promise.all(hosts.map(({ history }) => history.record(newest)));
    assert.deepEqual(
      await rowsOf(
        first,
        newest.map(({ snapshot }) => snapshot.executionId),
      ),
      expectedRows(newest),
    );
  });

  test('a record that the database refuses is set aside, and its neighbours are recorded', async (context) => {
    const fixture = await recorded(context);
    await fixture.query("ALTER TABLE executions ADD CHECK (name <> 'refused')");
    await fixture.query("ALTER TABLE unfinished ADD CHECK (name <> 'refused')");
    const bad = chainOf(2, { name: 'refused' });
    const events = Array.from({ length: 20 }, (_, at) =>
      eventOf(
        { executionId: idAt(START), ...((at === 3 || at === 16) && { plan: bad }) },
        at % 2 ? 'running' : 'completed',
        3,
      ),
    );
    await fixture.history.record(events);
    await fixture.history.record(events);
    const refused = [events[16], events[3]].map((event) => event?.snapshot.executionId as ExecutionId);
    assert.deepEqual(
      fixture.setAside.map(([id]) => id),
      [...refused, ...refused],
    );
    const aside = await fixture.query<{ id: ExecutionId; bytes: number }>(
      'SELECT execution_id AS id, octet_length(record) AS bytes FROM set_aside ORDER BY 1',
    );
    assert.deepEqual(
      aside.map((row) => row.id),
      [...refused].sort(),
    );
    assert.ok(aside.every((row) => row.bytes > 100));
    const found = await fixture.history.read(events.map(({ snapshot }) => snapshot.executionId));
    assert.equal(found.filter(Boolean).length, 18);
  });

  test('what cannot be written down at all is set aside too', async (context) => {
    const fixture = await recorded(context);
    const good = eventOf({ executionId: idAt(START) }, 'completed', 3);
    const failed = eventOf({ executionId: idAt(START) }, 'failed', 3);
    assert.ok(failed.kind === 'ended');
    const bad = {
      ...failed,
      deadLetters: failed.deadLetters.map((each) => ({ ...each, failedAt: -7 })),
    };
    await fixture.history.record([bad, good]);
    assert.deepEqual(
      fixture.setAside.map(([id]) => id),
      [bad.snapshot.executionId],
    );
    assert.deepEqual(await fixture.history.read([good.snapshot.executionId]), [good.snapshot]);
  });

  test('executions of any day are recorded, whatever the clock of who created them', async (context) => {
    const fixture = await recorded(context);
    const days = [
      0,
      86_400_000,
      Date.UTC(1971, 5, 1),
      Date.UTC(2100, 1, 28),
      Date.UTC(9999, 11, 31),
      Date.UTC(10_000, 0, 1),
      2 ** 48 - 1,
    ];
    const events = days.map((at) => eventOf({ executionId: idAt(at), finishedAt: START }, 'failed', 3));
    await fixture.history.record(events);
    assert.deepEqual(fixture.setAside, []);
    const found = await fixture.history.read(events.map(({ snapshot }) => snapshot.executionId));
    assert.deepEqual(
      found,
      events.map(({ snapshot }) => snapshot),
    );
    const { executions } = await fixture.history.list({ limit: 100, createdAfter: Date.UTC(2099, 0, 1) });
    assert.equal(executions.length, 4);
  });

  test('a time of creation that is not that of the id is recorded with the day of the id', async (context) => {
    const fixture = await recorded(context);
    const event = eventOf({ executionId: idAt(START), finishedAt: START }, 'completed', 3);
    const skewed = {
      ...event,
      snapshot: { ...event.snapshot, createdAt: START - 3 * DAY_MS },
    } as OutboxEvent;
    await fixture.history.record([skewed]);
    assert.deepEqual(await fixture.history.read([event.snapshot.executionId]), [skewed.snapshot]);
  });

  test('a day that another host has dropped is made again', async (context) => {
    const fixture = await recorded(context);
    await fixture.history.record([eventOf({ executionId: idAt(START) }, 'completed', 3)]);
    await fixture.query('DROP TABLE executions_20240101');
    const event = eventOf({ executionId: idAt(START) }, 'completed', 3);
    await fixture.history.record([event]);
    assert.deepEqual(await fixture.history.read([event.snapshot.executionId]), [event.snapshot]);
  });

  test('a dead letter that was deleted does not come back with a repetition of what told it', async (context) => {
    const fixture = await recorded(context);
    const event = eventOf({ executionId: idAt(START) }, 'failed', 3);
    await fixture.history.record([event]);
    const [letter] = await fixture.history.deadLetters.list({ limit: 5 });
    assert.ok(letter);
    assert.deepEqual(await fixture.history.deadLetters.read([letter.id, 'nonsense']), [letter, undefined]);
    assert.deepEqual(await fixture.history.deadLetters.remove([letter.id, letter.id]), [
      'deleted',
      'not_found',
    ]);
    await fixture.history.record([event]);
    assert.deepEqual(await fixture.history.deadLetters.list({ limit: 5 }), []);
  });
});

function expectedRows(newest: readonly OutboxEvent[]): Rows {
  const states: readonly ExecutionState[] = ['pending', 'running', 'completed', 'failed', 'cancelled'];
  const row = ({ snapshot: { executionId, revision, state } }: OutboxEvent): string =>
    `${executionId} ${revision} ${states.indexOf(state)}`;
  return {
    unfinished: newest
      .filter(({ snapshot }) => !hasEnded(snapshot.state))
      .map(row)
      .sort(),
    executions: newest
      .filter(({ snapshot }) => hasEnded(snapshot.state))
      .map(row)
      .sort(),
    letters: newest
      .flatMap((event) => (event.kind === 'ended' ? event.deadLetters : []))
      .map((letter) => `${letter.executionId} ${letter.failedAt}`)
      .sort(),
  };
}
