import type { LatencyFigures, Stats } from '../api/types.js';

/** The figures of one moment. */
export interface Sample {
  readonly at: number;
  readonly stats: Stats;
  /** Of the last minute, by stage. */
  readonly latencies: Readonly<Record<string, LatencyFigures>>;
}

/** Five minutes. */
const MAX_SAMPLES = 150;
let samples: readonly Sample[] = [];

/** Kept while the page is open, so that who looks elsewhere and comes back finds the plots as they were. */
export function keepSample(sample: Sample): readonly Sample[] {
  samples = [...samples.slice(1 - MAX_SAMPLES), sample];
  return samples;
}

export function keptSamples(): readonly Sample[] {
  return samples;
}

/** Per second, from what was counted between neighbouring samples; 0 where a host began anew. */
export function ratesOf(kept: readonly Sample[], count: (stats: Stats) => number): readonly number[] {
  return kept.map(({ at, stats }, index) => {
    const before = kept[index - 1];
    if (!before) return 0;
    const seconds = Math.max(0.001, (at - before.at) / 1000);
    return Math.max(0, count(stats) - count(before.stats)) / seconds;
  });
}
