import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { BUILTIN_HANDLERS } from '../model/builtin-handlers.js';
import { withTrace } from '../model/trace-context.js';
import { FAULT_HANDLERS } from './testing/fault-handlers.js';
import { codeOf, createRunner, json, outputOf, planOf, startRunner } from './testing/runner-fixture.js';

const INSPECT = `
import { defineHandler } from 'millrace';
export default defineHandler({
  name: 'inspect',
  run: ({ config, params, outputs, attempt, executionId, nodeId, workflowName, idempotencyKey }) =>
    ({ config, params, outputs, attempt, executionId, nodeId, workflowName, idempotencyKey }),
});
`;

describe('a task', () => {
  test('gets config, params and outputs, with templates resolved', async (t) => {
    const fixture = await startRunner(t, { files: { 'inspect.js': INSPECT } });
    const plan = planOf(
      { id: 'root', handler: 'input' },
      { id: '__proto_', handler: 'input' },
      {
        id: 'last',
        handler: 'inspect',
        dependencies: ['root', '__proto_'],
        config: {
          whole: '{{ root.n }}',
          text: 'n={{ root.n }} of {{ params.who }}',
          missing: '{{ root.none }}',
        },
      },
    );
    const task = fixture.task({
      plan,
      node: 2,
      params: { who: 'all' },
      inputs: { 0: { n: [1] }, 1: 'x' },
      attempt: 3,
    });
    assert.deepEqual(outputOf((await fixture.run(task))[0]), {
      config: { whole: [1], text: 'n=[1] of all', missing: '{{ root.none }}' },
      params: { who: 'all' },
      outputs: { root: { n: [1] }, __proto_: 'x' },
      attempt: 3,
      executionId: task.executionId,
      nodeId: 'last',
      workflowName: 'fixture',
      idempotencyKey: task.idempotencyKey,
    });
  });

  test('is told its trace, and its log lines name it; the params are what they were', async (t) => {
    const handler = `
import { defineHandler } from 'millrace';
export default defineHandler({
  name: 'traced',
  run({ log, params, traceparent, tracestate }) {
    log.info('at work');
    return { params, traceparent, tracestate };
  },
});
`;
    const fixture = await startRunner(t, { files: { 'traced.js': handler } });
    const traceId = 'ab'.repeat(16);
    const trace = { traceparent: `00-${traceId}-${'cd'.repeat(8)}-01`, tracestate: 'vendor=1' };
    const plan = planOf({ id: 'only', handler: 'traced', condition: '{{ params.n }} == 1' });
    const params = { n: 1 };
    const traced = fixture.task({ plan, params });
    const outcomes = await fixture.run(
      { ...traced, params: withTrace(traced.params, trace) },
      fixture.task({ plan, params }),
    );
    assert.deepEqual(outcomes.map(outputOf), [{ params, ...trace }, { params }]);
    assert.deepEqual(
      fixture.logs.map((line) => [line.executionId === traced.executionId, line.traceId]),
      [
        [true, traceId],
        [false, undefined],
      ],
    );
  });

  test('is handed the outputs of its dependencies only, not all that its templates read', async (t) => {
    const fixture = await startRunner(t, { files: { 'inspect.js': INSPECT } });
    const plan = planOf(
      { id: 'far', handler: 'input' },
      { id: 'near', handler: 'input', dependencies: ['far'] },
      { id: 'last', handler: 'inspect', dependencies: ['near'], config: { far: '{{ far.v }}' } },
    );
    const task = fixture.task({ plan, node: 2, inputs: { 0: { v: 1 }, 1: { v: 2 } } });
    const output = outputOf((await fixture.run(task))[0]) as { config: unknown; outputs: unknown };
    assert.deepEqual([output.config, output.outputs], [{ far: 1 }, { near: { v: 2 } }]);
  });

  test('whose placeholders put in far more than its inputs have fails, and its thread lives on', async (t) => {
    const fixture = await startRunner(t);
    const often = '{{ params.x }}'.repeat(2000);
    const params = { x: 'x'.repeat(20_000), list: new Array(20_000).fill('') };
    const configs: Record<string, unknown>[] = [
      { handler: 'echo', config: { text: often } },
      { handler: 'echo', config: { values: new Array(2000).fill('{{ params.list }}') } },
      { handler: 'echo', condition: `${often} == 1` },
      { handler: 'echo', config: { text: '{{ params.x }}'.repeat(2), list: '{{ params.list }}' } },
    ];
    const tasks = configs.map((node) =>
      fixture.task({ plan: planOf({ id: 'only', handler: 'echo', ...node }), params }),
    );
    const outcomes = await fixture.run(...tasks);
    const large = 'INPUT_TOO_LARGE';
    assert.deepEqual(outcomes.slice(0, 3).map(codeOf), [large, large, large]);
    assert.deepEqual(outputOf(outcomes[3]), { text: params.x.repeat(2), list: params.list });
    const plan = planOf({ id: 'only', handler: 'echo' });
    const edited = fixture.task({ plan, params, configOverride: json({ text: often }) });
    assert.equal(codeOf((await fixture.run(edited))[0]), large);
  });

  test('whose condition is false is skipped', async (t) => {
    const fixture = await startRunner(t);
    const withCondition = (flag: boolean) =>
      fixture.task({
        definition: { handler: 'echo', condition: '{{ params.flag }} == True' },
        params: { flag },
      });
    const outcomes = await fixture.run(withCondition(true), withCondition(false));
    assert.deepEqual(
      outcomes.map(({ kind }) => kind),
      ['completed', 'skipped'],
    );
  });

  test('runs with the config that stands in for its own, and only that one', async (t) => {
    const fixture = await startRunner(t);
    const plan = planOf({ id: 'only', handler: 'echo', config: { from: 'definition' } });
    const override = json({ from: 'override', p: '{{ params.x }}' });
    const outcomes = await fixture.run(
      fixture.task({ plan }),
      fixture.task({ plan, configOverride: override, params: { x: 5 } }),
      fixture.task({ plan }),
      fixture.task({ plan, configOverride: Buffer.from('{') }),
    );
    const definition = { from: 'definition' };
    assert.deepEqual(outcomes.slice(0, 3).map(outputOf), [
      definition,
      { from: 'override', p: 5 },
      definition,
    ]);
    assert.equal(codeOf(outcomes[3]), 'INVALID_CONFIG');
  });

  test('of an unknown handler fails without a retry', async (t) => {
    const fixture = await startRunner(t);
    const [outcome] = await fixture.run(fixture.task({ definition: { handler: 'nobody' } }));
    assert.equal(codeOf(outcome), 'UNKNOWN_HANDLER');
    assert.ok(outcome?.kind === 'failed' && !outcome.fault.retryable);
  });

  test('of the delay handler asks for a durable timer', async (t) => {
    const fixture = await startRunner(t);
    const delay = (seconds: unknown) =>
      fixture.task({ definition: { handler: 'delay', config: { seconds } } });
    const [sleep, negative, text] = await fixture.run(delay(1.5), delay(-1), delay('soon'));
    assert.ok(sleep?.kind === 'sleep');
    assert.equal(sleep.delayMs, 1500);
    assert.deepEqual(JSON.parse(Buffer.from(sleep.output ?? []).toString()), { delayed_seconds: 1.5 });
    assert.deepEqual([negative, text].map(codeOf), ['INVALID_CONFIG', 'INVALID_CONFIG']);
  });

  test('with large payloads comes back as it went, beside small ones', async (t) => {
    const fixture = await startRunner(t, { maxOutputBytes: 8 << 20 });
    const plan = planOf({ id: 'only', handler: 'echo', config: { text: '{{ params.text }}' } });
    const texts = ['', 'é'.repeat(2_000_000), 'small', 'x'.repeat(20_000), '\u0000"\\'];
    const outcomes = await fixture.run(...texts.map((text) => fixture.task({ plan, params: { text } })));
    assert.deepEqual(
      outcomes.map(outputOf),
      texts.map((text) => ({ text })),
    );
  });
});

describe('the runner', () => {
  test('lists its handlers with their schemas', async (t) => {
    const schema = { type: 'object', required: ['to'] };
    const mail = `import { defineHandler } from 'millrace';
      export const mail = defineHandler({ name: 'mail', configSchema: ${JSON.stringify(schema)}, run() {} });`;
    const { runner } = await startRunner(t, { files: { 'mail.mjs': mail } });
    assert.deepEqual([...runner.handlers.keys()], [...BUILTIN_HANDLERS, 'mail']);
    assert.deepEqual(runner.handlers.get('mail'), { name: 'mail', builtin: false, configSchema: schema });
    assert.equal(runner.handlers.get('echo')?.builtin, true);
  });

  test('has room for what its threads do not run', async (t) => {
    const { runner, ...fixture } = await startRunnerWithGate(t);
    assert.equal(runner.room(), 32);
    runner.run([1, 2, 3].map(() => fixture.gateTask()));
    await fixture.untilAtGate(3);
    assert.equal(runner.room(), 29);
    assert.equal(runner.stats().running, 3);
    fixture.open();
    await fixture.allDone();
    assert.equal(runner.room(), 32);
    const { threads, running, replaced } = runner.stats();
    assert.deepEqual([threads, running, replaced], [2, 0, { timeout: 0, crash: 0 }]);
  });

  test('takes more tasks than it has room for, and runs them in turn', async (t) => {
    const fixture = await startRunner(t, { concurrency: 2 });
    const tasks = Array.from({ length: 3000 }, (_, n) =>
      fixture.task({ definition: { handler: 'echo', config: { n: '{{ params.n }}' } }, params: { n } }),
    );
    const outcomes = await fixture.run(...tasks);
    assert.deepEqual(
      outcomes.map(outputOf),
      tasks.map((_, n) => ({ n })),
    );
    assert.ok([...fixture.answers.values()].every((results) => results.length === 1));
  });

  test('says how long a task waited and ran', async (t) => {
    const fixture = await startRunner(t, { files: { 'faults.mjs': FAULT_HANDLERS } });
    const task = fixture.task({ definition: { handler: 'spin', config: { ms: 30 } } });
    await fixture.run(task);
    const result = fixture.answers.get(task.key)?.[0];
    assert.ok(result !== undefined && result.runMs >= 30 && result.queuedMs >= 0);
  });

  test('closes promptly, whatever its threads do, and answers no more', async (t) => {
    const fixture = await startRunner(t, { threads: 2, files: { 'faults.mjs': FAULT_HANDLERS } });
    fixture.runner.run([
      fixture.task({ definition: { handler: 'loop' } }),
      fixture.task({ definition: { handler: 'hang' } }),
      fixture.task({ definition: { handler: 'hang' }, alone: true }),
    ]);
    await fixture.untilLogged('looping');
    await fixture.runner.close();
    assert.equal(fixture.answers.size, 0);
  });

  test('hands on what handlers log and print', async (t) => {
    const chatty = `import { defineHandler } from 'millrace';
      export default defineHandler({ name: 'chatty', run({ log }) {
        log.warn('by the logger', { n: 1 });
        console.log('by the console', { n: 2 });
        console.error('on stderr');
        process.stdout.write('in two ');
        process.stdout.write('parts\\n');
        const circular = {};
        circular.self = circular;
        log.info('circular', { circular });
      } });`;
    const fixture = await startRunner(t, { files: { 'chatty.mjs': chatty } });
    const task = fixture.task({ definition: { handler: 'chatty' } });
    assert.deepEqual(outputOf((await fixture.run(task))[0]), undefined);
    const { executionId } = task;
    const named = { executionId, nodeId: 'only', handler: 'chatty', attempt: 1 };
    assert.deepEqual(fixture.logs.slice(0, 4), [
      { level: 'warn', message: 'by the logger', fields: { n: 1 }, ...named },
      { level: 'info', message: 'by the console { n: 2 }' },
      { level: 'warn', message: 'on stderr' },
      { level: 'info', message: 'in two parts' },
    ]);
    assert.match(String(fixture.logs[4]?.fields?.fields), /Circular/);
  });
});

describe('a directory of handlers', () => {
  const rejects = async (t: TestContext, files: Record<string, string>, pattern: RegExp) => {
    const fixture = await createRunner(t, { files });
    await assert.rejects(fixture.runner.start(), (error: Error) => {
      assert.match(error.message, pattern);
      return true;
    });
  };
  const handler = (name: string, run = 'run() { return 1; }') =>
    `import { defineHandler } from 'millrace';\nexport default defineHandler({ name: '${name}', ${run} });`;

  test('may hold TypeScript and JavaScript, named and default exports; some files are ignored', async (t) => {
    const typed = `import { defineHandler, type HandlerContext } from 'millrace';
      import { twice } from './_twice.js';
      interface Config { readonly n: number }
      export const doubled = defineHandler<Config>({ name: 'doubled', run: ({ config }: HandlerContext<Config>) => twice(config.n) });
      export const notAHandler = 5;`;
    const fixture = await startRunner(t, {
      files: {
        'typed.ts': typed,
        '_twice.ts': 'export const twice = (n: number): number => 2 * n;',
        'plain.mjs': handler('plain'),
        'plain.test.ts': 'throw new Error("a test was imported");',
        'types.d.ts': 'throw new Error("a declaration was imported");',
        '.hidden.js': 'throw new Error("a hidden file was imported");',
        'README.md': '# not code',
      },
    });
    const outcomes = await fixture.run(
      fixture.task({ definition: { handler: 'doubled', config: { n: 21 } } }),
      fixture.task({ definition: { handler: 'plain' } }),
    );
    assert.deepEqual(outcomes.map(outputOf), [42, 1]);
  });

  test('that is not there stops the start', async (t) => {
    const fixture = await createRunner(t);
    await fixture.runner.close();
    const { CIRCUITS, RunnerFixture } = await import('./testing/runner-fixture.js');
    const absent = new RunnerFixture({
      threads: 1,
      concurrency: 1,
      memoryLimitMb: 64,
      abortGraceMs: 100,
      maxOutputBytes: 100,
      secrets: {},
      handlersDir: '/nowhere/at/all',
      services: {
        ...{ simulateServices: false, simulatedLatency: 0, llmBaseUrl: '', llmApiKey: '', llmModel: '' },
        outbound: { allowPrivate: false, allowHosts: [] },
      },
      circuits: CIRCUITS,
    });
    await assert.rejects(absent.runner.start(), /HANDLERS_DIR .*\/nowhere\/at\/all/);
  });

  test('with a file that cannot be parsed stops the start, and names it', (t) =>
    rejects(
      t,
      { 'good.mjs': handler('good'), 'bad.mjs': 'export default {' },
      /bad\.mjs: cannot be imported/,
    ));

  test('with a file that throws stops the start, and names it', (t) =>
    rejects(t, { 'bad.ts': 'throw new Error("no database");' }, /bad\.ts: cannot be imported: no database/));

  test('with a file that ends its thread stops the start, and names it', (t) =>
    rejects(t, { 'bad.mjs': 'process.exit(3);' }, /bad\.mjs/));

  test('with a file without handlers stops the start, and names it', (t) =>
    rejects(t, { 'bad.mjs': 'export const run = () => 1;' }, /bad\.mjs: exports no handler/));

  test('with two handlers of one name stops the start, and names both files', (t) =>
    rejects(t, { 'a.mjs': handler('same'), 'b.mjs': handler('same') }, /b\.mjs: the name same .*a\.mjs/));

  test("with a built-in handler's name stops the start", (t) =>
    rejects(t, { 'a.mjs': handler('echo') }, /a\.mjs: the name echo is that of a built-in handler/));

  test('with a schema that is none stops the start, and names the handler', (t) =>
    rejects(
      t,
      { 'a.mjs': handler('odd', "configSchema: { type: 'nothing' }, run() {}") },
      /a\.mjs: configSchema of handler odd/,
    ));
});

async function startRunnerWithGate(t: TestContext) {
  const fixture = await startRunner(t, { threads: 2, files: { 'faults.mjs': FAULT_HANDLERS } });
  const tasks: ReturnType<typeof fixture.task>[] = [];
  return {
    runner: fixture.runner,
    gateTask() {
      const task = fixture.task({ definition: { handler: 'gate', config: { gate: 'room' } } });
      tasks.push(task);
      return task;
    },
    untilAtGate: (times: number) => fixture.untilLogged('at gate', times),
    open() {
      const channel = new BroadcastChannel('room');
      channel.postMessage('open');
      channel.close();
    },
    allDone: () => fixture.outcomes(tasks),
  };
}
