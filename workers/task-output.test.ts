import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeOutput } from './task-output.js';

const text = (value: unknown) => {
  const bytes = encodeOutput(value, 1000);
  return bytes === undefined ? undefined : Buffer.from(bytes).toString();
};

test('an output is the JSON text of what was returned', () => {
  assert.equal(text({ a: [1, null, 'é'] }), '{"a":[1,null,"é"]}');
  assert.equal(text(null), 'null');
  assert.equal(text(false), 'false');
  assert.equal(text(new Date(0)), '"1970-01-01T00:00:00.000Z"');
  assert.equal(text(undefined), undefined);
});

test('what JSON cannot say is INVALID_OUTPUT, and is not retried', () => {
  const circular: { self?: unknown } = {};
  circular.self = circular;
  let deep: unknown = 0;
  for (let depth = 0; depth < 100_000; depth++) deep = [deep];
  const throwing = { toJSON: () => assert.fail('toJSON') };
  const getter = Object.defineProperty({}, 'a', { enumerable: true, get: () => assert.fail('getter') });
  for (const value of [circular, 5n, () => 1, Symbol('s'), throwing, getter, deep]) {
    assert.throws(() => encodeOutput(value, 1e9), { code: 'INVALID_OUTPUT', retryable: false });
  }
});

test('a long output is OUTPUT_TOO_LARGE by its bytes, and is not retried', () => {
  assert.equal(encodeOutput('x'.repeat(98), 100)?.length, 100);
  const fault = { code: 'OUTPUT_TOO_LARGE', category: 'resource', retryable: false };
  assert.throws(() => encodeOutput('x'.repeat(99), 100), fault);
  assert.throws(() => encodeOutput('é'.repeat(50), 100), fault);
});
