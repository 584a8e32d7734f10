import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimulatedClock } from './simulated-clock.js';

test('timers fire in the order in which they are due, each at its own time', () => {
  const clock = new SimulatedClock({ startMs: 1000 });
  const fired: [string, number][] = [];
  const note = (name: string) => () => fired.push([name, clock.now()]);
  clock.after(30, note('c'));
  clock.after(10, note('a'));
  clock.after(10, note('b'));
  clock.after(50, note('later'));
  clock.after(5, () => clock.after(5, note('set on the way')));
  clock.advance(40);
  assert.deepEqual(fired, [
    ['a', 1010],
    ['b', 1010],
    ['set on the way', 1010],
    ['c', 1030],
  ]);
  assert.equal(clock.now(), 1040);
  assert.equal(clock.monotonic(), 40);
  assert.equal(clock.waiting, 1);
});

test('a timer that was called off does not fire', () => {
  const clock = new SimulatedClock();
  let fired = 0;
  const timer = clock.after(1, () => {
    fired += 1;
  });
  timer.cancel();
  clock.advance(10);
  assert.equal(fired, 0);
});

test('the same seed gives the same chance', () => {
  const draw = (seed: number): unknown[] => {
    const clock = new SimulatedClock({ seed });
    return [clock.random(), clock.random(), [...clock.randomBytes(8)]];
  };
  assert.deepEqual(draw(7), draw(7));
  assert.notDeepEqual(draw(7), draw(8));
});
