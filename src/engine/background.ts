import type { Clock, Timer } from '../model/clock.js';
import type { Logger } from './logger.js';

/** A task that runs again and again, never twice at once, until it is stopped. */
export interface Background {
  /** Runs within `ms`, if it would not anyway. */
  within(ms: number): void;
  /** Resolves once a run that is under way has ended. */
  stop(): Promise<void>;
}

export interface BackgroundOptions {
  readonly name: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** Answers the time until the next run in milliseconds; undefined: only when `within` asks for it. */
  readonly run: () => Promise<number | undefined>;
  /** Time until the next run after one that threw. */
  readonly retryMs: number;
}

export function startBackground(options: BackgroundOptions): Background {
  const { clock, log, name, run, retryMs } = options;
  let timer: Timer | undefined;
  let dueAt = Number.POSITIVE_INFINITY;
  let current: Promise<void> | undefined;
  let stopped = false;

  const within = (ms: number): void => {
    const at = clock.monotonic() + ms;
    if (stopped || at >= dueAt) return;
    dueAt = at;
    if (current) return;
    timer?.cancel();
    timer = clock.after(ms, start);
  };
  const start = (): void => {
    dueAt = Number.POSITIVE_INFINITY;
    current = once().finally(() => {
      current = undefined;
      if (dueAt === Number.POSITIVE_INFINITY || stopped) return;
      timer = clock.after(Math.max(0, dueAt - clock.monotonic()), start);
    });
  };
  const once = async (): Promise<void> => {
    try {
      const next = await run();
      if (next !== undefined) within(next);
    } catch (error) {
      log.warn(`${name} failed and will be tried again`, { error });
      within(retryMs);
    }
  };
  return {
    within,
    async stop() {
      stopped = true;
      timer?.cancel();
      await current;
    },
  };
}
