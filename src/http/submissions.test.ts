import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { BACKENDS } from './testing/backends.js';
import { assertError, submit, UNKNOWN_ID, UUID, WORKFLOW } from './testing/fixtures.js';
import { RawConnection } from './testing/raw-connection.js';
import { type ApiReply, serveApi } from './testing/served-api.js';

for (const backend of BACKENDS) {
  describe(`submissions: ${backend.name}`, () => {
    test('accepts a workflow and answers its ids in the order of the contract', async (t) => {
      const api = await serveApi(t, backend);
      const reply = await api.call('POST', '/api/v1/workflow', WORKFLOW);
      assert.equal(reply.status, 201);
      assert.deepEqual(Object.keys(reply.json), ['workflow_id', 'execution_id', 'message']);
      assert.match(reply.json.workflow_id, UUID);
      assert.match(reply.json.execution_id, UUID);
      assert.equal(reply.json.message, 'Workflow submitted successfully');
      assert.equal(reply.headers.get('content-type'), 'application/json');
      assert.deepEqual(api.observed, ['POST /api/v1/workflow 201']);
      const [submission] = api.engine.submissions;
      assert.equal(submission?.trigger, false);
      assert.equal(submission?.plan.nodes.length, 2);
    });

    test('hands on trigger and params', async (t) => {
      const api = await serveApi(t, backend);
      await submit(api, { ...WORKFLOW, trigger: true, params: { n: 1 } });
      const [submission] = api.engine.submissions;
      assert.equal(submission?.trigger, true);
      assert.equal(Buffer.from(submission?.params ?? []).toString(), '{"n":1}');
    });

    test('answers the first reply again for the same key and body, 409 for another body', async (t) => {
      const api = await serveApi(t, backend);
      const key = { 'idempotency-key': 'order-17' };
      const first = await api.call('POST', '/api/v1/workflow', WORKFLOW, key);
      const again = await api.call('POST', '/api/v1/workflow', WORKFLOW, key);
      assert.equal(again.status, 201);
      assert.equal(again.text, first.text);
      assert.equal(api.engine.submissions.length, 1);
      const other = await api.call('POST', '/api/v1/workflow', { ...WORKFLOW, name: 'other' }, key);
      assertError(other, 409, 'IDEMPOTENCY_KEY_REUSED');
      const inBody = await api.call('POST', '/api/v1/workflow', { ...WORKFLOW, idempotency_key: 'order-18' });
      assert.equal(inBody.status, 201);
      assert.equal(api.engine.submissions.at(-1)?.idempotency?.key, 'order-18');
    });

    test('refuses an Idempotency-Key that is too long or not visible', async (t) => {
      const api = await serveApi(t, backend);
      for (const key of ['x'.repeat(256), 'a b']) {
        const reply = await api.call('POST', '/api/v1/workflow', WORKFLOW, { 'idempotency-key': key });
        assertError(reply, 422, 'VALIDATION_ERROR');
        assert.deepEqual(reply.json.detail[0].loc, ['header', 'Idempotency-Key']);
      }
      const longest = { 'idempotency-key': 'x'.repeat(255) };
      assert.equal((await api.call('POST', '/api/v1/workflow', WORKFLOW, longest)).status, 201);
    });

    test('lists everything that is wrong with the shape of a body', async (t) => {
      const api = await serveApi(t, backend);
      const reply = await api.call('POST', '/api/v1/workflow', {
        dag: { nodes: [{ id: 'a' }, { handler: 1, id: 'b' }] },
      });
      assertError(reply, 422, 'VALIDATION_ERROR');
      const paths = reply.json.error.context.errors.map((error: { path: string }) => error.path);
      assert.equal(paths.length, 3, reply.text);
      assert.deepEqual(
        reply.json.detail.map((row: { loc: unknown[] }) => row.loc).map((loc: unknown[]) => loc[0]),
        ['body', 'body', 'body'],
      );
      const handlerRow = reply.json.detail.find(
        (row: { loc: unknown[] }) => row.loc.join('/') === 'body/dag/nodes/1/handler',
      );
      assert.deepEqual(handlerRow.loc, ['body', 'dag', 'nodes', 1, 'handler']);
      assert.equal(typeof handlerRow.type, 'string');
      assert.equal(typeof handlerRow.msg, 'string');
    });

    test('tells the semantic errors apart', async (t) => {
      const api = await serveApi(t, backend);
      const node = (id: string, dependencies: string[] = [], config = {}) => ({
        id,
        handler: 'echo',
        dependencies,
        config,
      });
      const cases: readonly (readonly [string, object[]])[] = [
        ['EMPTY_WORKFLOW', []],
        ['DUPLICATE_NODE_ID', [node('a'), node('a')]],
        ['INVALID_NODE_REFERENCE', [node('a', ['ghost'])]],
        ['CYCLIC_DEPENDENCY', [node('a', ['b']), node('b', ['a'])]],
        ['INVALID_NODE', [node('params')]],
        ['INVALID_TEMPLATE_REFERENCE', [node('a', [], { x: '{{ b.y }}' }), node('b')]],
      ];
      for (const [code, nodes] of cases) {
        assertError(await api.call('POST', '/api/v1/workflow', { name: 'w', dag: { nodes } }), 400, code);
      }
    });

    test('refuses what is not JSON, with the place', async (t) => {
      const api = await serveApi(t, backend);
      const broken = await api.call('POST', '/api/v1/workflow', '{"name": "x",\n  oops}');
      assertError(broken, 400, 'MALFORMED_JSON');
      assert.deepEqual(broken.json.error.context, { position: 16, line: 2, column: 3 });
      const cut = await api.call('POST', '/api/v1/workflow', '{"name": ');
      assert.equal(cut.json.error.context.position, 9);
      assertError(await api.call('POST', '/api/v1/workflow', ''), 400, 'MALFORMED_JSON');
      assertError(await api.call('POST', '/api/v1/workflow'), 400, 'MALFORMED_JSON');
      const notUtf8 = Buffer.from([0x22, 0xff, 0xfe, 0x22]);
      assertError(await api.call('POST', '/api/v1/workflow', notUtf8), 400, 'MALFORMED_JSON');
      const deep = '['.repeat(200_000);
      assertError(await api.call('POST', '/api/v1/workflow', deep), 400, 'MALFORMED_JSON');
      const deepConfig = `${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}`;
      const nested = `{"name":"w","dag":{"nodes":[{"id":"a","handler":"echo","config":${deepConfig}}]}}`;
      assertError(await api.call('POST', '/api/v1/workflow', nested), 422, 'VALIDATION_ERROR');
    });

    test('takes JSON content types and none, and refuses others', async (t) => {
      const api = await serveApi(t, backend);
      const send = (type: string) =>
        api.call('POST', '/api/v1/workflow', JSON.stringify(WORKFLOW), { 'content-type': type });
      for (const type of ['application/json', 'Application/JSON; charset="UTF-8"']) {
        assert.equal((await send(type)).status, 201, type);
      }
      for (const type of ['text/plain', 'application/json; charset=latin1', 'application/x-ndjson']) {
        assertError(await send(type), 415, 'UNSUPPORTED_MEDIA_TYPE');
      }
      const coded = (coding: string) =>
        api.call('POST', '/api/v1/workflow', JSON.stringify(WORKFLOW), { 'content-encoding': coding });
      assert.equal((await coded('identity')).status, 201);
      assertError(await coded('gzip'), 415, 'UNSUPPORTED_MEDIA_TYPE');
      const body = JSON.stringify(WORKFLOW);
      const connection = await RawConnection.open(api.port);
      t.after(() => connection.destroy());
      connection.send(
        `POST /api/v1/workflow HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      );
      assert.equal((await connection.reply()).status, 201);
    });

    test('refuses a body over its limit with 413 and all headers', async (t) => {
      const api = await serveApi(t, backend, { MAX_BODY_BYTES: '1024', MAX_BATCH_BYTES: '4096' });
      const body = JSON.stringify({ ...WORKFLOW, name: 'x'.repeat(2000) });
      const reply = await api.call('POST', '/api/v1/workflow', body, { 'x-request-id': 'mine' });
      assertError(reply, 413, 'PAYLOAD_TOO_LARGE');
      assert.deepEqual(reply.json.error.context, { limit_bytes: 1024 });
      assert.equal(reply.headers.get('x-request-id'), 'mine');
      assert.ok(reply.headers.has('x-ratelimit-remaining'));
      assert.equal((await api.call('POST', '/api/v1/workflow/batch', `[${body}]`)).status, 200);
      const batch = await api.call('POST', '/api/v1/workflow/batch', `[${body},${body},${body}]`);
      assertError(batch, 413, 'PAYLOAD_TOO_LARGE');
      assert.deepEqual(batch.json.error.context, { limit_bytes: 4096 });
      assert.ok(batch.headers.has('x-ratelimit-remaining'));
    });

    test('hands callback_url on, of submissions, re-runs and items of batches alike', async (t) => {
      const api = await serveApi(t, backend);
      const asking = { ...WORKFLOW, callback_url: 'HTTPS://example.org/x' };
      const first = await api.call('POST', '/api/v1/workflow', asking);
      assert.equal(first.status, 201, first.text);
      await api.call('POST', '/api/v1/workflow/batch', [asking, WORKFLOW]);
      const again = `/api/v1/workflow/${first.json.workflow_id}/executions`;
      await api.call('POST', again, { callback_url: 'https://example.org/y' });
      assert.deepEqual(
        api.engine.submissions.map(({ callbackUrl }) => callbackUrl),
        ['https://example.org/x', 'https://example.org/x', undefined, 'https://example.org/y'],
      );
    });

    test('refuses a callback_url that no callback may go to, by its place', async (t) => {
      const api = await serveApi(t, backend);
      const callback_url = 'https://private.test/x';
      const reply = await api.call('POST', '/api/v1/workflow', { ...WORKFLOW, callback_url });
      assertError(reply, 422, 'VALIDATION_ERROR');
      assert.deepEqual(reply.json.detail[0].loc, ['body', 'callback_url']);
      assert.deepEqual(reply.json.error.context.errors[0].path, '/callback_url');
      assert.equal(api.engine.submissions.length, 0);
    });

    test('takes the last of two equal keys, and no prototype from the body', async (t) => {
      const api = await serveApi(t, backend);
      const nodes = '[{"id":"a","handler":"echo","config":{"__proto__":{"polluted":true}}}]';
      const reply = await api.call(
        'POST',
        '/api/v1/workflow',
        `{"name":"one","name":"two","__proto__":{"trigger":true},"dag":{"nodes":${nodes}}}`,
      );
      assert.equal(reply.status, 201, reply.text);
      assert.equal(api.engine.submissions[0]?.plan.name, 'two');
      assert.equal(api.engine.submissions[0]?.trigger, false);
      assert.equal(Reflect.get({}, 'polluted'), undefined);
    });

    test('runs a known workflow again', async (t) => {
      const api = await serveApi(t, backend);
      await submit(api);
      const workflowId = api.engine.submissions[0]?.plan.workflowId;
      const path = `/api/v1/workflow/${workflowId}/executions`;
      const reply = await api.call('POST', path, { params: { n: 2 }, trigger: true });
      assert.equal(reply.status, 201);
      assert.equal(reply.json.workflow_id, workflowId);
      assert.equal(api.engine.submissions[1]?.trigger, true);
      assert.equal(Buffer.from(api.engine.submissions[1]?.params ?? []).toString(), '{"n":2}');
      assert.equal((await api.call('POST', path)).status, 201);
      assertError(
        await api.call('POST', `/api/v1/workflow/${UNKNOWN_ID}/executions`),
        404,
        'WORKFLOW_NOT_FOUND',
      );
      assertError(await api.call('POST', '/api/v1/workflow/nonsense/executions'), 404, 'WORKFLOW_NOT_FOUND');
      assertError(await api.call('POST', path, { params: [] }), 422, 'VALIDATION_ERROR');
    });
  });

  describe(`batches: ${backend.name}`, () => {
    test('answers one result or error for each item, in order, from an array and from lines', async (t) => {
      const api = await serveApi(t, backend);
      const items = [WORKFLOW, { name: 'no dag' }, { ...WORKFLOW, name: 'third' }];
      const array = JSON.stringify(items, null, 2);
      const lines = items.map((item) => JSON.stringify(item)).join('\r\n\n');
      for (const [body, type] of [
        [array, 'application/json'],
        [lines, 'application/x-ndjson'],
        [lines, 'application/json'],
      ] as const) {
        const reply = await api.call('POST', '/api/v1/workflow/batch', body, { 'content-type': type });
        assert.equal(reply.status, 200, reply.text);
        const [first, second, third] = reply.json.results;
        assert.equal(reply.json.results.length, 3);
        assert.deepEqual(Object.keys(first), ['workflow_id', 'execution_id', 'message']);
        assert.equal(second.error.error_code, 'VALIDATION_ERROR');
        assert.deepEqual(second.detail[0].loc, ['body', 'dag']);
        assert.match(third.execution_id, UUID);
      }
      await api.call('POST', '/api/v1/workflow/batch', [{ ...WORKFLOW, idempotency_key: 'k' }]);
      assert.equal(api.engine.submissions.at(-1)?.idempotency?.key, 'k');
    });

    test('a broken line stands for itself, a broken element for its array', async (t) => {
      const api = await serveApi(t, backend);
      const good = JSON.stringify(WORKFLOW);
      const lines = await api.call('POST', '/api/v1/workflow/batch', `${good}\n{oops}\n${good}`);
      assert.equal(lines.status, 200);
      assert.deepEqual(
        lines.json.results.map((item: { error?: { error_code: string } }) => item.error?.error_code),
        [undefined, 'MALFORMED_JSON', undefined],
      );
      const before = api.engine.submissions.length;
      for (const body of [`[${good},{oops}]`, `[${good}`, `[${good},]`, `[${good}] x`, `[${good} ${good}]`]) {
        assertError(await api.call('POST', '/api/v1/workflow/batch', body), 400, 'MALFORMED_JSON');
      }
      assert.equal(api.engine.submissions.length, before);
    });

    test('takes at most 1,000 items, and none at all', async (t) => {
      const api = await serveApi(t, backend);
      const batch = (count: number) => `[${Array(count).fill(JSON.stringify(WORKFLOW)).join(',')}]`;
      assert.equal((await api.call('POST', '/api/v1/workflow/batch', batch(1000))).json.results.length, 1000);
      assertError(await api.call('POST', '/api/v1/workflow/batch', batch(1001)), 422, 'VALIDATION_ERROR');
      assert.deepEqual((await api.call('POST', '/api/v1/workflow/batch', ' [ ] ')).json, { results: [] });
    });

    test('triggers, reads and cancels many', async (t) => {
      const api = await serveApi(t, backend);
      const [one, two] = [await submit(api), await submit(api)];
      const body = { execution_ids: [one, UNKNOWN_ID, 'nonsense', two] };
      const codes = (reply: ApiReply) =>
        reply.json.results.map((item: { error?: { error_code: string } }) => item.error?.error_code);
      const triggered = await api.call('POST', '/api/v1/workflow/batch/trigger', body);
      assert.deepEqual(codes(triggered), [
        undefined,
        'EXECUTION_NOT_FOUND',
        'EXECUTION_NOT_FOUND',
        undefined,
      ]);
      assert.deepEqual(triggered.json.results[0], {
        execution_id: one,
        message: 'Workflow execution triggered',
      });
      const read = await api.call('POST', '/api/v1/workflow/batch/status', body);
      assert.equal(read.json.results[3].status, 'RUNNING');
      const cancelled = await api.call('POST', '/api/v1/workflow/batch/cancel', body);
      assert.deepEqual(cancelled.json.results[3], {
        status: 'success',
        message: `Execution ${two} cancelled`,
      });
      assert.equal((await api.call('GET', `/api/v1/workflow/${one}`)).json.status, 'CANCELLED');
    });

    test('checks the list of ids', async (t) => {
      const api = await serveApi(t, backend);
      const many = Array(1001).fill(UNKNOWN_ID);
      for (const body of [
        {},
        [],
        'null',
        { execution_ids: 'x' },
        { execution_ids: [1] },
        { execution_ids: many },
      ]) {
        assertError(await api.call('POST', '/api/v1/workflow/batch/status', body), 422, 'VALIDATION_ERROR');
      }
      assertError(await api.call('POST', '/api/v1/workflow/batch/status', ''), 400, 'MALFORMED_JSON');
    });
  });
}
