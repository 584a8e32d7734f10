import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { describe, type TestContext, test } from 'node:test';
import type { ExecutionId } from '../model/ids.js';
import type { NodeSnapshot } from '../model/snapshot.js';
import type { NodeState } from '../model/states.js';
import { EventStream, type StreamEvent } from '../testing/event-stream.js';
import { poll } from '../testing/poll.js';
import { BACKENDS, type Backend } from './testing/backends.js';
import { assertError, submit, UNKNOWN_ID } from './testing/fixtures.js';
import { type ServedApi, serveApi } from './testing/served-api.js';

const node = (state: NodeState, fence = 1): NodeSnapshot => ({ state, fence, attempt: fence, deliveries: 0 });
const short = ({ name, id, data }: StreamEvent) => [name, data.node_id ?? '', data.status, id];

interface Served {
  readonly api: ServedApi;
  readonly id: ExecutionId;
  readonly path: string;
  follow(lastEventId?: string): Promise<EventStream>;
}

async function serve(
  context: TestContext,
  backend: Backend,
  settings: Record<string, string> = {},
): Promise<Served> {
  const api = await serveApi(context, backend, settings);
  const id = await submit(api);
  const path = `/api/v1/workflow/${id}/events`;
  const follow = async (lastEventId?: string) => {
    const headers = lastEventId === undefined ? {} : { 'last-event-id': lastEventId };
    const stream = await EventStream.open(api.url + path, headers);
    context.after(() => stream.close());
    return stream;
  };
  return { api, id, path, follow };
}

for (const backend of BACKENDS) {
  describe(`events of an execution: ${backend.name}`, () => {
    test('begin with a snapshot, tell each change, and end with the execution', async (t) => {
      const { api, id, follow } = await serve(t, backend);
      const stream = await follow();
      assert.equal(stream.status, 200);
      assert.equal(stream.headers['content-type'], 'text/event-stream');
      assert.equal(stream.headers['cache-control'], 'no-store');
      const first = await stream.next();
      assert.deepEqual(first && [first.name, first.id, first.data.status], ['snapshot', '1.0', 'PENDING']);
      api.engine.change(id, { state: 'running', revision: 2, nodes: [node('ready', 0), node('pending', 0)] });
      api.engine.change(id, { nodes: [node('running'), node('pending', 0)] });
      api.engine.change(id, { nodes: [node('completed'), node('ready', 0)] });
      api.engine.change(id, { state: 'failed', revision: 3, nodes: [node('completed'), node('failed')] });
      assert.deepEqual((await stream.rest()).map(short), [
        ['execution', '', 'RUNNING', undefined],
        ['node', 'a', 'PENDING', '2.2'],
        ['node', 'a', 'RUNNING', '2.4'],
        ['node', 'a', 'COMPLETED', undefined],
        ['node', 'b', 'PENDING', '2.9'],
        ['node', 'b', 'FAILED', undefined],
        ['end', '', 'FAILED', '3.14'],
      ]);
    });

    test('go on from Last-Event-ID, and from a snapshot where it is not known', async (t) => {
      const { api, id, follow } = await serve(t, backend);
      const first = await follow();
      await first.next();
      api.engine.change(id, { state: 'running', revision: 2, nodes: [node('running'), node('pending', 0)] });
      api.engine.change(id, { nodes: [node('completed'), node('ready', 0)] });
      await first.until((event) => event.id === '2.9');
      first.close();

      const missed = await follow('2.4');
      assert.deepEqual((await missed.until((event) => event.id !== undefined)).map(short), [
        ['node', 'a', 'COMPLETED', undefined],
        ['node', 'b', 'PENDING', '2.9'],
      ]);
      const upToDate = await follow('2.9');
      const stranger = await follow('7.7');
      assert.deepEqual(short((await stranger.next()) as StreamEvent), ['snapshot', '', 'RUNNING', '2.9']);
      api.engine.change(id, { state: 'completed', revision: 3, nodes: [node('completed'), node('skipped')] });
      assert.deepEqual((await upToDate.rest()).map(short), [
        ['node', 'b', 'SKIPPED', undefined],
        ['end', '', 'COMPLETED', '3.14'],
      ]);
      assert.equal(api.engine.watches, 1);
    });

    test('of an ended execution are a snapshot and the end; who knows the end is told not to come back', async (t) => {
      const { api, id, follow } = await serve(t, backend);
      api.engine.change(id, { state: 'cancelled', revision: 2 });
      const late = await follow();
      assert.deepEqual((await late.rest()).map(short), [
        ['snapshot', '', 'CANCELLED', '2.0'],
        ['end', '', 'CANCELLED', '2.0'],
      ]);
      const informed = await follow('2.0');
      assert.equal(informed.status, 204);
      assert.deepEqual(await informed.rest(), []);
    });

    test('answer 404, HEAD and what the engine refuses as any other path', async (t) => {
      const { api, path } = await serve(t, backend);
      for (const unknown of [UNKNOWN_ID, 'nothing']) {
        assertError(await api.call('GET', `/api/v1/workflow/${unknown}/events`), 404, 'EXECUTION_NOT_FOUND');
      }
      const head = await api.call('HEAD', path);
      assert.equal(head.status, 200);
      assert.equal(head.headers.get('content-type'), 'text/event-stream');
      assertError(await api.call('POST', path), 405, 'METHOD_NOT_ALLOWED');
    });

    test('keep quiet streams open with comments', async (t) => {
      const { follow } = await serve(t, backend, { EVENTS_HEARTBEAT_SECONDS: '0.1' });
      const stream = await follow();
      await stream.next();
      const following = stream.rest();
      await poll('some comments', () => stream.comments > 3);
      stream.close();
      await following;
    });

    test('are refused past MAX_EVENT_STREAMS, and taken again when one has left', async (t) => {
      const { api, path, follow } = await serve(t, backend, { MAX_EVENT_STREAMS: '2' });
      const streams = [await follow(), await follow()];
      for (const stream of streams) await stream.next();
      const refused = await api.call('GET', path);
      assertError(refused, 503, 'OVERLOADED');
      assert.equal(refused.headers.get('retry-after'), '5');
      streams[0]?.close();
      const next = await poll('room for another', async () => {
        const stream = await follow();
        return stream.status === 200 && stream;
      });
      assert.equal((await next.next())?.name, 'snapshot');
    });

    test('cost one watch, however many follow', async (t) => {
      const { api, id, follow } = await serve(t, backend);
      const streams = await Promise.all(Array.from({ length: 200 }, () => follow()));
      for (const stream of streams) await stream.next();
      assert.equal(api.engine.watches, 1);
      api.engine.change(id, {
        state: 'completed',
        revision: 2,
        nodes: [node('completed'), node('completed')],
      });
      for (const stream of streams) assert.equal((await stream.rest()).at(-1)?.name, 'end');
      const stats = await poll('the streams to be gone', async () => {
        const { json } = await api.call('GET', '/api/v1/admin/stats');
        return json.event_streams === 0 && json;
      });
      assert.equal(stats.event_streams, 0);
    });

    test('are merged for a client that does not read, not kept for it', { timeout: 120_000 }, async (t) => {
      const { api, id, path } = await serve(t, backend, { EVENTS_HEARTBEAT_SECONDS: '0.2' });
      const socket = connect(api.port, '127.0.0.1');
      t.after(() => socket.destroy());
      socket.pause();
      socket.write(`GET ${path} HTTP/1.1\r\nHost: test\r\n\r\n`);
      await poll('the watch', () => api.engine.watching.has(id));
      const message = 'x'.repeat(100_000);
      const failed = { code: 'BROKEN', message, category: 'handler' } as const;
      let written = 0;
      for (let fence = 1; fence <= 1000; fence++) {
        api.engine.change(id, {
          state: 'running',
          revision: 2,
          nodes: [{ ...node('running', fence), error: failed }, node('pending', 0)],
        });
        written += message.length;
        if (fence % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      let received = 0;
      let tail = '';
      socket.on('data', (chunk) => {
        received += chunk.length;
        tail = (tail + chunk.toString('latin1')).slice(-4096);
      });
      socket.resume();
      await poll('the last state', () => tail.includes('event: snapshot\nid: 2.4000'));
      assert.ok(received < written / 2, `${received} of ${written} bytes were sent`);
      api.engine.change(id, {
        state: 'completed',
        revision: 3,
        nodes: [node('completed'), node('completed')],
      });
      await poll('the end', () => tail.includes('event: end'));
    });
  });
}
