import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, test } from 'node:test';
import { BACKENDS } from './testing/backends.js';
import { assertError } from './testing/fixtures.js';
import { CONSOLE_DIRECTORY, serveApi } from './testing/served-api.js';

const FILE = 'start-1a2b3c4d.js';

for (const backend of BACKENDS) {
  describe(`the console: ${backend.name}`, () => {
    test('is one page that is asked for anew, under a policy that lets nothing in from elsewhere', async (t) => {
      const api = await serveApi(t, backend);
      const page = await api.call('GET', '/');
      assert.equal(page.status, 200);
      assert.equal(page.text, await readFile(path.join(CONSOLE_DIRECTORY, 'index.html'), 'utf8'));
      assert.equal(page.headers.get('content-type'), 'text/html; charset=utf-8');
      assert.equal(page.headers.get('cache-control'), 'no-cache');
      assert.equal(
        page.headers.get('content-security-policy'),
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
          "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
      );
      assert.equal(page.headers.get('x-content-type-options'), 'nosniff');
      assert.equal(page.headers.get('referrer-policy'), 'no-referrer');
    });

    test('has files that are kept for good, since their names change with them', async (t) => {
      const api = await serveApi(t, backend);
      const file = await api.call('GET', `/console/${FILE}`);
      assert.deepEqual(
        [file.status, file.headers.get('content-type')],
        [200, 'text/javascript; charset=utf-8'],
      );
      assert.equal(file.headers.get('cache-control'), 'public, max-age=31536000, immutable');
      const plain = await api.call('HEAD', `/console/${FILE}`, undefined, { 'accept-encoding': 'identity' });
      assert.equal(plain.headers.get('content-length'), String(Buffer.byteLength(file.text)));
      assert.deepEqual([plain.text, plain.headers.get('content-encoding')], ['', null]);
    });

    test('is compressed for who takes it, and not sent again to who has it', async (t) => {
      const api = await serveApi(t, backend);
      for (const address of ['/', `/console/${FILE}`]) {
        const tags = new Set<string>();
        for (const [accepted, coding] of [
          ['gzip', 'gzip'],
          ['deflate, gzip;q=0.5', 'gzip'],
          ['gzip;q=0', null],
          ['br', null],
        ] as const) {
          const headers = { 'accept-encoding': accepted };
          const first = await api.call('GET', address, undefined, headers);
          assert.equal(first.headers.get('content-encoding'), coding, accepted);
          assert.equal(first.headers.get('vary'), 'Accept-Encoding');
          const tag = first.headers.get('etag') ?? '';
          tags.add(tag);
          for (const known of [tag, `W/${tag}`, `"other", ${tag}`, '*']) {
            const again = await api.call('GET', address, undefined, { ...headers, 'if-none-match': known });
            assert.deepEqual([again.status, again.text, again.headers.get('etag')], [304, '', tag], known);
          }
          const other = await api.call('GET', address, undefined, { ...headers, 'if-none-match': '"other"' });
          assert.equal(other.status, 200);
        }
        assert.equal(tags.size, 2);
      }
    });

    test('leads to no file outside', async (t) => {
      const api = await serveApi(t, backend);
      for (const name of [
        ...[
          '..%2fserved-api.ts',
          '..%5cserved-api.ts',
          '%2e%2e%2fserved-api.ts',
          '.%00',
          'index.html',
          'console',
        ],
        ...[
          '..%252fserved-api.ts',
          'start-1a2b3c4d.js%00',
          '%2fetc%2fpasswd',
          '__proto__',
          'START-1A2B3C4D.JS',
        ],
      ]) {
        assertError(await api.call('GET', `/console/${name}`), 404, 'NOT_FOUND');
      }
      assertError(await api.call('POST', '/', {}), 405, 'METHOD_NOT_ALLOWED');
    });

    test('holds no data and so asks for no key, where the API does', async (t) => {
      const api = await serveApi(t, backend, { API_KEYS: 'reader:read:letmein' });
      assert.equal((await api.call('GET', '/')).status, 200);
      assert.equal((await api.call('GET', `/console/${FILE}`)).status, 200);
      assertError(await api.call('GET', '/api/v1/workflow'), 401, 'UNAUTHENTICATED');
    });

    test('is on hosts that serve the API', async (t) => {
      const api = await serveApi(t, backend, {
        ...{ ROLES: 'worker', REDIS_URL: 'redis://127.0.0.1:1' },
        DATABASE_URL: 'postgres://127.0.0.1:1/none',
      });
      assertError(await api.call('GET', '/'), 404, 'NOT_FOUND');
      assertError(await api.call('GET', `/console/${FILE}`), 404, 'NOT_FOUND');
    });
  });
}
