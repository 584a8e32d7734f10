import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LogFields, Logger } from '../engine/logger.js';
import { SimulatedClock } from '../testing/simulated-clock.js';
import { connectionCap, createFullLog, openFilesLimit } from './connection-cap.js';

test('takes as many connections as are set, and as the process may open files less those it needs itself', () => {
  assert.equal(connectionCap(20_000, undefined), 20_000);
  assert.equal(connectionCap(20_000, 65_536), 20_000);
  assert.equal(connectionCap(20_000, 1024), 512);
  assert.equal(connectionCap(20_000, 256), 16);
});

test('reads what the process may open', () => {
  const head = 'Limit                     Soft Limit           Hard Limit           Units     \n';
  assert.equal(
    openFilesLimit(`${head}Max open files            1024                 524288               files`),
    1024,
  );
  assert.equal(
    openFilesLimit(`${head}Max open files            unlimited            unlimited            files`),
    undefined,
  );
  assert.equal(openFilesLimit(''), undefined);
});

test('tells once a minute that connections are turned away, and how many', () => {
  const lines: (LogFields | undefined)[] = [];
  const log = { warn: (_: string, fields?: LogFields) => void lines.push(fields) } as Logger;
  const clock = new SimulatedClock();
  const onFull = createFullLog({ maxConnections: 5, log, clock });
  for (let refused = 0; refused < 10; refused += 1) onFull();
  clock.advance(60_000);
  onFull();
  assert.deepEqual(lines, [
    { max_connections: 5, refused: 1 },
    { max_connections: 5, refused: 10 },
  ]);
});
