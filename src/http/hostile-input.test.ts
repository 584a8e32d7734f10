import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { poll } from '../testing/poll.js';
import { BACKENDS } from './testing/backends.js';
import { assertError } from './testing/fixtures.js';
import { RawConnection } from './testing/raw-connection.js';
import { serveApi } from './testing/served-api.js';

const PATH = '/api/v1/workflow';
const withNode = (node: string, rest = '') =>
  `{"name":"x",${rest}"dag":{"nodes":[{"id":"a","handler":"echo"${node}}]}}`;
const nested = (levels: number) => `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`;

for (const backend of BACKENDS) {
  describe(`hostile input: ${backend.name}`, () => {
    test('keys of prototypes are keys like others', async (t) => {
      const api = await serveApi(t, backend);
      const config = '{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}';
      const reply = await api.call(
        'POST',
        PATH,
        withNode(`,"config":${config}`, '"__proto__":{"trigger":true},'),
      );
      assert.equal(reply.status, 201, reply.text);
      assert.equal(({} as Record<string, unknown>).polluted, undefined);
      const [submission] = api.engine.submissions;
      assert.equal(submission?.trigger, false);
      const kept = JSON.stringify(submission?.plan.definition.dag.nodes[0]?.config);
      assert.deepEqual(JSON.parse(kept), JSON.parse(config));
    });

    test('of a key that stands twice the last value holds', async (t) => {
      const api = await serveApi(t, backend);
      await api.call('POST', PATH, withNode(',"id":"b"', '"name":"y",'));
      const [submission] = api.engine.submissions;
      assert.deepEqual([submission?.plan.name, submission?.plan.nodes[0]?.id], ['y', 'b']);
    });

    test('bytes that are no UTF-8 are 400, characters that are strange are taken', async (t) => {
      const api = await serveApi(t, backend);
      const broken = Buffer.concat([Buffer.from('{"name":"'), Buffer.from([0xc3, 0x28]), Buffer.from('"}')]);
      assertError(await api.call('POST', PATH, broken), 400, 'MALFORMED_JSON');
      assertError(await api.call('POST', PATH, `{"name":"\0"}`), 400, 'MALFORMED_JSON');
      const taken = await api.call('POST', PATH, withNode(',"config":{"nul":"\\u0000","half":"\\ud800"}'));
      assert.equal(taken.status, 201, taken.text);
    });

    test('numbers past all range are refused with their place', async (t) => {
      const api = await serveApi(t, backend);
      const reply = await api.call('POST', PATH, withNode(',"config":{"n":[1,1e999]}'));
      assertError(reply, 422, 'VALIDATION_ERROR');
      assert.equal(reply.json.error.context.errors[0].path, '/dag/nodes/0/config/n/1');
      assertError(
        await api.call('POST', PATH, withNode('', '"timeout_seconds":1e999,')),
        422,
        'VALIDATION_ERROR',
      );
      assertError(await api.call('GET', `${PATH}?limit=${'9'.repeat(400)}`), 422, 'VALIDATION_ERROR');
    });

    test('nesting is taken to 100 levels and refused beyond, however deep', async (t) => {
      const api = await serveApi(t, backend);
      assert.equal((await api.call('POST', PATH, withNode(`,"config":${nested(100)}`))).status, 201);
      for (const levels of [101, 5000]) {
        const reply = await api.call('POST', PATH, withNode(`,"config":${nested(levels)}`));
        assertError(reply, 422, 'VALIDATION_ERROR');
        assert.match(reply.json.error.message, /nested deeper than 100 levels/);
      }
      const bottomless = await api.call('POST', PATH, '['.repeat(1_000_000));
      assertError(bottomless, 400, 'MALFORMED_JSON');
      const whole = await api.call('POST', PATH, nested(500_000));
      assert.ok(whole.status === 400 || whole.status === 422, whole.text.slice(0, 200));
      const ids = await api.call(
        'POST',
        `${PATH}/batch/status`,
        `{"execution_ids":[${'1,'.repeat(500_000)}1]}`,
      );
      assertError(ids, 422, 'VALIDATION_ERROR');
      assert.ok(ids.text.length < 100_000);
    });

    test('long addresses are answered or refused, and the connection serves on or closes', async (t) => {
      const api = await serveApi(t, backend);
      for (const length of [2000, 3500]) {
        const reply = await api.call('GET', `${PATH}/${'x'.repeat(length)}`);
        assertError(reply, 404, 'EXECUTION_NOT_FOUND');
        assert.ok(reply.text.length < 1000);
      }
      const nowhere = await api.call('GET', `/${'x'.repeat(3500)}`);
      assertError(nowhere, 404, 'NOT_FOUND');
      assert.ok(nowhere.text.length < 1000);
      const connection = await RawConnection.open(api.port);
      t.after(() => connection.destroy());
      const answer = await connection.send(`GET /${'x'.repeat(40_000)} HTTP/1.1\r\nHost: t\r\n\r\n`).closed();
      assert.match(answer, /^HTTP\/1\.1 431 /);
      assert.equal((await api.call('GET', '/livez')).status, 200);
    });

    test('a thousand connections that say nothing harm nobody and are closed', {
      timeout: 120_000,
    }, async (t) => {
      const api = await serveApi(t, backend);
      const idle = await Promise.all(Array.from({ length: 1000 }, () => RawConnection.open(api.port)));
      t.after(() => {
        for (const connection of idle) connection.destroy();
      });
      for (let call = 0; call < 20; call++) assert.equal((await api.call('GET', '/livez')).status, 200);
      let closed = 0;
      for (const connection of idle) {
        void connection
          .send('GET /livez HTTP/1.1\r\nHost: t')
          .closed()
          .then(
            () => {
              closed += 1;
            },
            () => undefined,
          );
      }
      await poll('all of them to be closed', () => closed === idle.length);
    });
  });
}
