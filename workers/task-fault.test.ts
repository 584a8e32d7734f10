import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { RetryableError, TerminalError } from './define-handler.js';
import { HandlerFault } from './handler-fault.js';
import { toTaskFault } from './task-fault.js';

describe('the fault of an attempt', () => {
  test('of an error that knows nothing of faults', () => {
    const { tracebackHash, ...fault } = toTaskFault(new TypeError('no such thing'));
    assert.deepEqual(fault, {
      code: 'HANDLER_ERROR',
      message: 'no such thing',
      category: 'handler',
      retryable: true,
    });
    assert.match(tracebackHash ?? '', /^[0-9a-f]{16}$/);
  });

  test('of a TerminalError is not retried; its own code is kept', () => {
    const plain = toTaskFault(new TerminalError('never'));
    assert.deepEqual([plain.code, plain.retryable], ['TERMINAL_ERROR', false]);
    assert.equal(toTaskFault(new TerminalError('never', { code: 'CARD_DECLINED' })).code, 'CARD_DECLINED');
  });

  test('of a RetryableError carries its time', () => {
    const fault = toTaskFault(new RetryableError('later', { code: 'BUSY', retryAfterMs: 500 }));
    assert.deepEqual([fault.code, fault.retryable, fault.retryAfterMs], ['BUSY', true, 500]);
    const bad = toTaskFault(new RetryableError('later', { retryAfterMs: Number.NaN }));
    assert.ok(!('retryAfterMs' in bad));
  });

  test('of an error that another copy of the package made', () => {
    const foreign = Object.assign(new Error('x'), {
      [Symbol.for('millrace.errorKind')]: 'terminal',
      code: 'THEIRS',
    });
    const fault = toTaskFault(foreign);
    assert.deepEqual([fault.code, fault.retryable], ['THEIRS', false]);
  });

  test('does not take the code of just any error', () => {
    assert.equal(toTaskFault(Object.assign(new Error('x'), { code: 'ENOENT' })).code, 'HANDLER_ERROR');
  });

  test('of a HandlerFault is as the table of errors has it', () => {
    const fault = toTaskFault(
      new HandlerFault('HTTP_STATUS', 'HTTP 404', { category: 'handler', retryable: false }),
    );
    assert.deepEqual([fault.code, fault.category, fault.retryable], ['HTTP_STATUS', 'handler', false]);
  });

  for (const [name, thrown] of Object.entries({
    'a text': 'just text',
    nothing: undefined,
    'a record': { reason: 'x' },
    'a proxy that throws': new Proxy({}, { get: () => assert.fail('get') }),
    'an error whose message throws': Object.defineProperty(new Error('x'), 'message', {
      get: () => assert.fail('message'),
    }),
    'an error without a stack': Object.defineProperty(new Error('x'), 'stack', { value: undefined }),
    'an error whose message is no text': Object.assign(new Error('x'), { message: { toString: null } }),
  })) {
    test(`of ${name}`, () => {
      const fault = toTaskFault(thrown);
      assert.equal(fault.code, 'HANDLER_ERROR');
      assert.equal(typeof fault.message, 'string');
      assert.notEqual(fault.message, '');
    });
  }

  test('has a message of at most 4 KiB, cut between characters', () => {
    for (const message of ['x'.repeat(5000), 'é'.repeat(3000), '€'.repeat(2000), `a${'😀'.repeat(2000)}`]) {
      const { message: cut } = toTaskFault(new Error(message));
      assert.ok(Buffer.byteLength(cut) <= 4096);
      assert.ok(cut.endsWith('…') && message.startsWith(cut.slice(0, -1)), cut.slice(-4));
    }
    assert.equal(toTaskFault(new Error('é'.repeat(2048))).message, 'é'.repeat(2048));
  });

  test('has a hash of where it came from, not of what it said or in which directory it lay', () => {
    const at = (message: string, frames: string[]) => {
      const stack = [`Error: ${message}`, ...frames.map((frame) => `    at ${frame}`)].join('\n');
      return toTaskFault(Object.assign(new Error(message), { stack })).tracebackHash;
    };
    const here = at('one', ['run (/srv/a/mail.js:10:5)', 'file:///srv/a/loop.js:3:1']);
    assert.equal(at('two', ['run (/home/b/mail.js:99:1)', 'file:///home/b/loop.js:1:1']), here);
    assert.equal(at('two', ['run (C:\\b\\mail.js:99:1)', 'file:///C:/b/loop.js:1:1']), here);
    assert.notEqual(at('one', ['send (/srv/a/mail.js:10:5)', 'file:///srv/a/loop.js:3:1']), here);
    assert.notEqual(at('one', ['run (/srv/a/post.js:10:5)', 'file:///srv/a/loop.js:3:1']), here);
  });
});
