import type { HttpTarget } from './http-connection.js';
import type { PackedLatency } from './latency-curve.js';

/**
 * How executions are asked for. `rest`: submit and trigger as two requests. `single`: one request that triggers at once. `batch`:
 * many of these in one request. `alone`: submit and trigger, and the next one only when the end is known.
 */
export const LOADS = ['rest', 'single', 'batch', 'alone'] as const;
export type LoadName = (typeof LOADS)[number];

export interface LoadOrder {
  /** Connections go to these in turn. */
  readonly targets: readonly HttpTarget[];
  readonly connections: number;
  readonly load: LoadName;
  /** Body of POST /api/v1/workflow, without `trigger`. */
  readonly body: string;
  readonly seconds: number;
  /** Executions at the most; undefined: as many as the time allows. */
  readonly limit?: number;
  /** Executions of one request of the load `batch`. */
  readonly batchSize: number;
  /** Executions a second, begun on time whatever the engine answers (open loop); 0: as fast as the connections allow. */
  readonly rate: number;
}

export interface LoadReport {
  readonly executionIds: readonly string[];
  /** When each was due: from here its latency counts. Milliseconds since the epoch. */
  readonly dueAt: readonly number[];
  /** When its trigger was sent; absent where submission and trigger are one request. */
  readonly triggeredAt: readonly number[];
  readonly elapsedMs: number;
  /** Answers 503 and 429, each tried again. */
  readonly refused: number;
  /** Executions that were given up, for another answer or a broken connection. */
  readonly failed: number;
  readonly firstFailure: string | undefined;
  /** From due to the answer to the submission. */
  readonly submit: PackedLatency;
  readonly trigger: PackedLatency | undefined;
  /** `alone`: from the trigger's sending to the answer that tells the end. */
  readonly ended: PackedLatency | undefined;
  /** Of the process that made the load, while it made it. */
  readonly cpuMicros: number;
}

/** So far. */
export interface LoadProgress {
  readonly executions: number;
  readonly failed: number;
  readonly elapsedMs: number;
}
