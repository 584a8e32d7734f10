import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MillraceClient } from './millrace-client.js';
import { MillraceError } from './millrace-error.js';
import { answer, deadUrl, hangUp, scriptedHost, silence } from './testing/scripted-host.js';

const SUBMISSION = { name: 'one', dag: { nodes: [{ id: 'a', handler: 'echo' }] } };
const SUBMITTED = { workflow_id: 'w', execution_id: 'e', message: 'Workflow submitted successfully' };
const UNAVAILABLE = {
  error: { message: 'the store is away', error_code: 'STORE_UNAVAILABLE', context: {} },
  detail: 'the store is away',
};

const failsWith = (fields: Partial<MillraceError>) => (error: unknown) => {
  assert.ok(error instanceof MillraceError, String(error));
  for (const [name, value] of Object.entries(fields))
    assert.deepEqual(error[name as keyof MillraceError], value, name);
  return true;
};

describe('hosts', () => {
  test('one that refuses the connection is left for the next, which is kept', async (t) => {
    const alive = await scriptedHost(t, answer(201, SUBMITTED));
    const client = new MillraceClient({ url: [await deadUrl(), alive.url], retryForMs: 0 });
    assert.deepEqual(await client.submit(SUBMISSION), SUBMITTED);
    assert.deepEqual(await client.submit(SUBMISSION), SUBMITTED);
    assert.equal(alive.heard.length, 2);
  });

  test('one that answers 503 is left at once, however long it asks to wait', async (t) => {
    const away = await scriptedHost(t, answer(503, UNAVAILABLE, { 'retry-after': '3600' }));
    const alive = await scriptedHost(
      t,
      answer(200, { execution_id: 'e', message: 'Workflow execution triggered' }),
    );
    const client = new MillraceClient({ url: [away.url, alive.url] });
    await client.trigger('e');
    await client.trigger('e');
    assert.deepEqual([away.heard.length, alive.heard.length], [1, 2]);
  });

  test('where all are away the last failure is told, once the time is over', async (t) => {
    const away = await scriptedHost(t, answer(503, UNAVAILABLE, { 'x-request-id': 'r-1' }));
    const client = new MillraceClient({ url: [away.url, away.url], retryForMs: 0 });
    const told = { code: 'STORE_UNAVAILABLE', status: 503, message: 'the store is away', requestId: 'r-1' };
    await assert.rejects(client.stats(), failsWith(told));
    assert.equal(away.heard.length, 2);
    const nowhere = new MillraceClient({ url: await deadUrl(), retryForMs: 0 });
    await assert.rejects(nowhere.stats(), failsWith({ code: 'UNREACHABLE', status: undefined }));
  });

  test('a URL that is none is refused where it is written', () => {
    for (const url of ['localhost:8000', 'redis://a', '', []]) {
      assert.throws(() => new MillraceClient({ url }), TypeError);
    }
  });

  test('a base path, the key and the headers are sent', async (t) => {
    const host = await scriptedHost(t, answer(200, '# metrics\n'));
    const client = new MillraceClient({
      url: `${host.url}/behind/a/proxy/`,
      apiKey: 'secret',
      headers: { 'x-request-id': 'mine' },
    });
    assert.equal(await client.metrics(), '# metrics\n');
    const [{ path, headers } = assert.fail()] = host.heard;
    assert.deepEqual(
      [path, headers.authorization, headers['x-request-id']],
      ['/behind/a/proxy/metrics', 'Bearer secret', 'mine'],
    );
  });
});

describe('repetitions', () => {
  test('a submission whose answer was lost is sent again with the same key', async (t) => {
    const host = await scriptedHost(t, hangUp, hangUp, answer(201, SUBMITTED));
    const client = new MillraceClient({ url: host.url });
    assert.deepEqual(await client.submit(SUBMISSION), SUBMITTED);
    const keys = host.heard.map(({ headers }) => headers['idempotency-key']);
    assert.equal(keys.length, 3);
    assert.equal(new Set(keys).size, 1);
    assert.match(String(keys[0]), /^[0-9a-f-]{36}$/);
    await client.rerun('w');
    assert.notEqual(host.heard[3]?.headers['idempotency-key'], keys[0]);
  });

  test('the items of a batch keep their keys, and get the one that they lack', async (t) => {
    const results = [SUBMITTED, { detail: 'Rate limit exceeded. Retry after 3 seconds.' }];
    const host = await scriptedHost(t, hangUp, answer(200, { results }));
    const client = new MillraceClient({ url: host.url });
    const answers = await client.submitBatch([{ ...SUBMISSION, idempotency_key: 'mine' }, SUBMISSION]);
    assert.deepEqual(answers[0], { ok: true, value: SUBMITTED });
    assert.equal(answers[1]?.ok === false && answers[1].error.code, 'RATE_LIMITED');
    const [first, second] = host.heard.map(({ body }) => JSON.parse(body));
    assert.deepEqual(first, second);
    assert.equal(first[0].idempotency_key, 'mine');
    assert.match(first[1].idempotency_key, /^[0-9a-f-]{36}$/);
  });

  test('a submission without a key, and a retry of a dead letter, are not sent again once they may have arrived', async (t) => {
    const host = await scriptedHost(t, hangUp);
    const client = new MillraceClient({ url: [host.url, host.url] });
    const lost = failsWith({ code: 'UNREACHABLE' });
    await assert.rejects(client.submit(SUBMISSION, { idempotencyKey: null }), lost);
    await assert.rejects(client.retryDeadLetter('7'), lost);
    await assert.rejects(client.deleteDeadLetter('7'), lost);
    assert.equal(host.heard.length, 3);
    assert.equal(host.heard[0]?.headers['idempotency-key'], undefined);
  });

  test('but where the connection was refused they are', async (t) => {
    const host = await scriptedHost(t, answer(201, SUBMITTED));
    const client = new MillraceClient({ url: [await deadUrl(), host.url] });
    assert.deepEqual(await client.submit(SUBMISSION, { idempotencyKey: null }), SUBMITTED);
  });

  test('429 is waited for as long as it says, on the same host', async (t) => {
    const limited = answer(
      429,
      { detail: 'Rate limit exceeded. Retry after 1 seconds.' },
      { 'retry-after': '1' },
    );
    const host = await scriptedHost(t, limited, answer(201, SUBMITTED));
    const other = await scriptedHost(t, answer(201, SUBMITTED));
    const client = new MillraceClient({ url: [host.url, other.url] });
    const began = performance.now();
    await client.submit(SUBMISSION);
    assert.ok(performance.now() - began >= 990);
    assert.deepEqual([host.heard.length, other.heard.length], [2, 0]);
  });

  test('what would have to wait longer than the time that is left fails at once', async (t) => {
    const limited = answer(
      429,
      { detail: 'Rate limit exceeded. Retry after 60 seconds.' },
      { 'retry-after': '60' },
    );
    const host = await scriptedHost(t, limited);
    const client = new MillraceClient({ url: host.url, retryForMs: 10_000 });
    const told = { code: 'RATE_LIMITED', status: 429, retryAfterSeconds: 60 };
    await assert.rejects(client.submit(SUBMISSION), failsWith(told));
    assert.equal(host.heard.length, 1);
  });

  test('a refusal is final', async (t) => {
    const context = { errors: [{ path: '/dag/nodes/0/handler', message: 'is required', type: 'missing' }] };
    const body = { error: { message: 'wrong', error_code: 'VALIDATION_ERROR', context }, detail: [] };
    const host = await scriptedHost(t, answer(422, body));
    const client = new MillraceClient({ url: host.url });
    const told = { code: 'VALIDATION_ERROR', status: 422, context, pointers: ['/dag/nodes/0/handler'] };
    await assert.rejects(client.submit(SUBMISSION), failsWith(told));
    assert.equal(host.heard.length, 1);
  });

  test('what is no answer of this API is told as such', async (t) => {
    const host = await scriptedHost(t, answer(404, '<html>nginx</html>'), answer(200, '<html>nginx</html>'));
    const client = new MillraceClient({ url: host.url });
    await assert.rejects(client.stats(), failsWith({ code: 'BAD_ANSWER', status: 404 }));
    await assert.rejects(client.stats(), failsWith({ code: 'BAD_ANSWER', status: 200 }));
  });
});

describe('bounds', () => {
  test('a host that does not answer in time is left for the next', async (t) => {
    const silent = await scriptedHost(t, silence);
    const alive = await scriptedHost(t, answer(200, { status: 'alive' }));
    const client = new MillraceClient({ url: [silent.url, alive.url], timeoutMs: 200 });
    assert.deepEqual(await client.liveness(), { status: 'alive' });
    const alone = new MillraceClient({ url: silent.url, timeoutMs: 50, retryForMs: 0 });
    await assert.rejects(alone.liveness(), failsWith({ code: 'TIMEOUT' }));
  });

  test('a signal ends a call, and the wait for the next try, with its reason', async (t) => {
    const silent = await scriptedHost(t, silence);
    const client = new MillraceClient({ url: silent.url });
    const controller = new AbortController();
    const reason = new Error('enough');
    const call = client.liveness({ signal: controller.signal });
    controller.abort(reason);
    await assert.rejects(call, reason);
    await assert.rejects(client.liveness({ signal: controller.signal }), reason);
    const away = await scriptedHost(t, answer(503, UNAVAILABLE, { 'retry-after': '20' }));
    const later = new AbortController();
    const waiting = new MillraceClient({ url: away.url }).stats({ signal: later.signal });
    setImmediate(() => later.abort(reason));
    await assert.rejects(waiting, reason);
  });

  test('a wait ends with TIMEOUT where the execution does not end', async (t) => {
    const host = await scriptedHost(t, answer(200, { execution_id: 'e', status: 'RUNNING' }));
    const client = new MillraceClient({ url: host.url });
    await assert.rejects(client.wait('e', { withinMs: 30 }), failsWith({ code: 'TIMEOUT' }));
    assert.match(host.heard[0]?.path ?? '', /^\/api\/v1\/workflow\/e\?wait=0\.0\d+$/);
  });
});
