import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ExecutionEvent } from './contract-types.js';
import { MillraceClient } from './millrace-client.js';
import { answer, hangUp, scriptedHost, type Turn } from './testing/scripted-host.js';

const event = (type: string, id: string | undefined, data: unknown = {}) =>
  `event: ${type}\n${id === undefined ? '' : `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`;

function stream(text: string, end: 'end' | 'break' | 'stay'): Turn {
  return (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(`:\n\n${text}`, () => {
      if (end === 'end') response.end();
      if (end === 'break') response.destroy();
    });
  };
}

async function collect(events: AsyncIterable<ExecutionEvent>): Promise<string[]> {
  const told: string[] = [];
  for await (const { type, id } of events) told.push(`${type} ${id}`);
  return told;
}

test('a stream that breaks goes on from the last id, on the next host, until the end', async (t) => {
  const first = await scriptedHost(
    t,
    stream(event('snapshot', '1.0') + event('node', undefined) + event('news', '1.5'), 'break'),
  );
  const second = await scriptedHost(
    t,
    hangUp,
    stream(event('node', '1.1'), 'end'),
    stream(event('end', '2.0'), 'stay'),
  );
  const client = new MillraceClient({ url: [first.url, second.url] });
  // The first host is asked again when the second one hangs up or ends its stream: it tells its beginning again.
  const told = await collect(client.events('e', { lastEventId: '0.9' }));
  assert.equal(told.at(-1), 'end 2.0');
  assert.deepEqual(told.slice(0, 2), ['snapshot 1.0', 'node undefined']);
  assert.ok(told.includes('node 1.1'));
  assert.ok(!told.some((each) => each.startsWith('news')));
  const positions = [...first.heard, ...second.heard].map(({ headers }) => headers['last-event-id']);
  assert.equal(positions[0], '0.9');
  assert.equal(second.heard[0]?.headers['last-event-id'], '1.0');
});

test('an execution whose end was heard has no further event', async (t) => {
  const host = await scriptedHost(t, (response) => void response.writeHead(204).end());
  const client = new MillraceClient({ url: host.url });
  assert.deepEqual(await collect(client.events('e', { lastEventId: '9.9' })), []);
});

test('a refusal ends it, and so does a signal', async (t) => {
  const body = { error: { message: 'no', error_code: 'EXECUTION_NOT_FOUND', context: {} }, detail: 'no' };
  const host = await scriptedHost(t, answer(404, body), stream(event('snapshot', '1.0'), 'stay'));
  const client = new MillraceClient({ url: host.url });
  await assert.rejects(collect(client.events('e')), { code: 'EXECUTION_NOT_FOUND' });
  const controller = new AbortController();
  const reason = new Error('enough');
  const events = client.events('e', { signal: controller.signal });
  assert.equal((await events.next()).value?.type, 'snapshot');
  controller.abort(reason);
  await assert.rejects(events.next(), reason);
});

test('who stops listening closes the connection', async (t) => {
  let closed: () => void = () => undefined;
  const isClosed = new Promise<void>((resolve) => {
    closed = resolve;
  });
  const host = await scriptedHost(t, (response, request) => {
    response.on('close', closed);
    stream(event('snapshot', '1.0'), 'stay')(response, request);
  });
  for await (const { type } of new MillraceClient({ url: host.url }).events('e')) {
    assert.equal(type, 'snapshot');
    break;
  }
  await isClosed;
});
