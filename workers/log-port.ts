import { inspect } from 'node:util';
import type { MessagePort } from 'node:worker_threads';
import type { Redactor } from '../src/model/redactor.js';
import type { HandlerLogLine, ThreadNotice } from '../src/runner/frames/thread-protocol.js';

const MAX_LINE_LENGTH = 16_384;
const WINDOW_MS = 1000;
const MAX_LINES_PER_WINDOW = 2000;

/**
 * Sends log lines to the main thread at once, so that they arrive even if the handler never returns. What is more than
 * `MAX_LINES_PER_WINDOW` a second is dropped and counted: lines pile up on the main thread, and a handler that loops
 * over a log call would fill its memory.
 */
export class LogPort {
  readonly #port: MessagePort;
  #windowStart = 0;
  #lines = 0;
  #dropped = 0;

  constructor(port: MessagePort) {
    this.#port = port;
  }

  /** `redactor`: of what the line must not hold. */
  write(line: HandlerLogLine, redactor?: Redactor): void {
    if (!this.#isAllowed()) return;
    const message = cut(redactor?.text(line.message) ?? line.message);
    const fields = line.fields === undefined ? undefined : plainFields(line.fields, redactor);
    this.#post({ ...line, message, ...(fields !== undefined && { fields }) });
  }

  #isAllowed(): boolean {
    const now = performance.now();
    if (now - this.#windowStart >= WINDOW_MS) {
      this.#windowStart = now;
      this.#lines = 0;
      if (this.#dropped > 0)
        this.#post({ level: 'warn', message: `${this.#dropped} log lines were dropped` });
      this.#dropped = 0;
    }
    this.#lines += 1;
    if (this.#lines <= MAX_LINES_PER_WINDOW) return true;
    this.#dropped += 1;
    return false;
  }

  #post(line: HandlerLogLine): void {
    const notice: ThreadNotice = { kind: 'log', line };
    this.#port.postMessage(notice);
  }
}

function cut(text: string): string {
  return text.length > MAX_LINE_LENGTH ? `${text.slice(0, MAX_LINE_LENGTH)}…` : text;
}

/** A copy that can cross threads, whatever the handler put there. */
function plainFields(
  fields: Readonly<Record<string, unknown>>,
  redactor: Redactor | undefined,
): Readonly<Record<string, unknown>> {
  try {
    const text = JSON.stringify(fields, (_key, value: unknown) =>
      value instanceof Error ? { name: value.name, message: value.message, stack: value.stack } : value,
    );
    if (text.length <= MAX_LINE_LENGTH) {
      const plain: unknown = JSON.parse(text);
      return (redactor?.json(plain) ?? plain) as Record<string, unknown>;
    }
  } catch {
    // Circular, a BigInt or a throwing toJSON: shown as text below.
  }
  const shown = inspect(fields, { depth: 2 });
  return { fields: cut(redactor?.text(shown) ?? shown) };
}
