import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ExecutionId } from '../../model/ids.js';
import { chainOf } from '../../testing/plan-fixtures.js';
import {
  DAY_MS,
  PENDING_TTL_MS,
  PostgresForFile,
  RETENTION_MS,
  type RecordFixture,
} from '../../testing/record-fixture.js';
import { eventOf, idAt } from '../../testing/recorded-life.js';
import { SimulatedClock } from '../../testing/simulated-clock.js';

const START = Date.UTC(2024, 0, 1, 12);
const postgres = new PostgresForFile();

async function remaining({ history }: RecordFixture, ids: readonly ExecutionId[]): Promise<ExecutionId[]> {
  return (await history.read(ids)).flatMap((snapshot) => snapshot?.executionId ?? []);
}

async function daysOf({ query }: RecordFixture): Promise<string[]> {
  const rows = await query<{ name: string }>(
    "SELECT c.relname AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'executions'::regclass ORDER BY 1",
  );
  return rows.map((row) => row.name);
}

describe('retention', { skip: postgres.isSkipped }, () => {
  test('a day goes once it is past the retention, with its dead letters, and nothing else', async (context) => {
    const clock = new SimulatedClock({ startMs: START });
    const fixture = await postgres.record(context, { clock });
    const old = [0, 1, 2].map((hour) => idAt(START + hour * 3_600_000));
    const next = idAt(START + DAY_MS);
    const open = idAt(START);
    await fixture.history.record([
      ...old.map((executionId) => eventOf({ executionId }, 'failed', 3)),
      eventOf({ executionId: next }, 'failed', 3),
      eventOf({ executionId: open }, 'running', 2),
    ]);
    clock.advance(RETENTION_MS + DAY_MS / 2 - 1);
    assert.equal(await fixture.history.sweep(), 0);
    assert.deepEqual(await remaining(fixture, old), old);
    clock.advance(2);
    assert.equal(await fixture.history.sweep(), 3);
    assert.deepEqual(await remaining(fixture, [...old, next, open]), [next, open]);
    assert.deepEqual(
      (await fixture.history.deadLetters.list({ limit: 10 })).map((letter) => letter.executionId),
      [next],
    );
    assert.deepEqual(await daysOf(fixture), ['executions_20240102']);
    assert.equal(await fixture.history.sweep(), 0);
  });

  test('what ends long after its creation is kept for the retention from its end', async (context) => {
    const clock = new SimulatedClock({ startMs: START });
    const fixture = await postgres.record(context, { clock });
    const [prompt, late, later] = [idAt(START), idAt(START), idAt(START)];
    await fixture.history.record([
      eventOf({ executionId: prompt }, 'completed', 3),
      eventOf({ executionId: late, finishedAt: START + 20 * DAY_MS }, 'completed', 3),
    ]);
    clock.advance(RETENTION_MS + DAY_MS);
    assert.equal(await fixture.history.sweep(), 1);
    await fixture.history.record([eventOf({ executionId: later, finishedAt: clock.now() }, 'completed', 3)]);
    assert.equal(await fixture.history.sweep(), 0);
    const listed = await fixture.history.list({ limit: 10 });
    assert.equal(listed.executions.length, 2);
    clock.advance(20 * DAY_MS);
    assert.equal(await fixture.history.sweep(), 1);
    assert.deepEqual(await remaining(fixture, [prompt, late, later]), [later]);
    clock.advance(11 * DAY_MS);
    assert.equal(await fixture.history.sweep(), 1);
    assert.ok(!(await daysOf(fixture)).includes('executions_20240101'));
  });

  test('executions that nobody triggers are cancelled in time, but for those that the hot store holds', async (context) => {
    const clock = new SimulatedClock({ startMs: START });
    const ids = Array.from({ length: 1203 }, (_, at) => idAt(START + at));
    const held = new Set([ids[5], ids[1100]]);
    const hot = async (asked: readonly ExecutionId[]) =>
      asked.map((id) =>
        held.has(id) ? { ...eventOf({ executionId: id }, 'pending', 1).snapshot } : undefined,
      );
    const fixture = await postgres.record(context, { clock, hot });
    const young = idAt(START + DAY_MS);
    const running = idAt(START);
    await fixture.history.record([
      ...[...ids, young].map((executionId) => eventOf({ executionId }, 'pending', 1)),
      eventOf({ executionId: running }, 'running', 2),
    ]);
    clock.advance(PENDING_TTL_MS);
    await fixture.history.sweep();
    assert.equal((await fixture.history.list({ state: 'cancelled', limit: 10 })).executions.length, 0);
    clock.advance(DAY_MS / 2);
    await fixture.history.sweep();
    const found = await fixture.history.read([...ids, young, running]);
    for (const snapshot of found) {
      assert.ok(snapshot);
      const { executionId, state, error, finishedAt } = snapshot;
      const isOpen = held.has(executionId) || executionId === young || executionId === running;
      assert.equal(state, isOpen ? (executionId === running ? 'running' : 'pending') : 'cancelled');
      if (!isOpen) assert.deepEqual([error?.code, finishedAt], ['TRIGGER_EXPIRED', clock.now()]);
    }
    // It lasts as long as any other end does.
    clock.advance(RETENTION_MS - DAY_MS);
    await fixture.history.sweep();
    const counted = await fixture.query<{ count: number }>('SELECT count(*)::int AS count FROM executions');
    assert.equal(counted[0]?.count, ids.length - held.size + 1);
  });

  test('a definition goes when nothing uses it and a day has passed', async (context) => {
    const clock = new SimulatedClock({ startMs: START });
    const fixture = await postgres.record(context, { clock });
    const [ended, unfinished, again] = ['ended', 'unfinished', 'again'].map((name) => chainOf(2, { name }));
    assert.ok(ended && unfinished && again);
    await fixture.history.record([
      eventOf({ executionId: idAt(START), plan: ended }, 'completed', 3),
      eventOf({ executionId: idAt(START), plan: unfinished }, 'running', 2),
      eventOf({ executionId: idAt(START), plan: again }, 'completed', 3),
    ]);
    clock.advance(RETENTION_MS + DAY_MS);
    await fixture.history.record([eventOf({ executionId: idAt(clock.now()), plan: again }, 'completed', 3)]);
    await fixture.history.sweep();
    const known = await Promise.all(
      [ended, unfinished, again].map(({ workflowId }) => fixture.history.definition(workflowId)),
    );
    assert.deepEqual(known, [undefined, unfinished.definition, again.definition]);
    // The host that removed it writes it again with the next execution.
    await fixture.history.record([eventOf({ executionId: idAt(clock.now()), plan: ended }, 'completed', 3)]);
    assert.deepEqual(await fixture.history.definition(ended.workflowId), ended.definition);
  });

  test('hosts that sweep at once do not get in each other’s way, nor in that of who records', async (context) => {
    const clock = new SimulatedClock({ startMs: START });
    const first = await postgres.record(context, { clock });
    const hosts = [first];
    for (let count = 0; count < 3; count++)
      hosts.push(await postgres.record(context, { clock, databaseUrl: first.databaseUrl }));
    const days = Array.from({ length: 10 }, (_, day) => START + day * DAY_MS);
    await first.history.record(days.map((at) => eventOf({ executionId: idAt(at) }, 'failed', 3)));
    clock.advance(RETENTION_MS + 8 * DAY_MS);
    const fresh = days.map((_, at) => eventOf({ executionId: idAt(clock.now(), at) }, 'completed', 3));
    const removed = Promise.all(hosts.map(({ history }) => history.sweep()));
    await Promise.all(fresh.map((event, at) => hosts[at % 4]?.history.record([event])));
    assert.equal(
      (await removed).reduce((sum, each) => sum + each, 0),
      8,
    );
    const found = await remaining(
      first,
      fresh.map(({ snapshot }) => snapshot.executionId),
    );
    assert.equal(found.length, fresh.length);
  });
});
