import type { LogFields, Logger } from '../engine/logger.js';
import type { Clock } from '../model/clock.js';

type Level = 'debug' | 'info' | 'warn' | 'error';

export interface BoundedLoggerOptions {
  readonly clock: Pick<Clock, 'after'>;
  /** Lines with the same message that are written within ten seconds; 0: no bound. */
  readonly burst: number;
}

interface Window {
  readonly level: Level;
  readonly message: string;
  lines: number;
}

const WINDOW_SECONDS = 10;
/** Messages that are told apart; those that come after so many at once share one bound. */
const MAX_WINDOWS = 1000;

/**
 * A log that says the same thing only so often: of the lines with one message the first of ten seconds are written, the others are counted, and
 * the count is written when the time is over. What is written at debug is not bounded: who asks for it wants all of it.
 */
export class BoundedLog {
  readonly #target: Logger;
  readonly #options: BoundedLoggerOptions;
  readonly #windows = new Map<string, Window>();
  #suppressed = 0;

  constructor(target: Logger, options: BoundedLoggerOptions) {
    this.#target = target;
    this.#options = options;
  }

  /** Lines that were counted and not written, since the start. */
  get suppressed(): number {
    return this.#suppressed;
  }

  /** `subject`: what all of its lines count as, whatever their message is. */
  logger(subject?: string): Logger {
    return this.#wrap(this.#target, subject);
  }

  /** Writes the counts that are due only later. */
  flush(): void {
    for (const [key, window] of this.#windows) this.#close(key, window);
  }

  #wrap(target: Logger, subject: string | undefined): Logger {
    const write = (level: Level, message: string, fields: LogFields | undefined): void => {
      if (this.#admits(level, message, subject)) target[level](message, fields);
    };
    return {
      debug: (message, fields) => target.debug(message, fields),
      info: (message, fields) => write('info', message, fields),
      warn: (message, fields) => write('warn', message, fields),
      error: (message, fields) => write('error', message, fields),
      child: (fields) => this.#wrap(target.child(fields), subject),
    };
  }

  #admits(level: Level, message: string, subject: string | undefined): boolean {
    const { burst, clock } = this.#options;
    if (burst === 0) return true;
    const name = subject ?? (this.#windows.size < MAX_WINDOWS ? message : 'other messages');
    const key = `${level} ${name}`;
    const known = this.#windows.get(key);
    if (known) {
      known.lines += 1;
      if (known.lines <= burst) return true;
      this.#suppressed += 1;
      return false;
    }
    const opened: Window = { level, message: name, lines: 1 };
    this.#windows.set(key, opened);
    clock.after(WINDOW_SECONDS * 1000, () => this.#close(key, opened));
    return true;
  }

  #close(key: string, window: Window): void {
    if (this.#windows.get(key) !== window) return;
    this.#windows.delete(key);
    const more = window.lines - this.#options.burst;
    if (more <= 0) return;
    const text = `${window.message}: … and ${more.toLocaleString('en-US')} more in ${WINDOW_SECONDS} s`;
    this.#target[window.level](text, { suppressed: more });
  }
}
