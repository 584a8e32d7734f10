/** How an attempt of a node went: `retried` is a failed attempt that another one follows. */
export type NodeEndStatus = 'completed' | 'failed' | 'skipped' | 'retried';

/**
 * What the engine tells of itself while it works. Every method is called on the hot path: it returns at once, never
 * throws and keeps no reference to its arguments.
 */
export interface Telemetry {
  /** `count` executions were accepted by one call; `latencyMs` passed until they were durable. */
  submitted(count: number, latencyMs: number): void;
  /** An execution ended. `durationMs`: since its start; undefined where it was never started. */
  ended(state: 'completed' | 'failed' | 'cancelled', durationMs: number | undefined): void;
  /** A task was handed to a thread's queue or taken from it after `waitMs`. */
  queueWaited(waitMs: number): void;
  nodeEnded(handler: string, status: NodeEndStatus, runMs: number): void;
  /** The timers of `count` nodes of the handler `delay` came to their end, which completed them. */
  slept(count: number): void;
  /** A callback was made, failed and is tried again, or was given up. */
  calledBack(outcome: 'delivered' | 'retried' | 'failed'): void;
  /** The reconciler found and repaired `count` executions that nothing would have woken. */
  reconciled(count: number): void;
}
