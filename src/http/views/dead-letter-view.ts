import type { DeadLetter } from '../../model/snapshot.js';
import { instant } from './json-text.js';

/** The fields of an entry in the order of the contract. */
export function deadLetterView(entry: DeadLetter): Readonly<Record<string, unknown>> {
  return {
    id: entry.id,
    task_id: taskIdOf(entry),
    execution_id: entry.executionId,
    node_id: entry.nodeId,
    handler: entry.handler,
    error_message: entry.error.message,
    retry_count: Math.max(0, entry.attempts - 1),
    original_timestamp: instant(entry.queuedAt),
    failed_at: instant(entry.failedAt),
    error_detail: {
      message: entry.error.message,
      error_code: entry.error.code,
      category: entry.error.category,
      traceback_hash: entry.error.tracebackHash ?? null,
      timestamp: instant(entry.failedAt),
    },
    attempts: entry.attempts,
    config: entry.config === undefined ? null : JSON.parse(entry.config),
  };
}

export function taskIdOf(entry: DeadLetter): string {
  return `${entry.executionId}:${entry.nodeId}`;
}
