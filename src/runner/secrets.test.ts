import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { codeOf, json, outputOf, planOf, startRunner } from './testing/runner-fixture.js';

const VALUE = 'k3y-"0f9a"-of-the-vault';
const KEY = `-----BEGIN KEY-----\nMIIEvQIBADANBgkq\n-----END KEY-----`;

const HANDLERS = `
import { defineHandler } from 'millrace';

const configSchema = {
  type: 'object',
  properties: { token: { type: 'string', pattern: '^[k-]', 'x-secret': true } },
};
const define = (name, run) => defineHandler({ name, configSchema, run });

export const use = define('use', ({ config, log }) => {
  log.info('using ' + config.token, { token: config.token, list: [config.token] });
  log.info('an error', { error: new Error(config.token) });
  log.info('what JSON cannot say', { big: 1n, token: config.token });
  console.log('on the console:', config.token);
  process.stderr.write('on stderr: ' + config.token + '\\n');
  process.emitWarning('as a warning: ' + config.token);
  return { token: config.token, plain: config.plain, [config.token]: 1, length: config.token?.length };
});
export const fail = define('fail', ({ config }) => {
  throw Object.assign(new Error('refused: ' + config.token), { code: 'X'.repeat(110) + config.token });
});
export const toss = define('toss', ({ config }) => { throw { why: [config.token] }; });
export const coded = define('coded', ({ config }) => {
  const error = new Error('coded');
  throw Object.assign(error, { [Symbol.for('none')]: 1, code: config.token });
});
export const crash = define('crash', async ({ config, log, sleep }) => {
  log.info('crashing');
  setImmediate(() => { throw new Error('thrown outside: ' + config.token); });
  await sleep(60_000);
});
export const stray = define('stray', async ({ config, log, sleep }) => {
  Promise.reject(new Error('nobody waits for ' + config.token));
  await sleep(60_000);
});
`;

const OPTIONS = { files: { 'secrets.mjs': HANDLERS }, secrets: { TOKEN: VALUE, KEY } };
const CONFIG = { token: '{{ secrets.TOKEN }}', plain: '{{ secrets.TOKEN }}' };

describe('a task that is given a secret', () => {
  test('has it in marked fields, and neither its output nor its log tells it', async (t) => {
    const fixture = await startRunner(t, OPTIONS);
    const [outcome] = await fixture.run(fixture.task({ definition: { handler: 'use', config: CONFIG } }));
    assert.deepEqual(outputOf(outcome), {
      token: '{{ secrets.TOKEN }}',
      plain: '{{ secrets.TOKEN }}',
      '{{ secrets.TOKEN }}': 1,
      length: VALUE.length,
    });
    await fixture.untilLogged('on the console: {{ secrets.TOKEN }}');
    await fixture.untilLogged('on stderr: {{ secrets.TOKEN }}');
    await fixture.until(
      () => fixture.logs.some(({ message }) => message.includes('as a warning: {{ secrets.TOKEN }}')),
      'the warning',
    );
    const told = fixture.logs.find(({ message }) => message === 'using {{ secrets.TOKEN }}');
    assert.deepEqual(told?.fields, { token: '{{ secrets.TOKEN }}', list: ['{{ secrets.TOKEN }}'] });
    assert.ok(!JSON.stringify(fixture.logs).includes('0f9a'));
  });

  test('of several lines has no line of it on the console', async (t) => {
    const fixture = await startRunner(t, OPTIONS);
    const config = { token: '{{ secrets.KEY }}' };
    const [outcome] = await fixture.run(fixture.task({ definition: { handler: 'use', config } }));
    assert.equal((outputOf(outcome) as { length: number }).length, KEY.length);
    await fixture.until(
      () => fixture.logs.some(({ message }) => message.startsWith('on the console: {{ secrets.KEY }}')),
      'the console',
    );
    assert.ok(!JSON.stringify(fixture.logs).includes('MIIEvQIBADANBgkq'));
  });

  test('fails without telling it, whatever is thrown', async (t) => {
    const fixture = await startRunner(t, OPTIONS);
    const tasks = ['fail', 'toss', 'coded'].map((handler) =>
      fixture.task({ definition: { handler, config: CONFIG } }),
    );
    const outcomes = await fixture.run(...tasks);
    for (const outcome of outcomes) {
      assert.equal(outcome.kind, 'failed');
      assert.ok(!JSON.stringify(outcome).includes('k3y'), JSON.stringify(outcome));
    }
    const [failed] = outcomes;
    assert.equal(failed?.kind === 'failed' && failed.fault.message, 'refused: {{ secrets.TOKEN }}');
  });

  for (const handler of ['crash', 'stray']) {
    test(`that ends its thread by ${handler} does not tell it either`, async (t) => {
      const fixture = await startRunner(t, OPTIONS);
      const [outcome] = await fixture.run(fixture.task({ definition: { handler, config: CONFIG } }));
      assert.equal(outcome?.kind, 'crashed');
      assert.match(outcome?.kind === 'crashed' ? outcome.reason : '', /\{\{ secrets\.TOKEN \}\}$/);
      await fixture.until(
        () => fixture.logs.some(({ message }) => /died: .*\{\{ secrets\.TOKEN \}\}$/.test(message)),
        'the death to be told',
      );
      assert.ok(!JSON.stringify(fixture.logs).includes('0f9a'));
    });
  }

  test('gets it from the config that stands in for its own too', async (t) => {
    const fixture = await startRunner(t, OPTIONS);
    const plan = planOf({ id: 'only', handler: 'use', config: { token: 'k-none' } });
    const [outcome] = await fixture.run(fixture.task({ plan, configOverride: json(CONFIG) }));
    assert.equal((outputOf(outcome) as { length: number }).length, VALUE.length);
  });

  test('fails for good where the host has none of that name', async (t) => {
    const fixture = await startRunner(t, OPTIONS);
    const run = async (name: string) => {
      const config = { token: `{{ secrets.${name} }}` };
      const [outcome] = await fixture.run(fixture.task({ definition: { handler: 'use', config } }));
      return outcome;
    };
    for (const name of ['OTHER', 'constructor', 'token']) {
      const outcome = await run(name);
      assert.equal(codeOf(outcome), 'UNKNOWN_SECRET');
      assert.ok(outcome?.kind === 'failed' && !outcome.fault.retryable);
      assert.match(outcome.fault.message, new RegExp(`SECRET_${name}$`));
    }
  });

  test('is checked with it against the schema', async (t) => {
    const fixture = await startRunner(t, { ...OPTIONS, secrets: { TOKEN: 'not-as-it-should-be' } });
    const [outcome] = await fixture.run(fixture.task({ definition: { handler: 'use', config: CONFIG } }));
    assert.equal(codeOf(outcome), 'INVALID_CONFIG');
    assert.ok(!JSON.stringify(outcome).includes('not-as'));
  });
});
