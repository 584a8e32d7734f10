import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { BACKENDS } from './testing/backends.js';
import { assertError } from './testing/fixtures.js';
import { serveApi } from './testing/served-api.js';

const PATH = '/api/v1/admin/circuits';
const NAME = 'call_external_service:https://api.example.com:8443';
const OPEN = {
  name: NAME,
  handler: 'call_external_service',
  origin: 'https://api.example.com:8443',
  state: 'open',
  failures: 5,
  refused: 2,
  openedAt: 1_700_000_000_000,
  retryInMs: 1500,
} as const;

for (const backend of BACKENDS) {
  describe(`circuits: ${backend.name}`, () => {
    test('are listed with their states', async (t) => {
      const api = await serveApi(t, backend);
      api.engine.openCircuits = [
        OPEN,
        { ...OPEN, name: 'x', state: 'half_open', retryInMs: undefined },
        { ...OPEN, name: 'y', state: 'closed', openedAt: undefined, retryInMs: undefined },
      ];
      const before = Date.now();
      const { json } = await api.call('GET', PATH);
      const { retry_at: retryAt, ...first } = json.circuits[0];
      assert.deepEqual(first, {
        name: NAME,
        handler: 'call_external_service',
        origin: 'https://api.example.com:8443',
        state: 'OPEN',
        failure_count: 5,
        refused_count: 2,
        opened_at: '2023-11-14T22:13:20.000Z',
      });
      const waitMs = Date.parse(retryAt) - before;
      assert.ok(waitMs >= 1500 && waitMs < 60_000, retryAt);
      assert.equal(json.count, 3);
      assert.deepEqual(
        json.circuits
          .slice(1)
          .map((each: Record<string, unknown>) => [each.state, each.opened_at, each.retry_at]),
        [
          ['HALF_OPEN', '2023-11-14T22:13:20.000Z', null],
          ['CLOSED', null, null],
        ],
      );
    });

    test('are reset by name, percent-encoded', async (t) => {
      const api = await serveApi(t, backend);
      api.engine.openCircuits = [OPEN];
      const path = `${PATH}/${encodeURIComponent(NAME)}/reset`;
      const reply = await api.call('POST', path);
      assert.equal(reply.status, 200, reply.text);
      assert.deepEqual(reply.json, { status: 'success', message: `Circuit ${NAME} reset`, name: NAME });
      assertError(await api.call('POST', path), 404, 'CIRCUIT_NOT_FOUND');
      assertError(await api.call('GET', path), 405, 'METHOD_NOT_ALLOWED');
    });

    test('are for keys with the scope admin', async (t) => {
      const api = await serveApi(t, backend, { API_KEYS: 'a:admin:root,b:submit:low' });
      const as = (key: string) => ({ 'x-api-key': key });
      for (const [method, path] of [
        ['GET', PATH],
        ['POST', `${PATH}/x/reset`],
      ] as const) {
        assertError(await api.call(method, path), 401, 'UNAUTHENTICATED');
        assertError(await api.call(method, path, undefined, as('low')), 403, 'FORBIDDEN');
        assert.notEqual((await api.call(method, path, undefined, as('root'))).status, 403);
      }
    });
  });
}
