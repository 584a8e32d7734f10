import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import fc from 'fast-check';
import type { OutboxEvent } from '../../model/commands.js';
import { type ExecutionId, timeOfExecutionId } from '../../model/ids.js';
import type { ExecutionSummary } from '../../model/snapshot.js';
import { EXECUTION_STATES, type ExecutionState } from '../../model/states.js';
import { chainOf } from '../../testing/plan-fixtures.js';
import { PostgresForFile, type RecordFixture } from '../../testing/record-fixture.js';
import { eventOf, idAt } from '../../testing/recorded-life.js';
import type { ExecutionQuery, HistoryStore } from '../history-store.js';

const START = Date.UTC(2024, 0, 1, 23, 59, 59, 990);
const NAMES = ['a', 'b', 'c\\0'];
const postgres = new PostgresForFile();

/** A hot store of which the test says what it holds; told before each answer. */
class HotDouble {
  readonly held = new Map<ExecutionId, ExecutionState>();
  beforeAnswer: () => Promise<void> = async () => undefined;
  asked = 0;

  readonly summaries = async (ids: readonly ExecutionId[]): Promise<(ExecutionSummary | undefined)[]> => {
    this.asked += 1;
    await this.beforeAnswer();
    return ids.map((executionId) => {
      const state = this.held.get(executionId);
      return state && eventOf({ executionId }, state, 9).snapshot;
    });
  };
}

async function recordWithHot(
  context: TestContext,
): Promise<{ readonly fixture: RecordFixture; readonly hot: HotDouble }> {
  const hot = new HotDouble();
  return { fixture: await postgres.record(context, { hot: hot.summaries }), hot };
}

async function idsOf(history: HistoryStore, query: ExecutionQuery): Promise<ExecutionId[]> {
  return (await history.list(query)).executions.map((each) => each.executionId);
}

async function allPages(history: HistoryStore, query: ExecutionQuery): Promise<ExecutionId[]> {
  const found: ExecutionId[] = [];
  let before: ExecutionId | undefined;
  do {
    const page = await history.list({ ...query, ...(before && { before }) });
    assert.ok(page.executions.length <= query.limit);
    found.push(...page.executions.map((each) => each.executionId));
    before = page.next;
  } while (before);
  return found;
}

function matches({ snapshot }: OutboxEvent, query: ExecutionQuery): boolean {
  const { state, name, workflowId, createdAfter, createdBefore, before } = query;
  return (
    (state === undefined || snapshot.state === state) &&
    (name === undefined || snapshot.name === name) &&
    (workflowId === undefined || snapshot.workflowId === workflowId) &&
    (createdAfter === undefined || snapshot.createdAt > createdAfter) &&
    (createdBefore === undefined || snapshot.createdAt < createdBefore) &&
    (before === undefined || snapshot.executionId < before)
  );
}

describe('lists of the record', { skip: postgres.isSkipped }, () => {
  test('answer what a look at every execution would, whatever the filters and the size of a page', async (context) => {
    const { fixture, hot } = await recordWithHot(context);
    const executions = fc.array(
      fc.record({
        name: fc.nat(2),
        length: fc.integer({ min: 1, max: 2 }),
        state: fc.nat(4),
        at: fc.nat(20),
      }),
      { maxLength: 40 },
    );
    const filters = fc.record(
      {
        state: fc.constantFrom(...EXECUTION_STATES),
        name: fc.constantFrom(...NAMES, 'none'),
        workflow: fc.tuple(fc.nat(2), fc.integer({ min: 1, max: 3 })),
        after: fc.oneof(fc.nat(22), fc.constant(10.5)),
        before: fc.oneof(fc.nat(22), fc.constant(10.5)),
        from: fc.nat(39),
        limit: fc.integer({ min: 1, max: 9 }),
      },
      { requiredKeys: ['limit'] },
    );
    await fc.assert(
      fc.asyncProperty(
        executions,
        fc.array(filters, { minLength: 4, maxLength: 10 }),
        async (drawn, queries) => {
          await fixture.query('TRUNCATE executions, unfinished');
          hot.held.clear();
          const events = drawn.map(({ name, length, state, at }) => {
            const executionId = idAt(START + at);
            const plan = chainOf(length, { name: NAMES[name] ?? '' });
            return eventOf({ executionId, plan }, EXECUTION_STATES[state] ?? 'pending', 3);
          });
          await fixture.history.record(events);
          for (const { limit, from, after, before, state, name, workflow } of queries) {
            const cursor = from === undefined ? undefined : events[from]?.snapshot.executionId;
            const query: ExecutionQuery = {
              limit,
              ...(state && { state }),
              ...(name && { name }),
              ...(workflow && {
                workflowId: chainOf(workflow[1], { name: NAMES[workflow[0]] ?? '' }).workflowId,
              }),
              ...(after !== undefined && { createdAfter: START + after }),
              ...(before !== undefined && { createdBefore: START + before }),
            };
            const expected = events
              .filter((event) => matches(event, { ...query, ...(cursor && { before: cursor }) }))
              .map(({ snapshot }) => snapshot.executionId)
              .sort()
              .reverse();
            const first = await idsOf(fixture.history, { ...query, ...(cursor && { before: cursor }) });
            assert.deepEqual(first, expected.slice(0, limit));
            if (!cursor) assert.deepEqual(await allPages(fixture.history, query), expected);
          }
        },
      ),
      { numRuns: 40 },
    );
  });

  test('pages go on where the last one ended while executions arrive, end and are redriven', async (context) => {
    const { fixture } = await recordWithHot(context);
    const ids = Array.from({ length: 12 }, (_, at) => idAt(START + at));
    await fixture.history.record(
      ids.map((executionId, at) => eventOf({ executionId }, at % 2 ? 'failed' : 'running', 3)),
    );
    const seen: ExecutionId[] = [];
    let before: ExecutionId | undefined;
    for (let page = 0; page < 4; page++) {
      const found = await fixture.history.list({ limit: 3, ...(before && { before }) });
      seen.push(...found.executions.map((each) => each.executionId));
      before = found.next;
      await fixture.history.record([
        eventOf({ executionId: idAt(START + 100 + page) }, 'completed', 3),
        ...ids.map((executionId, at) =>
          eventOf({ executionId }, (at + page) % 2 ? 'running' : 'completed', 4 + page),
        ),
      ]);
    }
    assert.deepEqual(seen, [...ids].reverse());
  });

  test('an execution is on a page once and always while it moves between the tables', async (context) => {
    const { fixture } = await recordWithHot(context);
    const ids = Array.from({ length: 5 }, (_, at) => idAt(START + at));
    const record = (revision: number): Promise<void> =>
      fixture.history.record(
        ids.map((executionId) => eventOf({ executionId }, revision % 2 ? 'running' : 'failed', revision)),
      );
    await record(1);
    let isOver = false;
    const moving = (async () => {
      for (let revision = 2; revision < 200; revision++) await record(revision);
      isOver = true;
    })();
    let looks = 0;
    while (!isOver) {
      assert.deepEqual(await idsOf(fixture.history, { limit: 10 }), [...ids].reverse());
      assert.equal((await fixture.history.read(ids)).filter(Boolean).length, 5);
      looks += 1;
    }
    await moving;
    assert.ok(looks > 3, `only ${looks} looks`);
  });

  test('the hot store brings the states of unfinished ones up to date', async (context) => {
    const { fixture, hot } = await recordWithHot(context);
    const [parked, triggered, done] = [idAt(START), idAt(START + 1), idAt(START + 2)];
    await fixture.history.record([
      eventOf({ executionId: parked }, 'pending', 1),
      eventOf({ executionId: triggered }, 'pending', 1),
      eventOf({ executionId: done }, 'running', 2),
    ]);
    hot.held.set(triggered, 'running').set(done, 'completed');
    const { executions } = await fixture.history.list({ limit: 5 });
    assert.deepEqual(
      executions.map((each) => each.state),
      ['completed', 'running', 'pending'],
    );
    assert.deepEqual(await idsOf(fixture.history, { state: 'pending', limit: 5 }), [parked]);
    assert.deepEqual(await idsOf(fixture.history, { state: 'running', limit: 5 }), []);
  });

  test('one that is archived and leaves the hot store between the two reads is shown as it ended', async (context) => {
    const { fixture, hot } = await recordWithHot(context);
    const executionId = idAt(START);
    await fixture.history.record([eventOf({ executionId }, 'running', 2)]);
    hot.beforeAnswer = () => fixture.history.record([eventOf({ executionId }, 'completed', 3)]);
    const { executions } = await fixture.history.list({ limit: 5 });
    assert.deepEqual(
      executions.map((each) => each.state),
      ['completed'],
    );
  });

  test('one that is redriven between the two reads stands where it was read', async (context) => {
    const { fixture, hot } = await recordWithHot(context);
    const [failed, running] = [idAt(START), idAt(START + 1)];
    await fixture.history.record([
      eventOf({ executionId: failed }, 'failed', 3),
      eventOf({ executionId: running }, 'running', 2),
    ]);
    hot.held.set(running, 'running');
    hot.beforeAnswer = () => fixture.history.record([eventOf({ executionId: failed }, 'running', 4)]);
    assert.deepEqual(await idsOf(fixture.history, { limit: 5 }), [running, failed]);
  });

  test('a page stops looking after some rows that are in another state by now, and tells where the next begins', async (context) => {
    const { fixture, hot } = await recordWithHot(context);
    const ids = Array.from({ length: 3001 }, (_, at) => idAt(START + at));
    await fixture.history.record(ids.map((executionId) => eventOf({ executionId }, 'running', 2)));
    for (const id of ids) hot.held.set(id, 'completed');
    const [oldest] = ids;
    assert.ok(oldest);
    hot.held.set(oldest, 'running');
    const page = await fixture.history.list({ state: 'running', limit: 10 });
    assert.deepEqual(page.executions, []);
    assert.ok(page.next && timeOfExecutionId(page.next) > START);
    assert.ok(hot.asked <= 5);
    assert.deepEqual(await allPages(fixture.history, { state: 'running', limit: 10 }), [oldest]);
  });
});
