import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { RateMeter } from './rate-meter.js';

describe('rate meter', () => {
  test('tells the growth a second over the last ten seconds, and nothing before a second look', () => {
    let nowMs = 0;
    const counts = { a: 100, b: 0 };
    const meter = new RateMeter(
      () => nowMs,
      () => ({ ...counts }),
    );
    assert.deepEqual(meter.perSecond(), { a: 0, b: 0 });
    for (let second = 1; second <= 60; second += 1) {
      nowMs += 1000;
      counts.a += second <= 30 ? 50 : 7;
      counts.b += 1;
      meter.look();
      if (second === 5) assert.deepEqual(meter.perSecond(), { a: 50, b: 1 });
      if (second === 30) assert.deepEqual(meter.perSecond(), { a: 50, b: 1 });
      if (second === 35) assert.deepEqual(meter.perSecond(), { a: 28.5, b: 1 });
    }
    assert.deepEqual(meter.perSecond(), { a: 7, b: 1 });
    nowMs += 10_000;
    assert.deepEqual(meter.perSecond(), { a: 3.5, b: 0.5 });
  });
});
