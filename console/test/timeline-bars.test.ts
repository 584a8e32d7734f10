import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { NodeDetail } from '../src/api/types.js';
import { barsOf, tickStepMs } from '../src/execution/timeline-bars.js';

const at = (ms: number) => new Date(ms).toISOString();
const error = { message: 'no', error_code: 'NO', category: 'handler' as const, traceback_hash: null };

function detail(fields: Partial<NodeDetail>): NodeDetail {
  return {
    ...{ state: 'PENDING', attempt: 0, host: null, queued_at: null, started_at: null, finished_at: null },
    ...{ due_at: null, error: null, failures: [] },
    ...fields,
  };
}

function failure(attempt: number, from: number, to: number) {
  return { attempt, host: 'h', started_at: at(from), finished_at: at(to), error };
}

function shown(fields: Partial<NodeDetail>, now = 1000): string[] {
  return barsOf(detail(fields), now).map(({ kind, from, to }) => `${kind} ${from}-${to}`);
}

describe('the bars of a node', () => {
  test('are none before it is ready', () => {
    assert.deepEqual(shown({}), []);
    assert.deepEqual(shown({ state: 'CANCELLED' }), []);
  });

  test('tell the queue and the run, up to now where it goes on', () => {
    const times = { queued_at: at(100), started_at: at(300) };
    assert.deepEqual(shown({ state: 'READY', queued_at: at(100) }), ['queued 100-1000']);
    assert.deepEqual(shown({ state: 'RUNNING', attempt: 1, ...times }), ['queued 100-300', 'run 300-1000']);
    assert.deepEqual(shown({ state: 'COMPLETED', attempt: 1, ...times, finished_at: at(700) }), [
      'queued 100-300',
      'run 300-700',
    ]);
  });

  test('tell each failed attempt and the wait after it', () => {
    const failures = [failure(1, 100, 150), failure(2, 250, 300)];
    const queued = { queued_at: at(500), started_at: at(520), finished_at: at(600) };
    assert.deepEqual(shown({ state: 'COMPLETED', attempt: 3, ...queued, failures }), [
      ...['failed-attempt 100-150', 'delayed 150-250', 'failed-attempt 250-300'],
      ...['delayed 300-500', 'queued 500-520', 'run 520-600'],
    ]);
    assert.deepEqual(shown({ state: 'DELAYED', attempt: 2, failures }), [
      ...['failed-attempt 100-150', 'delayed 150-250', 'failed-attempt 250-300', 'delayed 300-1000'],
    ]);
    const last = { queued_at: at(240), started_at: at(250), finished_at: at(300) };
    assert.deepEqual(
      shown({ state: 'FAILED', attempt: 2, ...last, failures }).at(-1),
      'failed-attempt 250-300',
    );
  });

  test('tell a sleep', () => {
    const times = { queued_at: at(100), started_at: at(100) };
    assert.deepEqual(shown({ state: 'DELAYED', attempt: 1, ...times }), ['delayed 100-1000']);
  });

  test('stand on a scale of round steps', () => {
    assert.deepEqual(
      [6, 6.1, 60, 700, 0].map((span) => tickStepMs(span, 6)),
      [1, 2, 10, 200, 1],
    );
  });
});
