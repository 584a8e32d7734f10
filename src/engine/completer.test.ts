import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { compilePlan } from '../model/compile-plan.js';
import type { RetryDefinition } from '../model/definition.js';
import type { RunnerOutcome, TaskFault } from '../runner/task-runner.js';
import { leasedTask } from '../testing/engine-doubles.js';
import { Completer, type CompleterOptions } from './completer.js';

const OPTIONS: CompleterOptions = {
  retryDefaults: {
    maxAttempts: 3,
    initialIntervalMs: 100,
    backoffCoefficient: 2,
    maxIntervalMs: 1000,
    jitter: 0.5,
    nonRetryable: [],
  },
  maxDeliveries: 5,
  onCircuitOpen: 'wait',
  random: () => 0.5,
};

const FAULT: TaskFault = { code: 'BROKEN', message: 'it broke', category: 'handler', retryable: true };

/** What becomes of a task in this attempt, with what its node says of retries. */
function after(
  outcome: RunnerOutcome,
  task: { readonly attempt?: number; readonly alone?: boolean; readonly retry?: RetryDefinition } = {},
  options: Partial<CompleterOptions> = {},
) {
  const { retry, ...rest } = task;
  const node = { id: 'a', handler: 'work', ...(retry && { retry }) };
  const plan = compilePlan({ name: 'one', dag: { nodes: [node] } });
  return new Completer({ ...OPTIONS, ...options }).outcomeOf(leasedTask(0, { plan, ...rest }), outcome);
}

describe('an attempt', () => {
  test('that came to its end stands as it is', () => {
    const output = Buffer.from('1');
    for (const outcome of [
      { kind: 'completed', output },
      { kind: 'skipped' },
      { kind: 'sleep', delayMs: 5, output },
    ] as const) {
      assert.deepEqual(after(outcome), outcome);
    }
  });

  test('that failed is followed by another after a wait that grows', () => {
    const failed = { kind: 'failed', fault: FAULT } as const;
    const { retryable, ...error } = FAULT;
    assert.deepEqual(after(failed, { attempt: 1 }), {
      kind: 'retry',
      delayMs: 75,
      error,
      countsAttempt: true,
    });
    const second = after(failed, { attempt: 2 });
    assert.equal(second.kind === 'retry' && second.delayMs, 150);
    assert.deepEqual(after(failed, { attempt: 3 }), { kind: 'failed', error });
  });

  test('is retried as its node says', () => {
    const failed = { kind: 'failed', fault: FAULT } as const;
    const retry = { max_attempts: 5, initial_interval_ms: 7, jitter: 0 };
    const outcome = after(failed, { attempt: 4, retry });
    assert.equal(outcome.kind === 'retry' && outcome.delayMs, 56);
    assert.equal(after(failed, { retry: { non_retryable: ['BROKEN'] } }).kind, 'failed');
  });

  test('that no other could help fails its node', () => {
    assert.equal(after({ kind: 'failed', fault: { ...FAULT, retryable: false } }).kind, 'failed');
  });

  test('waits as long as the called service asks', () => {
    const outcome = after({ kind: 'failed', fault: { ...FAULT, retryAfterMs: 9000 } });
    assert.equal(outcome.kind === 'retry' && outcome.delayMs, 9000);
  });

  test('keeps what groups alike failures', () => {
    const outcome = after({
      kind: 'failed',
      fault: { ...FAULT, retryable: false, tracebackHash: 'abc' },
    });
    assert.equal(outcome.kind === 'failed' && outcome.error.tracebackHash, 'abc');
  });
});

describe('a call that an open circuit refuses', () => {
  const refused = { kind: 'refused', circuit: 'h:https://a.example.com', retryInMs: 1000 } as const;

  test('waits for the circuit, not all at once, and is no attempt', () => {
    const outcome = after(refused, { attempt: 3 });
    assert.ok(outcome.kind === 'retry');
    assert.deepEqual([outcome.delayMs, outcome.countsAttempt], [1050, false]);
    assert.deepEqual([outcome.error.code, outcome.error.category], ['CIRCUIT_OPEN', 'transient']);
    assert.match(outcome.error.message, /h:https:\/\/a\.example\.com/);
  });

  test('is an attempt that failed where the setting says so', () => {
    const outcome = after(refused, { attempt: 1 }, { onCircuitOpen: 'fail' });
    assert.ok(outcome.kind === 'retry');
    assert.deepEqual([outcome.delayMs, outcome.countsAttempt], [75, true]);
    const last = after(refused, { attempt: 3 }, { onCircuitOpen: 'fail' });
    assert.equal(last.kind === 'failed' && last.error.code, 'CIRCUIT_OPEN');
    const retry = { non_retryable: ['CIRCUIT_OPEN'] };
    assert.equal(after(refused, { retry }, { onCircuitOpen: 'fail' }).kind, 'failed');
  });
});

describe('the death of a thread', () => {
  const crashed = (alone: boolean) => ({ kind: 'crashed', alone, reason: 'out of memory' }) as const;

  test('is no fault of a task that shared it, or was the first to be alone by chance', () => {
    for (const [ran, leased] of [
      [false, false],
      [true, false],
      [false, true],
    ] as const) {
      const outcome = after(crashed(ran), { alone: leased });
      assert.equal(outcome.kind, 'lost');
      assert.equal(outcome.kind === 'lost' && outcome.maxDeliveries, 5);
      assert.equal(outcome.kind === 'lost' && outcome.error.code, 'WORKER_CRASHED');
    }
  });

  test('is a failed attempt of a task that was run alone because one died before', () => {
    const outcome = after(crashed(true), { alone: true });
    assert.equal(outcome.kind, 'retry');
    assert.match(outcome.kind === 'retry' ? outcome.error.message : '', /out of memory/);
    const last = after(crashed(true), { alone: true, attempt: 3 });
    assert.equal(last.kind === 'failed' && last.error.code, 'WORKER_CRASHED');
  });
});
