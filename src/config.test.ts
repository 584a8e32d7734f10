import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ConfigError, loadConfig } from './config.js';

describe('secrets of the environment', () => {
  test('are what begins with SECRET_, byte for byte', () => {
    const { secrets } = loadConfig({
      SECRET_TOKEN: ' sk-1 ',
      SECRET_EMPTY: '',
      SECRET_: 'nameless',
      CALLBACK_SECRET: 'of callbacks',
      secret_token: 'lower case',
    });
    assert.deepEqual(secrets, { TOKEN: ' sk-1 ' });
  });

  test('too short to be told from other text stop the start; no line shows them', () => {
    for (const short of ['abc', 'a', '   ', ' xyz ']) {
      assert.throws(
        () => loadConfig({ SECRET_PIN: short, SECRET_OTHER: 'long enough', PORT: 'x' }),
        (error) => {
          assert.ok(error instanceof ConfigError);
          const lines = error.message.split('\n').filter((line) => line.startsWith('SECRET_'));
          assert.equal(lines.length, 1);
          assert.match(lines[0] ?? '', /^SECRET_PIN: expected at least 4 characters/);
          return !error.message.includes('abc') && !error.message.includes('xyz');
        },
      );
    }
    assert.deepEqual(loadConfig({ SECRET_PIN: 'abcd' }).secrets, { PIN: 'abcd' });
  });
});
