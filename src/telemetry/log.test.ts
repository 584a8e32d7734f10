import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createLogger } from './log.js';

describe('log', () => {
  test('writes one JSON object a line, with level, time, message, fields and the error', () => {
    const lines: string[] = [];
    const log = createLogger({ level: 'info', write: (line) => lines.push(line) });
    log.debug('not shown');
    log
      .child({ host: 'h1' })
      .error('request failed', { request_id: 'r', error: new Error('x', { cause: new Error('y') }) });
    assert.equal(lines.length, 1);
    const line = JSON.parse(lines[0] ?? '');
    assert.equal(line.level, 'error');
    assert.equal(line.msg, 'request failed');
    assert.equal(line.host, 'h1');
    assert.equal(line.request_id, 'r');
    assert.match(line.time, /^\d{4}-.*Z$/);
    assert.match(line.error.stack, /log\.test/);
    assert.equal(line.error.cause.message, 'y');
  });
});
