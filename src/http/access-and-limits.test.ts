import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { BACKENDS } from './testing/backends.js';
import { assertError, UNKNOWN_ID, UUID, WORKFLOW } from './testing/fixtures.js';
import { serveApi } from './testing/served-api.js';

for (const backend of BACKENDS) {
  describe(`access: ${backend.name}`, () => {
    const API_KEYS = 'watch:read:r-key, app:submit:s:key,ops:admin:a-key';

    test('asks for a key everywhere but on the three open paths', async (t) => {
      const api = await serveApi(t, backend, { API_KEYS });
      for (const path of ['/health', '/livez', '/readyz'])
        assert.equal((await api.call('GET', path)).status, 200);
      for (const path of ['/metrics', '/api/v1/workflow', '/nothing', '/api/v1/admin/dlq']) {
        const reply = await api.call('GET', path);
        assertError(reply, 401, 'UNAUTHENTICATED');
        assert.equal(reply.headers.get('www-authenticate'), 'Bearer');
      }
      for (const headers of [
        { authorization: 'Bearer r-ke' },
        { 'x-api-key': 'R-KEY' },
        { authorization: 'Basic r-key' },
      ]) {
        assertError(
          await api.call('GET', '/metrics', undefined, headers as Record<string, string>),
          401,
          'UNAUTHENTICATED',
        );
      }
    });

    test('lets each scope do what it may and what those below it may', async (t) => {
      const api = await serveApi(t, backend, { API_KEYS });
      const as = (key: string) => ({ authorization: `bearer ${key}` });
      const status = async (key: string, method: string, path: string, body?: object) =>
        (await api.call(method, path, body, as(key))).status;
      assert.equal(await status('r-key', 'GET', '/api/v1/workflow'), 200);
      assert.equal(
        await status('r-key', 'POST', '/api/v1/workflow/batch/status', { execution_ids: [] }),
        200,
      );
      assert.equal(await status('r-key', 'POST', '/api/v1/workflow', WORKFLOW), 403);
      assert.equal(await status('s:key', 'POST', '/api/v1/workflow', WORKFLOW), 201);
      assert.equal(await status('s:key', 'GET', '/api/v1/workflow'), 200);
      assert.equal(await status('s:key', 'GET', '/api/v1/admin/dlq'), 403);
      assert.equal(await status('a-key', 'GET', '/api/v1/admin/dlq'), 200);
      assert.equal(await status('a-key', 'POST', '/api/v1/workflow', WORKFLOW), 201);
      assertError(
        await api.call('DELETE', `/api/v1/workflow/${UNKNOWN_ID}`, undefined, as('r-key')),
        403,
        'FORBIDDEN',
      );
      const keyed = await api.call('POST', '/api/v1/workflow', WORKFLOW, {
        'x-api-key': 's:key',
        'idempotency-key': 'k',
      });
      assert.equal(keyed.status, 201);
      assert.equal(api.engine.submissions.at(-1)?.idempotency?.client, 'app');
    });
  });

  describe(`rate limit: ${backend.name}`, () => {
    const limited = { RATE_LIMIT_REQUESTS_PER_MINUTE: '5' };

    test('counts submissions of all kinds and nothing else, and lets go after a minute', async (t) => {
      const api = await serveApi(t, backend, limited);
      const first = await api.call('POST', '/api/v1/workflow', WORKFLOW);
      assert.equal(first.headers.get('x-ratelimit-limit'), '5');
      assert.equal(first.headers.get('x-ratelimit-remaining'), '4');
      const broken = await api.call('POST', '/api/v1/workflow', '{');
      assert.equal(broken.headers.get('x-ratelimit-remaining'), '3');
      const read = await api.call('GET', '/api/v1/workflow');
      assert.equal(read.headers.get('x-ratelimit-remaining'), null);
      const again = await api.call('POST', `/api/v1/workflow/${first.json.workflow_id}/executions`);
      assert.equal(again.headers.get('x-ratelimit-remaining'), '2');
      const batch = await api.call('POST', '/api/v1/workflow/batch', [WORKFLOW, WORKFLOW, WORKFLOW]);
      assert.equal(batch.headers.get('x-ratelimit-remaining'), '0');
      const [, granted, refused] = batch.json.results;
      assert.match(granted.execution_id, UUID);
      assert.match(refused.detail, /^Rate limit exceeded/);
      const over = await api.call('POST', '/api/v1/workflow', WORKFLOW);
      assert.equal(over.status, 429);
      const seconds = Number(over.headers.get('retry-after'));
      assert.ok(seconds >= 1 && seconds <= 61, String(seconds));
      assert.deepEqual(over.json, { detail: `Rate limit exceeded. Retry after ${seconds} seconds.` });
      assert.equal(over.headers.get('x-ratelimit-remaining'), '0');
      assert.equal((await api.call('POST', '/api/v1/workflow/batch', [WORKFLOW])).status, 429);
      api.advanceMs(62_000);
      assert.equal((await api.call('POST', '/api/v1/workflow', WORKFLOW)).status, 201);
    });

    test('counts each key on its own', async (t) => {
      const api = await serveApi(t, backend, {
        RATE_LIMIT_REQUESTS_PER_MINUTE: '1',
        API_KEYS: 'a:submit:1,b:submit:2',
      });
      const send = async (key: string) =>
        (await api.call('POST', '/api/v1/workflow', WORKFLOW, { 'x-api-key': key })).status;
      assert.deepEqual([await send('1'), await send('1'), await send('2')], [201, 429, 201]);
    });

    test('tells what is left on every answer to a submission, also to one that was not let in', async (t) => {
      const api = await serveApi(t, backend, { ...limited, API_KEYS: 'watch:read:r-key,app:submit:s-key' });
      const submissions = [
        '/api/v1/workflow',
        '/api/v1/workflow/batch',
        `/api/v1/workflow/${UNKNOWN_ID}/executions`,
      ];
      const sent: [path: string, key: string, body: unknown, status: number, left: string][] = [
        ...submissions.map((path) => [path, 'no-key', WORKFLOW, 401, '5'] as (typeof sent)[number]),
        ...submissions.map((path) => [path, 'r-key', WORKFLOW, 403, '5'] as (typeof sent)[number]),
        ['/api/v1/workflow', 's-key', '{', 400, '4'],
        ['/api/v1/workflow', 's-key', {}, 422, '3'],
        ['/api/v1/workflow/batch', 's-key', '{"a":', 200, '2'],
        ['/api/v1/workflow/batch', 's-key', '[{', 400, '1'],
        [`/api/v1/workflow/${UNKNOWN_ID}/executions`, 's-key', {}, 404, '0'],
        ['/api/v1/workflow', 's-key', WORKFLOW, 429, '0'],
      ];
      for (const [path, key, body, status, left] of sent) {
        const reply = await api.call('POST', path, body, { 'x-api-key': key });
        assert.equal(reply.status, status, reply.text);
        assert.equal(reply.headers.get('x-ratelimit-limit'), '5', `${status} ${path}`);
        assert.equal(reply.headers.get('x-ratelimit-remaining'), left, `${status} ${path}`);
      }
    });

    test('can be turned off', async (t) => {
      const api = await serveApi(t, backend, { ...limited, RATE_LIMIT_ENABLED: 'false' });
      for (let count = 0; count < 7; count += 1) {
        const reply = await api.call('POST', '/api/v1/workflow', WORKFLOW);
        assert.equal(reply.status, 201);
        assert.equal(reply.headers.get('x-ratelimit-limit'), null);
      }
    });
  });
}
