import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MillraceError } from '../model/errors.js';
import { BACKENDS } from './testing/backends.js';
import { assertError, submit, UNKNOWN_ID, UUID, WORKFLOW } from './testing/fixtures.js';
import { serveApi } from './testing/served-api.js';

for (const backend of BACKENDS) {
  describe(`service: ${backend.name}`, () => {
    test('tells health and readiness', async (t) => {
      const api = await serveApi(t, backend);
      const healthy = await api.call('GET', '/health');
      assert.equal(healthy.status, 200);
      const { timestamp, ...rest } = healthy.json;
      assert.match(timestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
      assert.deepEqual(rest, {
        status: 'healthy',
        version: '1.2.3',
        dependencies: { store: 'healthy' },
        mode: 'embedded',
        durability: 'synced before the answer',
      });
      assert.equal((await api.call('GET', '/readyz')).status, 200);
      api.engine.state = { ...api.engine.state, ready: false, dependencies: { store: 'unhealthy' } };
      const degraded = await api.call('GET', '/health');
      assert.equal(degraded.status, 503);
      assert.equal(degraded.json.status, 'degraded');
      assert.equal((await api.call('GET', '/readyz')).status, 503);
      assert.equal((await api.call('GET', '/livez')).status, 200);
    });

    test('serves metrics and stats', async (t) => {
      const api = await serveApi(t, backend);
      const metrics = await api.call('GET', '/metrics');
      assert.equal(metrics.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
      const stats = await api.call('GET', '/api/v1/admin/stats');
      assert.deepEqual(stats.json.tasks, { ready: 3, leased: 4, delayed: 5 });
      assert.deepEqual(stats.json.totals, { submissions: 1 });
    });

    test('answers HEAD wherever it answers GET', async (t) => {
      const api = await serveApi(t, backend);
      const id = await submit(api);
      for (const path of ['/health', '/metrics', '/api/v1/workflow', `/api/v1/workflow/${id}`, '/nothing']) {
        const whole = await api.call('GET', path);
        const head = await api.call('HEAD', path);
        assert.equal(head.status, whole.status);
        assert.equal(head.text, '');
        assert.equal(head.headers.get('content-length'), String(Buffer.byteLength(whole.text)));
      }
    });

    test('tells unknown paths from wrong methods', async (t) => {
      const api = await serveApi(t, backend);
      for (const path of [
        '/nothing',
        '/health/',
        '//health',
        '/api/v1/workflow/',
        '/api/v1/definitions/%zz',
      ]) {
        assertError(await api.call('GET', path), 404, 'NOT_FOUND');
      }
      const cases: readonly (readonly [string, string, string])[] = [
        ['PUT', '/api/v1/workflow', 'POST, GET, HEAD'],
        ['POST', '/health', 'GET, HEAD'],
        ['GET', '/api/v1/workflow/batch', 'POST'],
        ['PATCH', `/api/v1/workflow/${UNKNOWN_ID}`, 'GET, HEAD, DELETE'],
        ['OPTIONS', '/api/v1/admin/dlq', 'GET, HEAD'],
      ];
      for (const [method, path, allow] of cases) {
        const reply = await api.call(method, path);
        assertError(reply, 405, 'METHOD_NOT_ALLOWED');
        assert.equal(reply.headers.get('allow'), allow, `${method} ${path}`);
      }
    });

    test('repeats a safe X-Request-Id and makes one otherwise, on errors too', async (t) => {
      const api = await serveApi(t, backend);
      for (const path of ['/health', '/nothing']) {
        const given = await api.call('GET', path, undefined, { 'x-request-id': 'req-1:a/b' });
        assert.equal(given.headers.get('x-request-id'), 'req-1:a/b');
        for (const unsafe of ['x'.repeat(129), 'a b']) {
          const made = await api.call('GET', path, undefined, { 'x-request-id': unsafe });
          assert.match(made.headers.get('x-request-id') ?? '', UUID);
        }
      }
    });

    test('shows faults of the engine as 500 without their text, and logs them with the request id', async (t) => {
      const api = await serveApi(t, backend);
      const id = await submit(api);
      api.engine.fault = new TypeError('secret of the inside');
      const reply = await api.call('GET', `/api/v1/workflow/${id}`, undefined, { 'x-request-id': 'r1' });
      assertError(reply, 500, 'INTERNAL_SERVER_ERROR');
      assert.ok(!reply.text.includes('secret'));
      const [line] = api.logged;
      assert.equal(line?.fields?.request_id, 'r1');
      assert.equal(line?.fields?.error, api.engine.fault);
    });

    test('shows an outage as 503 with Retry-After', async (t) => {
      const api = await serveApi(t, backend);
      api.engine.fault = new MillraceError('STORE_UNAVAILABLE', 'The store cannot be reached');
      const down = await api.call('POST', '/api/v1/workflow', WORKFLOW);
      assertError(down, 503, 'STORE_UNAVAILABLE');
      assert.equal(down.headers.get('retry-after'), '1');
      api.engine.fault = new MillraceError('OVERLOADED', 'The backlog is full', { retryAfterSeconds: 4.2 });
      const full = await api.call('POST', '/api/v1/workflow/batch', [WORKFLOW]);
      assertError(full, 503, 'OVERLOADED');
      assert.equal(full.headers.get('retry-after'), '5');
    });
  });
}
