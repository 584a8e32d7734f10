import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { codeOf, outputOf, startRunner } from '../src/runner/testing/runner-fixture.js';
import { defineHandler } from './define-handler.js';

test('a definition that cannot work is refused where it is written', () => {
  const run = () => 1;
  assert.throws(() => defineHandler({ name: '', run }), /name/);
  assert.throws(() => defineHandler({ name: 'a' } as never), /run of handler a/);
  assert.throws(
    () => defineHandler({ name: 'a', run, configSchema: true as never }),
    /configSchema of handler a/,
  );
});

test('run is called on the definition', () => {
  const handler = defineHandler({
    name: 'self',
    run() {
      return this.name;
    },
  });
  assert.equal(handler.run({} as never), 'self');
});

const FILE = `
import { defineHandler, RetryableError, TerminalError } from 'millrace';
const define = (name, run, configSchema) => defineHandler({ name, run, configSchema });
export const handlers = [];
export const terminal = define('terminal', () => { throw new TerminalError('never', { code: 'MINE' }); });
export const retryable = define('retryable', async () => { throw new RetryableError('later', { retryAfterMs: 1500 }); });
export const thrown = define('thrown', () => { throw { odd: true }; });
export const bigint = define('bigint', () => 5n);
export const circular = define('circular', async () => { const a = {}; a.a = a; return a; });
export const large = define('large', () => 'x'.repeat(2000));
export const nothing = define('nothing', async () => {});
export const typed = define('typed', ({ config }) => config.n, {
  type: 'object', required: ['n'], properties: { n: { type: 'integer' } },
});
export const changes = define('changes', ({ config }) => { config.list.push(1); return config.list; });
`;

describe('a handler of a file', () => {
  test('fails with what it throws, and with what it should not return', async (t) => {
    const fixture = await startRunner(t, { maxOutputBytes: 1000, files: { 'all.mjs': FILE } });
    const task = (handler: string) => fixture.task({ definition: { handler } });
    const names = ['terminal', 'retryable', 'thrown', 'bigint', 'circular', 'large'];
    const outcomes = await fixture.run(...names.map(task));
    const codes = [
      'MINE',
      'HANDLER_ERROR',
      'HANDLER_ERROR',
      'INVALID_OUTPUT',
      'INVALID_OUTPUT',
      'OUTPUT_TOO_LARGE',
    ];
    assert.deepEqual(outcomes.map(codeOf), codes);
    const [terminal, retryable] = outcomes;
    assert.ok(terminal?.kind === 'failed' && !terminal.fault.retryable);
    assert.ok(retryable?.kind === 'failed' && retryable.fault.retryAfterMs === 1500);
    const [nothing] = await fixture.run(task('nothing'));
    assert.deepEqual(nothing, { kind: 'completed' });
  });

  test('is not run with a config that breaks its schema once templates are resolved', async (t) => {
    const fixture = await startRunner(t, { files: { 'all.mjs': FILE } });
    const typed = (n: unknown) =>
      fixture.task({ definition: { handler: 'typed', config: { n: '{{ params.n }}' } }, params: { n } });
    const [right, wrong] = await fixture.run(typed(5), typed('five'));
    assert.equal(outputOf(right), 5);
    assert.ok(wrong?.kind === 'failed');
    assert.deepEqual(
      [wrong.fault.code, wrong.fault.category, wrong.fault.retryable],
      ['INVALID_CONFIG', 'validation', false],
    );
    assert.match(wrong.fault.message, /config\/n: must be integer/);
  });

  test('may change its config, which is its own', async (t) => {
    const fixture = await startRunner(t, { files: { 'all.mjs': FILE } });
    const plan = fixture.task({ definition: { handler: 'changes', config: { list: [0] } } }).plan;
    const outcomes = await fixture.run(fixture.task({ plan }), fixture.task({ plan }));
    assert.deepEqual(outcomes.map(outputOf), [
      [0, 1],
      [0, 1],
    ]);
  });
});
