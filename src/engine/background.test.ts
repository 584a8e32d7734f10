import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { recordingLogger } from '../testing/engine-doubles.js';
import { SimulatedClock } from '../testing/simulated-clock.js';
import { startBackground } from './background.js';

const RETRY_MS = 1000;
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** A background task whose runs the test ends: with the time until the next one, or an error. */
function createBackground() {
  const clock = new SimulatedClock();
  const { log, lines } = recordingLogger();
  const runs: {
    readonly atMs: number;
    end(nextMs?: number): Promise<void>;
    fail(error: Error): Promise<void>;
  }[] = [];
  const run = () =>
    new Promise<number | undefined>((resolve, reject) => {
      const end = (nextMs?: number) => {
        resolve(nextMs);
        return turn();
      };
      const fail = (error: Error) => {
        reject(error);
        return turn();
      };
      runs.push({ atMs: clock.monotonic(), end, fail });
    });
  const background = startBackground({ name: 'tidying', clock, log, run, retryMs: RETRY_MS });
  return { background, clock, runs, lines, times: () => runs.map(({ atMs }) => atMs) };
}

describe('a background task', () => {
  test('runs when it was asked for, and then when its last run said', async () => {
    const { background, clock, runs, times } = createBackground();
    clock.advance(100);
    assert.deepEqual(times(), []);
    background.within(50);
    clock.advance(49);
    assert.deepEqual(times(), []);
    clock.advance(1);
    await runs[0]?.end(200);
    clock.advance(1000);
    assert.deepEqual(times(), [150, 350]);
  });

  test('runs no more where a run asks for none, until somebody does', async () => {
    const { background, clock, runs, times } = createBackground();
    background.within(0);
    clock.advance(0);
    await runs[0]?.end(undefined);
    clock.advance(10_000);
    background.within(5);
    clock.advance(10_000);
    assert.deepEqual(times(), [0, 10_005]);
  });

  test('may be asked for earlier, never for later', async () => {
    const { background, clock, times } = createBackground();
    background.within(100);
    background.within(10);
    background.within(500);
    clock.advance(1000);
    assert.deepEqual(times(), [10]);
    assert.equal(clock.waiting, 0);
  });

  test('never runs twice at once; what was asked for meanwhile comes after', async () => {
    const { background, clock, runs, times } = createBackground();
    background.within(0);
    clock.advance(0);
    background.within(10);
    clock.advance(500);
    assert.equal(runs.length, 1);
    await runs[0]?.end(undefined);
    clock.advance(0);
    assert.deepEqual(times(), [0, 500]);
  });

  test('that throws is told and tried again', async () => {
    const { background, clock, runs, lines, times } = createBackground();
    background.within(0);
    clock.advance(0);
    const error = new Error('away');
    await runs[0]?.fail(error);
    clock.advance(10_000);
    assert.deepEqual(times(), [0, RETRY_MS]);
    assert.deepEqual(lines, [
      { level: 'warn', message: 'tidying failed and will be tried again', fields: { error } },
    ]);
  });

  test('stops once the run under way has ended', async () => {
    const { background, clock, runs, times } = createBackground();
    background.within(0);
    clock.advance(0);
    let isStopped = false;
    const stopped = background.stop().then(() => {
      isStopped = true;
    });
    await turn();
    assert.equal(isStopped, false);
    await runs[0]?.end(1);
    await stopped;
    background.within(0);
    clock.advance(10_000);
    assert.deepEqual(times(), [0]);
    assert.equal(clock.waiting, 0);
  });
});
