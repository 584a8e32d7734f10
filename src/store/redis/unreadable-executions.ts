import { LRUCache } from 'lru-cache';
import { MillraceError } from '../../model/errors.js';
import type { ExecutionId } from '../../model/ids.js';

const MOST_REMEMBERED = 10_000;

/**
 * Executions that are here and make no sense: without their definition, or with rows that are broken. They are passed over, so that they
 * hold up none of the others, and told once each; whoever asks for one of them gets the error.
 */
export class UnreadableExecutions {
  readonly #report: (executionId: ExecutionId, error: unknown) => void;
  readonly #told = new LRUCache<ExecutionId, true>({ max: MOST_REMEMBERED });

  constructor(report: (executionId: ExecutionId, error: unknown) => void) {
    this.#report = report;
  }

  /** Throws `error` where it says only that the server is away. */
  passOver(executionId: ExecutionId, error: unknown): void {
    if (error instanceof MillraceError && error.code === 'STORE_UNAVAILABLE') throw error;
    if (this.#told.has(executionId)) return;
    this.#told.set(executionId, true);
    this.#report(executionId, error);
  }
}
