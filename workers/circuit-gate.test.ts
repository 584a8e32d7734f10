import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { monotonicMs } from '../src/runner/frames/thread-clock.js';
import { CircuitGate, CircuitOpen } from './circuit-gate.js';
import { HandlerFault, type HandlerFaultOptions } from './handler-fault.js';

const CIRCUIT = 'h:https://a.example.com';
const call = { handler: 'h', origin: 'https://a.example.com', signal: new AbortController().signal };
const LONG_MS = 3_600_000;

function createGate() {
  const asked: number[] = [];
  const gate = new CircuitGate((question, circuit) => {
    assert.equal(circuit, CIRCUIT);
    asked.push(question);
  });
  return { gate, asked };
}

const failing =
  (code: HandlerFault['code'], options: Partial<HandlerFaultOptions> = {}) =>
  async () => {
    throw new HandlerFault(code, 'no', { category: 'transient', ...options });
  };

describe('a gate', () => {
  test('lets calls through that it was told nothing of, and tells how they ended', async () => {
    const { gate, asked } = createGate();
    assert.equal(await gate.pass(call, async () => 7), 7);
    const ends: [() => Promise<never>, string | undefined][] = [
      [failing('CONNECTION_ERROR'), 'failed'],
      [failing('HTTP_STATUS', { retryable: true }), 'failed'],
      [failing('HTTP_STATUS', { retryable: false }), 'succeeded'],
      [failing('OUTPUT_TOO_LARGE'), 'succeeded'],
      [failing('INVALID_CONFIG'), undefined],
      [() => Promise.reject(new Error('of the handler itself')), undefined],
    ];
    assert.deepEqual(gate.takeReports(), [{ circuit: CIRCUIT, end: 'succeeded', trial: 0 }]);
    for (const [makeCall, end] of ends) {
      await assert.rejects(gate.pass(call, makeCall));
      assert.deepEqual(gate.takeReports(), end === undefined ? [] : [{ circuit: CIRCUIT, end, trial: 0 }]);
    }
    assert.deepEqual(asked, []);
  });

  test('holds a time-out against the service, and a cancellation not', async () => {
    for (const [name, end] of [
      ['TimeoutError', 'failed'],
      ['AbortError', undefined],
    ] as const) {
      const { gate } = createGate();
      const controller = new AbortController();
      const { signal } = controller;
      const passing = gate.pass({ ...call, signal }, async () => {
        controller.abort(new DOMException('over', name));
        throw signal.reason;
      });
      await assert.rejects(passing, { name });
      assert.deepEqual(
        gate.takeReports().map((report) => report.end),
        end === undefined ? [] : [end],
      );
    }
  });

  test('refuses calls of an open circuit at once, without asking', async () => {
    const { gate, asked } = createGate();
    gate.receive({ kind: 'circuit', circuit: CIRCUIT, retryAt: monotonicMs() + LONG_MS });
    const refused = gate.pass(call, () => assert.fail('the call was made'));
    await assert.rejects(refused, (error: unknown) => {
      assert.ok(error instanceof CircuitOpen);
      assert.equal(error.circuit, CIRCUIT);
      assert.ok(error.retryInMs > 0 && error.retryInMs <= LONG_MS);
      return true;
    });
    assert.deepEqual([asked, gate.takeReports()], [[], []]);
    assert.equal(await gate.pass({ ...call, origin: 'https://b.example.com' }, async () => 'other'), 'other');
    gate.receive({ kind: 'circuit', circuit: CIRCUIT, retryAt: undefined });
    assert.equal(await gate.pass(call, async () => 'closed'), 'closed');
  });

  test('asks where a trial is due, and does as it is told', async () => {
    const { gate, asked } = createGate();
    gate.receive({ kind: 'circuit', circuit: CIRCUIT, retryAt: monotonicMs() });
    const admitted = gate.pass(call, async () => 'made');
    const refused = gate.pass(call, () => assert.fail('the call was made'));
    assert.deepEqual(asked, [1, 2]);
    gate.receive({ kind: 'verdict', question: 2, verdict: { kind: 'refused', retryInMs: 50 } });
    gate.receive({ kind: 'verdict', question: 1, verdict: { kind: 'admitted', trial: 4 } });
    await assert.rejects(refused, { retryInMs: 50 });
    assert.equal(await admitted, 'made');
    assert.deepEqual(gate.takeReports(), [{ circuit: CIRCUIT, end: 'succeeded', trial: 4 }]);
  });

  test('gives a trial back that was granted to a task which has ended', async () => {
    const { gate } = createGate();
    gate.receive({ kind: 'circuit', circuit: CIRCUIT, retryAt: monotonicMs() });
    const controller = new AbortController();
    const passing = gate.pass({ ...call, signal: controller.signal }, () => assert.fail('the call was made'));
    controller.abort();
    gate.receive({ kind: 'verdict', question: 1, verdict: { kind: 'admitted', trial: 1 } });
    await assert.rejects(passing, { name: 'AbortError' });
    assert.deepEqual(gate.takeReports(), [{ circuit: CIRCUIT, end: 'untold', trial: 1 }]);
  });
});
