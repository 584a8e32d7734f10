import type { LeasedTask, TaskOutcome } from '../model/commands.js';
import { ERRORS, type NodeError } from '../model/errors.js';
import { delayBeforeRetryMs, mayRetry, type RetryPolicy, resolveRetryPolicy } from '../model/retry-policy.js';
import type { RunnerOutcome, TaskFault } from '../runner/task-runner.js';

export interface CompleterOptions {
  readonly retryDefaults: RetryPolicy;
  readonly maxDeliveries: number;
  /** What becomes of a node whose call an open circuit refuses: it waits, or the attempt has failed. */
  readonly onCircuitOpen: 'wait' | 'fail';
  /** 0 ≤ r < 1 */
  readonly random: () => number;
}

/** Share of the wait for a circuit by which nodes that wait for the same one are spread. */
const REFUSAL_SPREAD = 0.1;

/** Decides what a run means for its node: the next attempt, and when, or the end. */
export class Completer {
  readonly #options: CompleterOptions;

  constructor(options: CompleterOptions) {
    this.#options = options;
  }

  outcomeOf(task: LeasedTask, outcome: RunnerOutcome): TaskOutcome {
    switch (outcome.kind) {
      case 'completed':
      case 'skipped':
      case 'sleep':
        return outcome;
      case 'failed':
        return this.#afterFault(task, outcome.fault);
      case 'refused':
        return this.#afterRefusal(task, outcome);
      case 'crashed':
        return this.#afterCrash(task, outcome);
    }
  }

  #afterFault(task: LeasedTask, fault: TaskFault): TaskOutcome {
    const error = errorOf(fault);
    const policy = resolveRetryPolicy(this.#options.retryDefaults, task.plan.nodes[task.node]?.retry);
    const { attempt } = task;
    if (!mayRetry({ policy, attempt, code: fault.code, retryable: fault.retryable }))
      return { kind: 'failed', error };
    const delayMs = delayBeforeRetryMs({
      policy,
      attempt,
      random: this.#options.random(),
      ...(fault.retryAfterMs !== undefined && { retryAfterMs: fault.retryAfterMs }),
    });
    return { kind: 'retry', delayMs, error, countsAttempt: true };
  }

  /** Without an attempt, and not all at the same instant. */
  #afterRefusal(
    task: LeasedTask,
    refusal: { readonly circuit: string; readonly retryInMs: number },
  ): TaskOutcome {
    const message = `the circuit ${refusal.circuit} is open: too many calls of this service failed`;
    const error: NodeError = { code: 'CIRCUIT_OPEN', message, category: 'transient' };
    if (this.#options.onCircuitOpen === 'fail')
      return this.#afterFault(task, { ...error, retryable: ERRORS.CIRCUIT_OPEN.retryable });
    const delayMs = Math.ceil(refusal.retryInMs * (1 + REFUSAL_SPREAD * this.#options.random()));
    return { kind: 'retry', delayMs, error, countsAttempt: false };
  }

  /** Under others a task is not to blame; it runs again alone, and if that thread dies too, its attempt has failed. */
  #afterCrash(task: LeasedTask, crash: { readonly alone: boolean; readonly reason: string }): TaskOutcome {
    const message = `the worker thread died while it ran: ${crash.reason}`;
    const error: NodeError = { code: 'WORKER_CRASHED', message, category: 'infrastructure' };
    if (crash.alone && task.alone) return this.#afterFault(task, { ...error, retryable: true });
    return { kind: 'lost', error, maxDeliveries: this.#options.maxDeliveries };
  }
}

function errorOf(fault: TaskFault): NodeError {
  const { code, message, category, tracebackHash } = fault;
  return { code, message, category, ...(tracebackHash !== undefined && { tracebackHash }) };
}
