import { build, encodeIntoCompressedBase64 } from 'hdr-histogram-js';
import { type CountedCells, highestOf, LONGEST_US, lowestOf } from './latency-cells.js';

/** In milliseconds; zeros where nothing was recorded. */
export interface LatencyFigures {
  readonly count: number;
  readonly mean: number;
  readonly p50: number;
  readonly p90: number;
  readonly p95: number;
  readonly p99: number;
  readonly p99_9: number;
  readonly max: number;
}

/** Where a curve of percentiles has its points: ever closer to the end, where the long ones are. */
export const CURVE_PERCENTILES: readonly number[] = [
  ...[0, 5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 60, 65, 70, 75, 80, 85, 90, 92.5, 95, 97, 98, 99],
  ...[99.25, 99.5, 99.7, 99.8, 99.9, 99.95, 99.97, 99.98, 99.99, 99.995, 99.999, 100],
];

const TABLE_PERCENTILES = [50, 90, 95, 99, 99.9] as const;
/** What floating point may be off by in percentile × count. */
const ROUNDING = 1e-9;

export function figuresOf(counted: CountedCells): LatencyFigures {
  const [p50 = 0, p90 = 0, p95 = 0, p99 = 0, p999 = 0] = percentilesOf(counted, TABLE_PERCENTILES);
  const { count, sumUs, maxUs } = counted;
  const mean = count === 0 ? 0 : Math.round(sumUs / count) / 1000;
  return { count, mean, p50, p90, p95, p99, p99_9: p999, max: maxUs / 1000 };
}

/** Pairs of percentile and milliseconds; none where nothing was recorded. */
export function curveOf(counted: CountedCells): (readonly [percentile: number, ms: number])[] {
  if (counted.count === 0) return [];
  const values = percentilesOf(counted, CURVE_PERCENTILES);
  return CURVE_PERCENTILES.map((percentile, at) => [percentile, values[at] ?? 0]);
}

/**
 * Milliseconds below or at which these shares of all values lie, as HdrHistogram tells them: the upper end of the cell, but never over the
 * longest value. `percentiles` grow. One walk over what was counted.
 */
export function percentilesOf(
  { cells, counts, count, maxUs }: CountedCells,
  percentiles: readonly number[],
): number[] {
  let at = 0;
  let passed = counts[0] ?? 0;
  return percentiles.map((percentile) => {
    const wanted = Math.max(1, Math.ceil((percentile / 100) * count - ROUNDING * count));
    while (passed < wanted && at < cells.length - 1) {
      at += 1;
      passed += counts[at] ?? 0;
    }
    const cell = cells[at] ?? 0;
    const us = percentile === 0 ? lowestOf(cell) : Math.min(highestOf(cell), maxUs);
    return us / 1000;
  });
}

/** As an HdrHistogram of microseconds, encoded (V2, compressed, base64), which any library of that name decodes and adds to others. */
export function encodedHistogramOf({ cells, counts }: CountedCells): string {
  const histogram = build({
    bitBucketSize: 64,
    lowestDiscernibleValue: 1,
    highestTrackableValue: LONGEST_US,
    numberOfSignificantValueDigits: 2,
  });
  for (let at = 0; at < cells.length; at += 1) {
    histogram.recordValueWithCount(lowestOf(cells[at] ?? 0), counts[at] ?? 0);
  }
  return encodeIntoCompressedBase64(histogram);
}
