import type { Logger } from '../engine/logger.js';
import type { AdvanceOutcome, TaskResult } from '../model/commands.js';

/** Tells operators of what went wrong for good: one line a dead letter, one for each time that tasks of lost hosts were taken over. */
export class FailureLog {
  readonly #log: Logger;

  constructor(log: Logger) {
    this.#log = log;
  }

  /** A result that comes too late or twice, as of a host that stood still, made no dead letter. */
  advanced(results: readonly TaskResult[], outcomes: readonly AdvanceOutcome[]): void {
    for (const [at, { task, outcome }] of results.entries()) {
      if (outcome.kind !== 'failed' || outcomes[at] !== 'applied') continue;
      const node = task.plan.nodes[task.node];
      this.#log.warn('a node failed for good; it is a dead letter', {
        execution_id: task.executionId,
        node_id: node?.id,
        handler: node?.handler,
        attempt: task.attempt,
        error_code: outcome.error.code,
        reason: outcome.error.message,
      });
    }
  }

  reclaimed(reclaimed: number, exhausted: number): void {
    if (reclaimed === 0) return;
    this.#log.warn('leases ran out: their hosts are gone or stand still; the tasks run again', {
      tasks: reclaimed,
      dead_letters: exhausted,
    });
  }
}
