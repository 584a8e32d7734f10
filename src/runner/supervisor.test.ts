import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FAULT_HANDLERS } from './testing/fault-handlers.js';
import { codeOf, outputOf, type RunnerFixture, startRunner } from './testing/runner-fixture.js';

const files = { 'faults.mjs': FAULT_HANDLERS };

function openGate(name: string): void {
  const channel = new BroadcastChannel(name);
  channel.postMessage('open');
  channel.close();
}

function answeredOnce(fixture: RunnerFixture): boolean {
  return [...fixture.answers.values()].every((results) => results.length === 1);
}

function replacements(fixture: RunnerFixture): { timeout: number; crash: number } {
  return { ...fixture.runner.stats().replaced };
}

describe('time-outs', () => {
  test('an endless loop is answered NODE_TIMEOUT, its thread replaced, and its neighbours run again', async (t) => {
    const fixture = await startRunner(t, { files });
    const neighbours = [1, 2, 3].map(() =>
      fixture.task({ definition: { handler: 'wait', config: { ms: 50 } } }),
    );
    const loop = fixture.task({ definition: { handler: 'loop' }, timeoutMs: 200 });
    const behind = [1, 2].map(() => fixture.task({ definition: { handler: 'echo', config: { a: 1 } } }));
    const outcomes = await fixture.run(...neighbours, loop, ...behind);
    assert.deepEqual(outcomes.slice(0, 3).map(outputOf), [{ waited: 50 }, { waited: 50 }, { waited: 50 }]);
    assert.equal(codeOf(outcomes[3]), 'NODE_TIMEOUT');
    assert.deepEqual(outcomes.slice(4).map(outputOf), [{ a: 1 }, { a: 1 }]);
    assert.ok(answeredOnce(fixture));
    assert.deepEqual(replacements(fixture), { timeout: 1, crash: 0 });
    assert.equal(fixture.runner.stats().running, 0);
  });

  test('a time-out is transient and may be retried', async (t) => {
    const fixture = await startRunner(t, { files });
    const [outcome] = await fixture.run(fixture.task({ definition: { handler: 'loop' }, timeoutMs: 20 }));
    assert.ok(outcome?.kind === 'failed');
    assert.equal(outcome.fault.category, 'transient');
    assert.equal(outcome.fault.retryable, true);
    assert.match(outcome.fault.message, /20 ms/);
  });

  test('a loop that begins after an await does not have an innocent neighbour found guilty', async (t) => {
    const fixture = await startRunner(t, { files });
    const patient = fixture.task({ definition: { handler: 'wait', config: { ms: 150 } }, timeoutMs: 1000 });
    const loop = fixture.task({ definition: { handler: 'late_loop' }, timeoutMs: 3000 });
    const outcomes = await fixture.run(patient, loop);
    assert.deepEqual(outputOf(outcomes[0]), { waited: 150 });
    assert.equal(codeOf(outcomes[1]), 'NODE_TIMEOUT');
    assert.ok(answeredOnce(fixture));
  });

  test('a handler that ignores its signal is answered at its time-out, and its thread replaced after the grace', async (t) => {
    const fixture = await startRunner(t, { files });
    const beside = fixture.task({ definition: { handler: 'gate', config: { gate: 'ignored-signal' } } });
    const hang = fixture.task({ definition: { handler: 'hang' }, timeoutMs: 50 });
    fixture.runner.run([beside, hang]);
    assert.equal(codeOf((await fixture.outcomes([hang]))[0]), 'NODE_TIMEOUT');
    await fixture.untilLogged('at gate', 2);
    openGate('ignored-signal');
    assert.equal((await fixture.outcomes([beside]))[0]?.kind, 'completed');
    assert.ok(answeredOnce(fixture));
    assert.deepEqual(replacements(fixture), { timeout: 1, crash: 0 });
  });

  test('a handler that returns at its signal keeps its thread', async (t) => {
    const fixture = await startRunner(t, { files, abortGraceMs: 20_000 });
    const [outcome] = await fixture.run(fixture.task({ definition: { handler: 'clean_up' }, timeoutMs: 30 }));
    assert.equal(codeOf(outcome), 'NODE_TIMEOUT');
    await fixture.untilLogged('cleaned up');
    await fixture.run(fixture.task({}));
    assert.deepEqual(replacements(fixture), { timeout: 0, crash: 0 });
    assert.equal(fixture.runner.room(), 16);
  });

  test('time runs from the start of the handler, not while the task waits', async (t) => {
    const fixture = await startRunner(t, { files, concurrency: 1 });
    const gate = fixture.task({ definition: { handler: 'gate', config: { gate: 'first' } } });
    const second = fixture.task({ definition: { handler: 'wait', config: { ms: 1 } }, timeoutMs: 400 });
    fixture.runner.run([gate, second]);
    await fixture.untilLogged('at gate');
    await fixture.run(fixture.task({ definition: { handler: 'wait', config: { ms: 600 } }, alone: true }));
    openGate('first');
    assert.deepEqual((await fixture.outcomes([second])).map(outputOf), [{ waited: 1 }]);
  });
});

describe('blocked threads', () => {
  test('tasks that wait unstarted in a blocked thread run in another, once', async (t) => {
    const fixture = await startRunner(t, { files, threads: 2 });
    const loop = fixture.task({ definition: { handler: 'loop' }, timeoutMs: 20_000 });
    fixture.runner.run([loop]);
    await fixture.untilLogged('looping');
    const others = Array.from({ length: 20 }, () => fixture.task({ definition: { handler: 'thread' } }));
    const threads = new Set(
      (await fixture.run(...others)).map((outcome) => JSON.stringify(outputOf(outcome))),
    );
    assert.equal(threads.size, 1);
    assert.ok(!fixture.answers.has(loop.key));
    fixture.runner.abort([loop.key]);
  });

  test('a blocked thread that is the only one gets a substitute', async (t) => {
    const fixture = await startRunner(t, { files });
    const loop = fixture.task({ definition: { handler: 'loop' }, timeoutMs: 60_000 });
    fixture.runner.run([loop]);
    await fixture.untilLogged('looping');
    const outcomes = await fixture.run(fixture.task({}), fixture.task({}));
    assert.deepEqual(outcomes.map(outputOf), [{}, {}]);
    assert.ok(!fixture.answers.has(loop.key));
  });

  test('a thread that was busy for long takes tasks again, and no task is lost or run twice', async (t) => {
    const fixture = await startRunner(t, { files });
    const busy = fixture.task({ definition: { handler: 'spin', config: { ms: 400 } } });
    const tasks = Array.from({ length: 8 }, () => fixture.task({}));
    const outcomes = await fixture.run(busy, ...tasks);
    assert.deepEqual(outputOf(outcomes[0]), { spun: 400 });
    assert.equal(outcomes.length, 9);
    assert.ok(answeredOnce(fixture));
    await fixture.run(fixture.task({}));
    assert.equal(fixture.runner.room(), 16);
  });
});

describe('threads that die', () => {
  for (const handler of ['exit', 'stray', 'uncaught']) {
    test(`${handler}: the only task is answered crashed alone, and the next runs in a new thread`, async (t) => {
      const fixture = await startRunner(t, { files });
      const [outcome] = await fixture.run(fixture.task({ definition: { handler } }));
      assert.ok(outcome?.kind === 'crashed');
      assert.equal(outcome.alone, true);
      assert.notEqual(outcome.reason, '');
      assert.deepEqual((await fixture.run(fixture.task({}))).map(outputOf), [{}]);
      assert.deepEqual(replacements(fixture), { timeout: 0, crash: 1 });
    });
  }

  test('tasks that were started beside the one that ends the thread are crashed, not alone; others run elsewhere', async (t) => {
    const fixture = await startRunner(t, { files });
    const waits = [1, 2].map(() => fixture.task({ definition: { handler: 'wait', config: { ms: 60_000 } } }));
    const exit = fixture.task({ definition: { handler: 'exit' } });
    const behind = fixture.task({});
    const outcomes = await fixture.run(...waits, exit, behind);
    const crashed = outcomes.slice(0, 3).map((outcome) => outcome.kind === 'crashed' && outcome.alone);
    assert.deepEqual(crashed, [false, false, false]);
    assert.deepEqual(outputOf(outcomes[3]), {});
    assert.ok(answeredOnce(fixture));
  });

  test('what was finished before the thread ended counts', async (t) => {
    const fixture = await startRunner(t, { files });
    const done = fixture.task({ definition: { handler: 'echo', config: { done: true } } });
    const exit = fixture.task({ definition: { handler: 'exit' } });
    const outcomes = await fixture.run(done, exit);
    assert.deepEqual(outputOf(outcomes[0]), { done: true });
    assert.ok(outcomes[1]?.kind === 'crashed' && outcomes[1].alone);
  });

  test('also where the main thread was too busy to notice either', async (t) => {
    const fixture = await startRunner(t, { files });
    const done = fixture.task({ definition: { handler: 'echo', config: { done: true } } });
    fixture.runner.run([done, fixture.task({ definition: { handler: 'exit' } })]);
    await Promise.resolve();
    const end = performance.now() + 300;
    while (performance.now() < end);
    assert.deepEqual(outputOf((await fixture.outcomes([done]))[0]), { done: true });
  });

  test('a handler that exhausts the memory ends its thread only', async (t) => {
    const fixture = await startRunner(t, { files, memoryLimitMb: 32 });
    const [outcome] = await fixture.run(fixture.task({ definition: { handler: 'hog' } }));
    assert.ok(outcome?.kind === 'crashed');
    assert.match(outcome.reason, /memory/);
    assert.deepEqual((await fixture.run(fixture.task({}))).map(outputOf), [{}]);
  });
});

describe('abort', () => {
  test('fires the signal and answers nothing', async (t) => {
    const fixture = await startRunner(t, { files, abortGraceMs: 20_000 });
    const task = fixture.task({ definition: { handler: 'clean_up' } });
    fixture.runner.run([task]);
    await fixture.untilLogged('started');
    fixture.runner.abort([task.key]);
    await fixture.untilLogged('cleaned up');
    await fixture.run(fixture.task({}));
    assert.ok(!fixture.answers.has(task.key));
    assert.equal(fixture.runner.room(), 16);
    assert.equal(fixture.runner.stats().running, 0);
  });

  test('of a task that waits keeps it from running', async (t) => {
    const fixture = await startRunner(t, { files, concurrency: 1 });
    const gate = fixture.task({ definition: { handler: 'gate', config: { gate: 'abort-waiting' } } });
    const waiting = fixture.task({ definition: { handler: 'clean_up' } });
    fixture.runner.run([gate, waiting]);
    await fixture.untilLogged('at gate');
    fixture.runner.abort([waiting.key]);
    openGate('abort-waiting');
    await fixture.outcomes([gate]);
    await fixture.run(fixture.task({}));
    assert.ok(!fixture.logs.some((line) => line.message === 'started'));
    assert.equal(fixture.runner.room(), 1);
  });

  test('a handler that does not return after it does not keep the thread', async (t) => {
    const fixture = await startRunner(t, { files });
    const loop = fixture.task({ definition: { handler: 'loop' } });
    fixture.runner.run([loop]);
    await fixture.untilLogged('looping');
    fixture.runner.abort([loop.key]);
    assert.deepEqual((await fixture.run(fixture.task({}))).map(outputOf), [{}]);
    assert.ok(!fixture.answers.has(loop.key));
    assert.deepEqual(replacements(fixture), { timeout: 1, crash: 0 });
  });
});

describe('tasks that run alone', () => {
  test('run beside a stream of others, which they do not stall', async (t) => {
    const fixture = await startRunner(t, { files });
    const alone = fixture.task({ definition: { handler: 'gate', config: { gate: 'alone' } }, alone: true });
    const before = fixture.task({ definition: { handler: 'gate', config: { gate: 'common' } } });
    fixture.runner.run([before, alone]);
    await fixture.untilLogged('at gate', 2);
    const outcomes = await fixture.run(
      ...Array.from({ length: 50 }, () => fixture.task({ definition: { handler: 'thread' } })),
    );
    openGate('alone');
    openGate('common');
    const [aloneOutcome, beforeOutcome] = await fixture.outcomes([alone, before]);
    const common = outputOf(beforeOutcome);
    for (const outcome of outcomes) assert.deepEqual(outputOf(outcome), common);
    assert.notDeepEqual(outputOf(aloneOutcome), common);
  });

  test('never share their thread with each other', async (t) => {
    const fixture = await startRunner(t, { files, threads: 2 });
    const tasks = [1, 2, 3, 4].map(() =>
      fixture.task({ definition: { handler: 'wait', config: { ms: 60_000 } }, alone: true, timeoutMs: 100 }),
    );
    const exit = fixture.task({ definition: { handler: 'exit' }, alone: true });
    const outcomes = await fixture.run(...tasks, exit);
    assert.deepEqual(outcomes.slice(0, 4).map(codeOf), Array(4).fill('NODE_TIMEOUT'));
    assert.deepEqual(outcomes[4]?.kind === 'crashed' && outcomes[4].alone, true);
  });
});
