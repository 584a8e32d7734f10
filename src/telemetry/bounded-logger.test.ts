import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Logger } from '../engine/logger.js';
import { SimulatedClock } from '../testing/simulated-clock.js';
import { BoundedLog } from './bounded-logger.js';

function fixture(burst: number) {
  const lines: string[] = [];
  const write = (level: string) => (message: string, fields?: unknown) =>
    void lines.push(`${level} ${message} ${JSON.stringify(fields ?? null)}`);
  const target: Logger = {
    ...{ debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') },
    child: () => target,
  };
  const clock = new SimulatedClock();
  const bounded = new BoundedLog(target, { clock, burst });
  return { lines, clock, bounded, log: bounded.logger() };
}

describe('a bounded log', () => {
  test('writes the first lines of a message and counts the others, each ten seconds anew', () => {
    const { lines, clock, log, bounded } = fixture(2);
    for (let n = 0; n < 4215; n += 1) log.child({}).warn('node failed', { n });
    log.warn('something else');
    assert.deepEqual(lines, [
      'warn node failed {"n":0}',
      'warn node failed {"n":1}',
      'warn something else null',
    ]);
    assert.equal(bounded.suppressed, 4213);
    lines.length = 0;
    clock.advance(10_000);
    assert.deepEqual(lines, ['warn node failed: … and 4,213 more in 10 s {"suppressed":4213}']);
    log.warn('node failed');
    assert.equal(lines.at(-1), 'warn node failed null');
    clock.advance(60_000);
    assert.equal(lines.length, 2);
    assert.equal(clock.waiting, 0);
  });

  test('counts what is of one subject together, and what is at debug not at all', () => {
    const { lines, bounded } = fixture(3);
    const log = bounded.logger('handlers');
    for (let n = 0; n < 10; n += 1) log.info(`line ${n}`);
    for (let n = 0; n < 10; n += 1) log.debug('detail');
    assert.equal(lines.length, 13);
    bounded.flush();
    assert.equal(lines.at(-1), 'info handlers: … and 7 more in 10 s {"suppressed":7}');
  });

  test('keeps a bounded number of messages apart', () => {
    const { lines, log } = fixture(1);
    for (let n = 0; n < 5000; n += 1) log.warn(`message ${n}`);
    assert.equal(lines.length, 1001);
  });

  test('writes everything where it has no bound', () => {
    const { lines, log } = fixture(0);
    for (let n = 0; n < 100; n += 1) log.error('again');
    assert.equal(lines.length, 100);
  });
});
