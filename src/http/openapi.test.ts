import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Validator } from '@seriousme/openapi-schema-validator';
import { ERRORS } from '../model/errors.js';
import { errorsOf } from './openapi/operation.js';
import { OPERATIONS } from './openapi/operations.js';
import { BACKENDS } from './testing/backends.js';
import { assertError } from './testing/fixtures.js';
import { serveApi } from './testing/served-api.js';

for (const backend of BACKENDS) {
  describe(`the published contract: ${backend.name}`, () => {
    test('is a valid OpenAPI 3.1 document', async (t) => {
      const api = await serveApi(t, backend);
      const { json, headers } = await api.call('GET', '/openapi.json');
      assert.equal(headers.get('content-type'), 'application/json');
      assert.deepEqual([json.openapi, json.info.version], ['3.1.0', '1.2.3']);
      const validator = new Validator();
      const { valid, errors } = await validator.validate(json);
      assert.ok(valid, JSON.stringify(errors));
      assert.equal(validator.version, '3.1');
      assert.ok(validator.resolveRefs());
    });

    test('names every path and method that is served, and no other', async (t) => {
      const api = await serveApi(t, backend);
      const { json } = await api.call('GET', '/openapi.json');
      for (const [path, methods] of Object.entries<object>(json.paths)) {
        const served = await api.call('PATCH', path.replaceAll(/\{\w+\}/g, 'x'));
        assertError(served, 405, 'METHOD_NOT_ALLOWED');
        const allowed = served.headers.get('allow')?.split(', ') ?? [];
        const documented = Object.keys(methods).map((method) => method.toUpperCase());
        assert.deepEqual(allowed.filter((method) => method !== 'HEAD').sort(), documented.sort(), path);
      }
    });

    test('tells of the limit of submissions', async (t) => {
      const api = await serveApi(t, backend, { RATE_LIMIT_REQUESTS_PER_MINUTE: '1' });
      const { json } = await api.call('GET', '/openapi.json');
      for (const [path, methods] of Object.entries<Record<string, { responses: object }>>(json.paths)) {
        for (const [method, { responses }] of Object.entries(methods)) {
          const operation = OPERATIONS.find(
            (each) => each.pattern === path && each.method === method.toUpperCase(),
          );
          assert.equal('429' in responses, operation?.cost !== undefined, `${method} ${path}`);
        }
      }
    });

    test('is shown by Swagger UI, from here and from nowhere else', async (t) => {
      const api = await serveApi(t, backend);
      const page = await api.call('GET', '/docs');
      assert.equal(page.headers.get('content-type'), 'text/html; charset=utf-8');
      const policy = page.headers.get('content-security-policy') ?? '';
      assert.match(policy, /default-src 'none'/);
      assert.doesNotMatch(policy, /unsafe|https?:|\*/);
      assert.doesNotMatch(page.text, /https?:|<style|<script>|style=|on\w+=/);
      const linked = [...page.text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, address = '']) => address);
      assert.equal(linked.length, 4);
      for (const address of linked) {
        const whole = await api.call('GET', `/${address}`);
        assert.equal(whole.status, 200, address);
        assert.ok(whole.text.length > 50, address);
        const head = await api.call('HEAD', `/${address}`);
        assert.deepEqual([head.status, head.text], [200, '']);
        assert.equal(head.headers.get('x-content-type-options'), 'nosniff');
      }
      assert.equal((await api.call('HEAD', '/docs')).status, 200);
      for (const path of ['package.json', '..%2fpackage.json', 'swagger-ui.js.map', '%00']) {
        assertError(await api.call('GET', `/docs/${path}`), 404, 'NOT_FOUND');
      }
    });
  });
}

test('operations have ids of their own, and errors that answers can have', () => {
  const ids = OPERATIONS.map(({ id }) => id);
  assert.deepEqual([...new Set(ids)], ids);
  assert.equal(ids[0], 'submitWorkflow');
  for (const operation of OPERATIONS) {
    for (const code of errorsOf(operation)) assert.ok(ERRORS[code].status >= 400, `${operation.id}: ${code}`);
  }
});
