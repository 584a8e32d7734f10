import { createHash } from 'node:crypto';
import { inspect } from 'node:util';
import { ERRORS } from '../src/model/errors.js';
import type { Redactor } from '../src/model/redactor.js';
import type { TaskFault } from '../src/runner/frames/result-frame.js';
import { ERROR_KIND } from './brands.js';
import { HandlerFault } from './handler-fault.js';

const MAX_MESSAGE_BYTES = 4096;
const MAX_CODE_LENGTH = 128;
const HASHED_FRAMES = 8;
const HASH_LENGTH = 16;

/** What a handler threw, whatever it is, as the fault of its attempt, without the secrets that the task was given. Never throws. */
export function toTaskFault(error: unknown, redactor?: Redactor): TaskFault {
  try {
    return describe(error, (text) => redactor?.text(text) ?? text);
  } catch {
    return handlerError('The handler threw a value that cannot be read');
  }
}

function describe(error: unknown, redact: (text: string) => string): TaskFault {
  if (!(error instanceof Error))
    return handlerError(redact(`The handler threw ${inspect(error, { depth: 2 })}`));
  const message = boundedText(redact(String(error.message) || error.name));
  const tracebackHash = hashOfStack(error);
  if (error instanceof HandlerFault) {
    const { code, category, retryable, retryAfterMs } = error;
    return {
      code,
      message,
      category,
      tracebackHash,
      retryable,
      ...(retryAfterMs !== undefined && { retryAfterMs }),
    };
  }
  const kind = ERROR_KIND in error ? error[ERROR_KIND] : undefined;
  const isTerminal = kind === 'terminal';
  const fallback = isTerminal ? 'TERMINAL_ERROR' : 'HANDLER_ERROR';
  const code = kind === undefined ? fallback : redact(ownCode(error, fallback)).slice(0, MAX_CODE_LENGTH);
  const retryable = !isTerminal && ERRORS.HANDLER_ERROR.retryable;
  return { code, message, category: 'handler', tracebackHash, retryable, ...retryAfter(error, kind) };
}

function handlerError(message: string): TaskFault {
  const { retryable } = ERRORS.HANDLER_ERROR;
  return { code: 'HANDLER_ERROR', message: boundedText(message), category: 'handler', retryable };
}

function ownCode(error: Error, fallback: string): string {
  const code = 'code' in error ? error.code : undefined;
  return typeof code === 'string' && code !== '' ? code : fallback;
}

function retryAfter(error: Error, kind: unknown): { retryAfterMs?: number } {
  const retryAfterMs = kind === 'retryable' && 'retryAfterMs' in error ? error.retryAfterMs : undefined;
  const isUsable = typeof retryAfterMs === 'number' && Number.isFinite(retryAfterMs) && retryAfterMs >= 0;
  return isUsable ? { retryAfterMs } : {};
}

/** Cut at a whole character, where it is longer than a message may be. */
export function boundedText(text: string): string {
  if (text.length <= MAX_MESSAGE_BYTES / 3) return text;
  const bytes = Buffer.from(text.slice(0, MAX_MESSAGE_BYTES));
  if (bytes.length <= MAX_MESSAGE_BYTES && text.length <= MAX_MESSAGE_BYTES) return text;
  let end = Math.min(bytes.length, MAX_MESSAGE_BYTES) - ELLIPSIS_BYTES;
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return `${bytes.toString('utf8', 0, end)}…`;
}

const ELLIPSIS_BYTES = 3;

/** Alike for the same fault at the same place, on another host or after a change further up in the file: without
 * messages, directories, lines and columns. */
function hashOfStack(error: Error): string {
  const hash = createHash('sha256').update(error.name);
  let frames = 0;
  for (const line of String(error.stack).split('\n')) {
    const frame = /^\s+at (.*)$/.exec(line)?.[1];
    if (frame === undefined) continue;
    hash
      .update('\n')
      .update(frame.replace(/(?:[^\s()]*[/\\])?([^\s()/\\]+?)(?:\?[^\s():]*)?(?::\d+)*(\)?)$/, '$1$2'));
    if (++frames === HASHED_FRAMES) break;
  }
  return hash.digest('hex').slice(0, HASH_LENGTH);
}
