import assert from 'node:assert/strict';
import { after, before, describe, type TestContext, test } from 'node:test';
import { EngineFixture, SETUPS } from '../../testing/engine-fixture.js';
import { EventStream, type StreamEvent } from '../../testing/event-stream.js';

const isEnd = ({ name }: StreamEvent) => name === 'end';

/** Each id as its two numbers. */
function positionsOf(events: readonly StreamEvent[]): readonly (readonly [number, number])[] {
  return events.flatMap(({ id }) => {
    if (id === undefined) return [];
    const [revision, progress] = id.split('.').map(Number);
    return [[revision ?? 0, progress ?? 0] as const];
  });
}

/** The state that a client knows who has only listened. */
function stateAfter(events: readonly StreamEvent[]): { status: string; nodes: Record<string, string> } {
  const state: { status: string; nodes: Record<string, string> } = { status: '', nodes: {} };
  for (const { name, data } of events) {
    if (name === 'node') state.nodes[data.node_id] = data.status;
    else state.status = data.status;
    if (name === 'snapshot') state.nodes = { ...data.node_statuses };
  }
  return state;
}

for (const setup of SETUPS.filter(({ store }) => store === 'embedded')) {
  describe(`events of an execution (${setup.name})`, { concurrency: false }, () => {
    let engine: EngineFixture;
    before(async () => {
      engine = await EngineFixture.start({ setup, settings: { EVENTS_INTERVAL_MS: '50' } });
    });
    after(() => engine.close());

    const follow = async (context: TestContext, id: string, lastEventId?: string) => {
      const headers = lastEventId === undefined ? {} : { 'last-event-id': lastEventId };
      const stream = await EventStream.open(`${engine.url}/api/v1/workflow/${id}/events`, headers);
      context.after(() => stream.close());
      return stream;
    };

    test('from its submission to its end, with growing ids', async (t) => {
      const id = await engine.submit([
        { id: 'a', handler: 'gate', config: { gate: 'growing' } },
        { id: 'b', handler: 'echo', dependencies: ['a'] },
        { id: 'c', handler: 'echo', dependencies: ['a'], condition: 'no' },
      ]);
      const stream = await follow(t, id);
      const first = await stream.next();
      assert.equal(first?.name, 'snapshot');
      assert.deepEqual(first?.data.node_statuses, { a: 'PENDING', b: 'PENDING', c: 'PENDING' });
      await engine.trigger(id);
      const running = await stream.until(({ data }) => data.node_id === 'a' && data.state === 'RUNNING');
      await engine.journal.openGate('growing');
      const all = [first, ...running, ...(await stream.rest())];
      assert.deepEqual(stateAfter(all), {
        status: 'COMPLETED',
        nodes: { a: 'COMPLETED', b: 'COMPLETED', c: 'SKIPPED' },
      });
      assert.equal(all.at(-1)?.name, 'end');
      const positions = positionsOf(all);
      assert.deepEqual(
        positions,
        positions.toSorted(([a, x], [b, y]) => a - b || x - y),
      );
      assert.equal(new Set(positions.map(String)).size, positions.length);
    });

    test('a client that leaves and comes back misses nothing', async (t) => {
      const nodes = Array.from({ length: 12 }, (_, index) => ({
        ...{ id: `n${index}`, handler: 'pass' },
        ...(index > 0 && { dependencies: [`n${index - 1}`] }),
      }));
      const id = await engine.submit(nodes);
      const heard: StreamEvent[] = [];
      let lastEventId: string | undefined;
      await engine.trigger(id);
      while (!heard.some(isEnd)) {
        const stream = await follow(t, id, lastEventId);
        // The connection breaks wherever it may, also between events that share an id.
        for (let count = 0; count < 3; count++) {
          const event = await stream.next();
          if (!event) break;
          heard.push(event);
          lastEventId = event.id ?? lastEventId;
        }
        stream.close();
      }
      // Only one that ended while nobody listened is told as a whole again.
      const [, ...again] = heard.filter(({ name }) => name === 'snapshot');
      assert.ok(again.every(({ data }) => data.status === 'COMPLETED'));
      const { status, node_statuses } = await engine.status(id);
      assert.deepEqual(stateAfter(heard), { status, nodes: node_statuses });
      assert.equal((await follow(t, id, lastEventId)).status, 204);
    });

    test('tells the error of a failure, of retries their waits, and of a redriven execution its new end', async (t) => {
      const id = await engine.submit([
        { id: 'f', handler: 'flaky', config: { failures: 1 } },
        { id: 'r', handler: 'refuse', dependencies: ['f'] },
      ]);
      const stream = await follow(t, id);
      await engine.trigger(id);
      const events = await stream.rest();
      const failed = events.find(({ name, data }) => name === 'node' && data.status === 'FAILED');
      assert.equal(failed?.data.error.error_code, 'REFUSED');
      const end = events.at(-1);
      assert.deepEqual(
        [end?.name, end?.data.status, end?.data.error.error_code],
        ['end', 'FAILED', 'REFUSED'],
      );
      assert.equal(events.findLast(({ data }) => data.node_id === 'f')?.data.attempt, 2);

      const [letter] = await engine.deadLetters(id);
      await engine.call('POST', `/api/v1/admin/dlq/${letter?.id}/retry`);
      const second = await follow(t, id, end?.id);
      const later = await second.rest();
      assert.equal(later.at(-1)?.data.status, 'FAILED');
      assert.ok((positionsOf(later).at(-1)?.[0] ?? 0) > (positionsOf(events).at(-1)?.[0] ?? 0));
    });

    test('many follow many executions, and all hear the end', { timeout: 120_000 }, async (t) => {
      const ids = await Promise.all(
        Array.from({ length: 10 }, () =>
          engine.begin([{ id: 'g', handler: 'gate', config: { gate: 'many' } }]),
        ),
      );
      const streams = await Promise.all(ids.flatMap((id) => Array.from({ length: 30 }, () => follow(t, id))));
      for (const stream of streams) await stream.next();
      await engine.journal.openGate('many');
      for (const stream of streams) assert.equal((await stream.rest()).at(-1)?.data.status, 'COMPLETED');
    });

    test('end without an end event when the engine stops, for the client to come back elsewhere', async (t) => {
      const stopping = await EngineFixture.start({ setup });
      t.after(() => stopping.close());
      const id = await stopping.submit([{ id: 'a', handler: 'echo' }]);
      const stream = await EventStream.open(`${stopping.url}/api/v1/workflow/${id}/events`);
      await stream.next();
      const [events] = await Promise.all([stream.rest(), stopping.stop()]);
      assert.deepEqual(events, []);
    });
  });
}
