import type { Redactor } from '../src/model/redactor.js';
import { HandlerFault } from './handler-fault.js';

/**
 * The JSON text of what a handler returned, UTF-8; undefined: nothing was. Throws INVALID_OUTPUT where it cannot be
 * written, OUTPUT_TOO_LARGE where it is longer than `maxBytes`. `redactor`: of what it must not hold.
 */
export function encodeOutput(value: unknown, maxBytes: number, redactor?: Redactor): Uint8Array | undefined {
  if (value === undefined) return undefined;
  const whole = stringify(value, maxBytes);
  if (whole === undefined) throw invalidOutput(`a ${typeof value} is no JSON value`);
  const text = redactor === undefined ? whole : JSON.stringify(redactor.json(JSON.parse(whole)));
  // A UTF-16 unit takes at least one byte.
  if (text.length > maxBytes) throw tooLarge(maxBytes);
  const bytes = Buffer.from(text);
  if (bytes.length > maxBytes) throw tooLarge(maxBytes);
  return bytes;
}

function stringify(value: unknown, maxBytes: number): string | undefined {
  try {
    return JSON.stringify(value);
  } catch (error) {
    if (error instanceof RangeError && error.message === 'Invalid string length') throw tooLarge(maxBytes);
    throw invalidOutput(error instanceof Error ? error.message : 'toJSON threw', error);
  }
}

function invalidOutput(reason: string, cause?: unknown): HandlerFault {
  const message = `The output cannot be written as JSON: ${reason}`;
  return new HandlerFault('INVALID_OUTPUT', message, { category: 'handler', cause });
}

function tooLarge(maxBytes: number): HandlerFault {
  return new HandlerFault('OUTPUT_TOO_LARGE', `The output is longer than ${maxBytes} bytes`, {
    category: 'resource',
  });
}
