import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ConfigError } from '../config.js';
import { checkBindPolicy, parseApiKeys } from './access.js';

describe('API keys', () => {
  test('reads names, scopes and keys, also with colons in them', () => {
    const keys = parseApiKeys(' a:read:one , b:admin:t:w:o,');
    assert.deepEqual(
      keys.map(({ name, scope }) => [name, scope]),
      [
        ['a', 'read'],
        ['b', 'admin'],
      ],
    );
    assert.deepEqual(keys[1]?.digest, parseApiKeys('x:read:t:w:o')[0]?.digest);
    assert.deepEqual(parseApiKeys(''), []);
  });

  test('refuses entries that are incomplete or stand twice, without showing a key', () => {
    for (const text of [
      'secret',
      'a:secret',
      'a:root:secret',
      'a:read:',
      ':read:secret',
      'a:read:x,a:read:secret',
    ]) {
      assert.throws(
        () => parseApiKeys(text),
        (error) => error instanceof ConfigError && !error.message.includes('secret'),
        text,
      );
    }
  });
});

describe('bind policy', () => {
  const config = { HOST: '', API_KEYS: '', ALLOW_ANONYMOUS: false };

  test('serves the loopback without keys', () => {
    for (const HOST of ['', 'localhost', '127.0.0.1', '127.8.0.1', '::1'])
      checkBindPolicy({ ...config, HOST });
  });

  test('serves other addresses with keys, or where that is allowed', () => {
    for (const HOST of ['0.0.0.0', '::', '10.0.0.1', 'example.org', '127.0.0.1.example.org']) {
      assert.throws(() => checkBindPolicy({ ...config, HOST }), ConfigError, HOST);
      checkBindPolicy({ ...config, HOST, API_KEYS: 'a:read:k' });
      checkBindPolicy({ ...config, HOST, ALLOW_ANONYMOUS: true });
    }
  });
});
