import type { PackedLatency } from '../load/latency-curve.js';
import type { RunResult } from './bench-run.js';
import type { RunLatencies } from './run-figures.js';
import type { BenchCase } from './run-settings.js';

/** A case and its runs so far. */
export interface CaseRuns {
  readonly benchCase: BenchCase;
  readonly closed: RunResult[];
  /** At a fixed rate; one a round too. */
  readonly open: { readonly rate: number; readonly result: RunResult }[];
}

/** The latencies of this span, of the runs that have it. */
export function packedOf(runs: readonly RunResult[], span: keyof RunLatencies): PackedLatency[] {
  return runs.map(({ latencies }) => latencies[span]).filter((each) => each !== undefined);
}
