import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { answering, HttpService } from '../../testing/http-service.js';
import { poll } from '../../testing/poll.js';
import { FAULT_HANDLERS } from '../testing/fault-handlers.js';
import { codeOf, type RunnerFixture, startRunner } from '../testing/runner-fixture.js';

const LONG_MS = 3_600_000;
const SHORT_MS = 50;

/** A service that fails, until a test has it answer in another way. */
async function startService(t: TestContext): Promise<HttpService> {
  const service = await HttpService.start();
  t.after(() => service.close());
  service.answer = answering(500);
  return service;
}

const works = answering(200);

async function callOnce(fixture: RunnerFixture, origin: string, timeoutMs = 30_000) {
  const config = { url: `${origin}/path?query=1` };
  const task = fixture.task({ definition: { handler: 'call_external_service', config }, timeoutMs });
  const [outcome] = await fixture.run(task);
  assert.ok(outcome);
  return outcome;
}

const circuitsOf = (resetTimeoutMs: number) => ({ failureThreshold: 3, resetTimeoutMs, halfOpenMaxCalls: 2 });

describe('calls of a service that fails', () => {
  test('are refused after a while, on every thread, and those of another service not', async (t) => {
    const [broken, healthy] = [await startService(t), await startService(t)];
    healthy.answer = works;
    const fixture = await startRunner(t, { threads: 2, concurrency: 2, circuits: circuitsOf(LONG_MS) });
    for (let call = 0; call < 3; call++)
      assert.equal(codeOf(await callOnce(fixture, broken.origin)), 'HTTP_STATUS');
    await poll('the circuit to open', () => fixture.runner.stats().circuits.open === 1);
    const outcomes = await Promise.all(Array.from({ length: 8 }, () => callOnce(fixture, broken.origin)));
    const circuit = `call_external_service:${broken.origin}`;
    for (const outcome of outcomes) {
      assert.ok(outcome.kind === 'refused', JSON.stringify(outcome));
      assert.equal(outcome.circuit, circuit);
      assert.ok(outcome.retryInMs > 0 && outcome.retryInMs <= LONG_MS);
    }
    assert.equal(broken.calls, 3);
    assert.equal((await callOnce(fixture, healthy.origin)).kind, 'completed');
    assert.deepEqual(fixture.runner.stats().circuits, {
      ...{ closed: 1, open: 1, half_open: 0, opened: 1, refused: 8 },
    });
    broken.answer = works;
    assert.ok(fixture.runner.circuits.reset(circuit));
    assert.equal((await callOnce(fixture, broken.origin)).kind, 'completed');
  });

  test('are let through on trial, as many as the settings say over all threads', async (t) => {
    const service = await startService(t);
    const fixture = await startRunner(t, { threads: 2, concurrency: 4, circuits: circuitsOf(SHORT_MS) });
    for (let call = 0; call < 3; call++) await callOnce(fixture, service.origin);
    const held: (() => void)[] = [];
    service.answer = (_, response) => {
      held.push(() => response.end('{}'));
    };
    const tasks: ReturnType<typeof callOnce>[] = [];
    await poll('two trial calls', () => {
      if (held.length < 2) tasks.push(callOnce(fixture, service.origin));
      return held.length === 2 && fixture.runner.stats().running === 2;
    });
    const more = await Promise.all(Array.from({ length: 8 }, () => callOnce(fixture, service.origin)));
    assert.ok(more.every(({ kind }) => kind === 'refused'));
    assert.equal(held.length, 2);
    assert.equal(fixture.runner.stats().circuits.half_open, 1);
    for (const answer of held) answer();
    await poll('the circuit to close', () => fixture.runner.stats().circuits.closed === 1);
    const outcomes = await Promise.all(tasks);
    assert.equal(outcomes.filter(({ kind }) => kind === 'completed').length, 2);
  });

  test('that outlast their time-out count, and the trial of a thread that dies is free again', async (t) => {
    const service = await startService(t);
    service.answer = () => {};
    const fixture = await startRunner(t, {
      files: { 'faults.js': FAULT_HANDLERS },
      circuits: { failureThreshold: 2, resetTimeoutMs: SHORT_MS, halfOpenMaxCalls: 1 },
    });
    await poll('the circuit to open', async () => {
      await callOnce(fixture, service.origin, 200);
      return fixture.runner.stats().circuits.opened > 0;
    });
    let trialCalls = 0;
    service.answer = () => {
      trialCalls += fixture.runner.stats().circuits.half_open;
    };
    await poll('a trial call', () => {
      if (fixture.runner.stats().running === 0) void callOnce(fixture, service.origin);
      return trialCalls > 0 && fixture.runner.stats().running === 1;
    });
    service.answer = works;
    fixture.runner.run([fixture.task({ definition: { handler: 'exit' } })]);
    const isLetThrough = async () => (await callOnce(fixture, service.origin)).kind === 'completed';
    await poll('a call to be let through', isLetThrough);
    await poll('the circuit to close', () => fixture.runner.stats().circuits.closed === 1);
  });

  test('that answer 4xx do not count, nor those that nothing listens for anything else', async (t) => {
    const service = await startService(t);
    service.answer = answering(404);
    const fixture = await startRunner(t, { circuits: circuitsOf(LONG_MS) });
    for (let call = 0; call < 5; call++) await callOnce(fixture, service.origin);
    assert.deepEqual(fixture.runner.circuits.list()[0]?.failures, 0);
    const nobody = 'http://127.0.0.1:1';
    for (let call = 0; call < 3; call++)
      assert.equal(codeOf(await callOnce(fixture, nobody)), 'CONNECTION_ERROR');
    assert.equal((await callOnce(fixture, nobody)).kind, 'refused');
    assert.equal((await callOnce(fixture, service.origin)).kind, 'failed');
  });
});
