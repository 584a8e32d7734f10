import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  createLatency,
  curveOf,
  mergeLatencies,
  packLatency,
  recordLatency,
  tableFigures,
} from './latency-curve.js';

function packed(from: number, to: number): string {
  const histogram = createLatency();
  for (let ms = from; ms <= to; ms += 1) recordLatency(histogram, ms);
  return packLatency(histogram);
}

describe('latency curve', () => {
  test('merges packed histograms into one, to three digits', () => {
    const merged = mergeLatencies([packed(1, 500), packed(501, 1000)]);
    assert.equal(merged.totalCount, 1000);
    for (const [at, expected] of [500, 900, 950, 990, 999, 1000].entries()) {
      const found = tableFigures(merged)[at] ?? Number.NaN;
      assert.ok(Math.abs(found - expected) <= expected / 500, `${found} for ${expected}`);
    }
  });

  test('goes as far as there are samples, and never down', () => {
    const points = curveOf(mergeLatencies([packed(1, 1000)]));
    assert.equal(points[0]?.percentile, 0);
    assert.ok((points.at(-1)?.percentile ?? 0) > 99.9 && (points.at(-1)?.percentile ?? 100) < 99.99);
    for (const [at, { ms }] of points.entries()) assert.ok(at === 0 || ms >= (points[at - 1]?.ms ?? 0));
    assert.deepEqual(curveOf(createLatency()), []);
  });

  test('keeps what is out of its range at its ends', () => {
    const histogram = createLatency();
    recordLatency(histogram, -3);
    recordLatency(histogram, 10_000_000);
    assert.equal(histogram.totalCount, 2);
    assert.equal(histogram.getValueAtPercentile(0), 0);
  });
});
