import { Writable } from 'node:stream';
import type { Redactor } from '../src/model/redactor.js';
import type { LogLevel } from '../src/runner/frames/thread-protocol.js';
import type { LogPort } from './log-port.js';

/** The longest text without a line end that is kept. */
const MAX_PARTIAL_LENGTH = 16_384;

/**
 * Turns what the thread writes to stdout and stderr, by `console` or not, into lines of the log: stdout belongs to the
 * main program, and output that goes through the main thread's streams is lost when the thread ends. Must run before
 * the first use of `console`, which takes its streams from `process` then.
 */
export function captureConsole(port: LogPort, redactor: Redactor): void {
  Object.defineProperty(process, 'stdout', { value: lineStream(port, 'info', redactor), configurable: true });
  Object.defineProperty(process, 'stderr', { value: lineStream(port, 'warn', redactor), configurable: true });
}

function lineStream(port: LogPort, level: LogLevel, redactor: Redactor): Writable {
  let partial = '';
  return new Writable({
    decodeStrings: false,
    write(chunk: string | Uint8Array, _encoding, done) {
      partial += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString();
      const lines = partial.split('\n');
      partial = lines.pop() ?? '';
      if (partial.length > MAX_PARTIAL_LENGTH) {
        lines.push(partial);
        partial = '';
      }
      for (const line of lines) if (line !== '') port.write({ level, message: line }, redactor);
      done();
    },
  });
}
