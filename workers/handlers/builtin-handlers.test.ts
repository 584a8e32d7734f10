import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { BUILTIN_HANDLERS } from '../../src/model/builtin-handlers.js';
import { parseRetryAfter } from '../../src/model/retry-after.js';
import { DurableSleep } from '../durable-sleep.js';
import { closedCircuits, runHandler, threadSettings } from '../testing/handler-run.js';
import { createBuiltinHandlers } from './builtin-handlers.js';
import { decision } from './decision.js';
import { delay } from './delay.js';
import { echo } from './echo.js';
import { input } from './input.js';
import { output } from './output.js';

test('there is a handler for each built-in name', () => {
  assert.deepEqual(
    createBuiltinHandlers(threadSettings(), closedCircuits()).map(({ name }) => name),
    [...BUILTIN_HANDLERS],
  );
});

test('input, output and echo hand their config on', async () => {
  const config = { a: 1, nested: { b: [2] } };
  assert.deepEqual(await runHandler(input, config), { initialized: true, ...config });
  assert.deepEqual(await runHandler(output, config), { aggregated: true, config });
  assert.deepEqual(await runHandler(echo, config), config);
});

describe('decision', () => {
  const cases: ReadonlyArray<readonly [a: unknown, operator: string, b: unknown, result: boolean]> = [
    [' yes ', '==', 'yes', true],
    [5, '==', '5', true],
    [5, '==', '5.0', false],
    [true, '==', 'true', true],
    [{ a: 1 }, '==', '{"a":1}', true],
    [null, '!=', 'x', true],
    ['a', '!=', 'a ', false],
    ['10', '>', 9, true],
    [' 1e3 ', '>=', '1000', true],
    ['2', '<', '10', true],
    [2, '<=', 2, true],
    [2, '<', 2, false],
    ['ten', '>', 1, false],
    ['ten', '<', 1, false],
    ['', '<', 1, false],
    [true, '>', 0, false],
    [null, '<', 1, false],
    ['0x10', '>', 1, false],
    ['-.5', '<', 0, true],
  ];
  for (const [value_a, operator, value_b, result] of cases) {
    test(`${JSON.stringify(value_a)} ${operator} ${JSON.stringify(value_b)} is ${result}`, async () => {
      assert.deepEqual(await runHandler(decision, { value_a, operator, value_b }), { result });
    });
  }

  test('needs both values and a known operator', async () => {
    await assert.rejects(runHandler(decision, { value_a: 1, operator: '==' }), {
      message: /config\/value_b: is required/,
    });
    await assert.rejects(runHandler(decision, { value_a: 1, operator: '=>', value_b: 1 }), {
      message: /config\/operator/,
    });
  });
});

test('delay asks for a durable timer within bounds', async () => {
  const sleep = await runHandler(delay, { seconds: 0.25 });
  assert.ok(sleep instanceof DurableSleep);
  assert.deepEqual([sleep.delayMs, sleep.output], [250, { delayed_seconds: 0.25 }]);
  for (const seconds of [-1, Number.NaN, Number.POSITIVE_INFINITY, '5', 1e12, null]) {
    await assert.rejects(runHandler(delay, { seconds }), { code: 'INVALID_CONFIG' });
  }
});

test('Retry-After is read as seconds or as a date, up to an hour', () => {
  const now = Date.parse('Wed, 21 Oct 2015 07:28:00 GMT');
  const cases: ReadonlyArray<readonly [string | undefined, number | undefined]> = [
    ['120', 120_000],
    [' 0 ', 0],
    ['999999', 3_600_000],
    ['Wed, 21 Oct 2015 07:28:30 GMT', 30_000],
    ['Wed, 21 Oct 2015 07:00:00 GMT', 0],
    ['Fri, 23 Oct 2015 07:28:00 GMT', 3_600_000],
    ['soon', undefined],
    ['-5', undefined],
    ['1.5', undefined],
    ['', undefined],
    [undefined, undefined],
  ];
  for (const [header, expected] of cases) assert.equal(parseRetryAfter(header, now), expected, header);
});
