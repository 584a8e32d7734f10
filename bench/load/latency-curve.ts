import {
  build,
  decodeFromCompressedBase64,
  encodeIntoCompressedBase64,
  type Histogram,
} from 'hdr-histogram-js';

/** A histogram of microseconds in HdrHistogram's own compressed form, so that it travels and lies in JSON. */
export type PackedLatency = string;

/** Percentiles that tables show. */
export const TABLE_PERCENTILES = [50, 90, 95, 99, 99.9] as const;
const LONGEST_US = 600_000_000;

export function createLatency(): Histogram {
  return build({ highestTrackableValue: LONGEST_US, numberOfSignificantValueDigits: 3 });
}

export function recordLatency(histogram: Histogram, ms: number): void {
  histogram.recordValue(Math.min(LONGEST_US, Math.max(0, Math.round(ms * 1000))));
}

export function packLatency(histogram: Histogram): PackedLatency {
  return encodeIntoCompressedBase64(histogram);
}

/** The histograms of several runs as one. */
export function mergeLatencies(packed: readonly PackedLatency[]): Histogram {
  const merged = createLatency();
  for (const each of packed) merged.add(decodeFromCompressedBase64(each));
  return merged;
}

export interface CurvePoint {
  readonly percentile: number;
  readonly ms: number;
}

/** Points along the percentiles, ever denser towards 100, as far as the samples reach. */
export function curveOf(histogram: Histogram): CurvePoint[] {
  const points: CurvePoint[] = [];
  const count = histogram.totalCount;
  const stepsPerDecade = 20;
  for (let step = 0; count > 0; step += 1) {
    const missing = 10 ** (-step / stepsPerDecade);
    const percentile = 100 * (1 - missing);
    points.push({ percentile, ms: histogram.getValueAtPercentile(percentile) / 1000 });
    if (missing * count < 1) break;
  }
  return points;
}

/** Milliseconds at the percentiles of TABLE_PERCENTILES, then the maximum. */
export function tableFigures(histogram: Histogram): number[] {
  const figures = TABLE_PERCENTILES.map((percentile) => histogram.getValueAtPercentile(percentile) / 1000);
  return [...figures, histogram.maxValue / 1000];
}
