import type { Fsync } from '../runs/bench-store.js';

/** Another engine that runs the same shapes. */
export interface Rival {
  readonly name: string;
  /** What it was set to, for the report. */
  readonly settings: string;
  run(order: RivalOrder): Promise<RivalResult>;
}

export interface RivalOrder {
  /** The shape: indices of each node's parents. */
  readonly parents: readonly (readonly number[])[];
  /** Of its Redis, if it has one. */
  readonly fsync: Fsync;
  readonly warmupSeconds: number;
  readonly seconds: number;
}

export interface RivalResult {
  readonly workflowsPerSecond: number;
  /** Microseconds of CPU a workflow, by process. */
  readonly cpuMicros: Readonly<Record<string, number>>;
}
