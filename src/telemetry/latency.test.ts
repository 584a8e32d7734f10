import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { build, decodeFromCompressedBase64, type Histogram } from 'hdr-histogram-js';
import { createSeededRandom } from '../testing/seeded-random.js';
import { SimulatedClock } from '../testing/simulated-clock.js';
import { LatencyRecorder } from './latency.js';
import { LatencyCells } from './latency-cells.js';
import { latencyTable } from './latency-table.js';
import { CURVE_PERCENTILES, curveOf, encodedHistogramOf, figuresOf, percentilesOf } from './percentiles.js';

const DAY_US = 24 * 3_600 * 1_000_000;

function reference(): Histogram {
  return build({
    bitBucketSize: 64,
    lowestDiscernibleValue: 1,
    highestTrackableValue: DAY_US,
    numberOfSignificantValueDigits: 2,
  });
}

/** Microseconds over all magnitudes up to a day, the ends of cells among them. */
function durations(seed: number, count: number): number[] {
  const random = createSeededRandom(seed);
  const values = [0, 1, 255, 256, 257, 511, 512, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1, DAY_US];
  while (values.length < count) values.push(Math.floor(Math.exp(random.next() * Math.log(DAY_US))));
  return values;
}

describe('percentiles', () => {
  test('are those of hdr-histogram-js, whatever was recorded', () => {
    for (let seed = 1; seed <= 20; seed += 1) {
      const cells = new LatencyCells();
      const expected = reference();
      for (const us of durations(seed, 50 * seed)) {
        cells.record(us / 1000);
        expected.recordValue(us);
      }
      const counted = cells.counted();
      const values = percentilesOf(counted, CURVE_PERCENTILES);
      for (const [at, percentile] of CURVE_PERCENTILES.entries()) {
        const us = Math.min(expected.getValueAtPercentile(percentile), DAY_US);
        assert.equal(values[at], us / 1000, `seed ${seed}, percentile ${percentile}`);
      }
      const decoded = decodeFromCompressedBase64(encodedHistogramOf(counted));
      assert.equal(decoded.totalCount, counted.count);
      assert.equal(decoded.getValueAtPercentile(90), expected.getValueAtPercentile(90));
    }
  });

  test('are never over the longest that was recorded, and the mean is exact', () => {
    const cells = new LatencyCells();
    for (const ms of [1, 2, 1000.001]) cells.record(ms);
    const { p50, p99_9, max, mean, count } = figuresOf(cells.counted());
    assert.deepEqual([count, p50, p99_9, max, mean], [3, 2.007, 1000.001, 1000.001, 334.334]);
  });

  test('take what is negative for nothing and what is over a day for a day', () => {
    const cells = new LatencyCells();
    for (const ms of [-1, Number.NaN, 1e12]) cells.record(ms);
    const { count, p50, max } = figuresOf(cells.counted());
    assert.deepEqual([count, p50, max], [3, 0, DAY_US / 1000]);
  });

  test('of nothing are zeros, and their curve has no points', () => {
    const nothing = new LatencyCells().counted();
    assert.deepEqual(new Set(Object.values(figuresOf(nothing))), new Set([0]));
    assert.deepEqual(curveOf(nothing), []);
  });

  test('make a curve that never falls', () => {
    const cells = new LatencyCells();
    for (const us of durations(3, 1000)) cells.record(us / 1000);
    const curve = curveOf(cells.counted());
    assert.deepEqual([curve[0]?.[0], curve.at(-1)], [0, [100, DAY_US / 1000]]);
    for (const [at, [percentile, ms]] of curve.entries()) {
      const before = curve[at - 1];
      if (before)
        assert.ok(percentile > before[0] && ms >= before[1], JSON.stringify([before, percentile, ms]));
    }
  });
});

describe('windows', () => {
  test('slide by ten seconds, and the one since the start forgets nothing', () => {
    const clock = new SimulatedClock();
    const latency = new LatencyRecorder(clock);
    const counts = () => {
      const of = (window: '1m' | '5m' | 'start') => latency.view(window).stages.run.count;
      return [of('1m'), of('5m'), of('start')];
    };
    for (let second = 0; second < 30; second += 1) {
      latency.record('run', 5);
      clock.advance(1000);
    }
    assert.deepEqual(counts(), [30, 30, 30]);
    assert.equal(latency.view('1m').seconds, 30);
    clock.advance(49_000);
    assert.deepEqual(counts(), [20, 30, 30]);
    assert.equal(latency.view('1m').seconds, 69);
    clock.advance(240_000);
    assert.deepEqual(counts(), [0, 20, 30]);
    clock.advance(60_000);
    assert.deepEqual(counts(), [0, 0, 30]);
    assert.equal(latency.view('start').seconds, 379);
  });

  test('keep the stages apart', () => {
    const latency = new LatencyRecorder(new SimulatedClock());
    latency.record('submit', 1);
    latency.record('store_call', 2);
    latency.record('store_call', 3);
    const { stages } = latency.view('start');
    assert.deepEqual([stages.submit.count, stages.store_call.count, stages.run.count], [1, 2, 0]);
  });

  test('are told all, or the one that was asked for, with the histogram where it is wanted', () => {
    const latency = new LatencyRecorder(new SimulatedClock());
    latency.record('run', 5);
    const all = latencyTable(latency, {}) as { windows: Record<string, unknown> };
    assert.deepEqual(Object.keys(all.windows), ['1m', '5m', 'start']);
    const one = latencyTable(latency, { window: '5m', include: 'histogram' }) as {
      windows: Record<string, { stages: { run: { histogram: string } } }>;
    };
    assert.deepEqual(Object.keys(one.windows), ['5m']);
    const { histogram } = one.windows['5m']?.stages.run ?? { histogram: '' };
    assert.equal(decodeFromCompressedBase64(histogram).totalCount, 1);
  });
});
