import { build, type Histogram } from 'hdr-histogram-js';

/** The stretches of an execution's life that are measured. */
export const LATENCY_STAGES = ['submit', 'queue_wait', 'run', 'trigger_to_end'] as const;
export type LatencyStage = (typeof LATENCY_STAGES)[number];

/** All in milliseconds, since the process started; zeros where nothing was recorded. */
export interface LatencyFigures {
  readonly count: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
}

/** Recorded in microseconds; what is longer counts as this. */
const LONGEST_US = 24 * 3_600 * 1_000_000;

/** Percentiles of each stage with two significant digits, in about 20 KiB a stage. */
export class LatencyRecorder {
  readonly #histograms: Readonly<Record<LatencyStage, Histogram>> = {
    submit: createHistogram(),
    queue_wait: createHistogram(),
    run: createHistogram(),
    trigger_to_end: createHistogram(),
  };

  record(stage: LatencyStage, durationMs: number): void {
    const us = Math.round(durationMs * 1000);
    this.#histograms[stage].recordValue(us > 0 ? Math.min(us, LONGEST_US) : 0);
  }

  figures(stage: LatencyStage): LatencyFigures {
    const histogram = this.#histograms[stage];
    const at = (percentile: number) => histogram.getValueAtPercentile(percentile) / 1000;
    if (histogram.totalCount === 0) return { count: 0, p50: 0, p90: 0, p99: 0, max: 0 };
    return {
      count: histogram.totalCount,
      p50: at(50),
      p90: at(90),
      p99: at(99),
      max: histogram.maxValue / 1000,
    };
  }
}

function createHistogram(): Histogram {
  return build({
    bitBucketSize: 32,
    lowestDiscernibleValue: 1,
    highestTrackableValue: LONGEST_US,
    numberOfSignificantValueDigits: 2,
  });
}
