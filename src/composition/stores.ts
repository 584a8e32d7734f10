import { type Config, ConfigError } from '../config.js';
import type { Logger } from '../engine/logger.js';
import type { Clock } from '../model/clock.js';
import { MillraceError } from '../model/errors.js';
import type { HostId } from '../model/ids.js';
import type { TaskRunner } from '../runner/task-runner.js';
import type { CallbackOutbox } from '../store/callback-outbox.js';
import type { HistoryStore } from '../store/history-store.js';
import type { HostInfo, HostRegistry } from '../store/host-registry.js';
import type { RateStore } from '../store/rate-store.js';
import type { StateStore } from '../store/state-store.js';

export const DAY_MS = 86_400_000;
const START_RETRY_MS = 500;

/** Something to be closed; the last opened goes first. */
export type Closer = () => Promise<void>;

/** What the engine needs of a pair of stores. */
export interface Stores {
  readonly store: StateStore;
  readonly history: HistoryStore;
  readonly hosts: HostRegistry;
  /** What clients spend at all hosts; undefined where there is one. */
  readonly rates: RateStore | undefined;
  readonly callbacks: CallbackOutbox;
  readonly durability: string;
  readonly dependencies: () => Readonly<Record<string, 'healthy' | 'unhealthy'>>;
  /** Of these, those without which nothing can be accepted. */
  readonly needs: readonly string[];
  /** For people. */
  readonly place: string;
}

export interface StoresOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly log: Logger;
  readonly closers: Closer[];
  readonly host: HostId;
  readonly runner: TaskRunner;
  readonly startedAt: number;
  readonly onScript: (name: string, ms: number) => void;
  readonly onSetAside: () => void;
}

export function describeHost({ config, host, runner, startedAt, clock }: StoresOptions): HostInfo {
  const { threads, running } = runner.stats();
  return {
    host,
    roles: [...(config.roles.api ? ['api'] : []), ...(config.roles.worker ? ['worker'] : [])],
    queues: config.queues && [...config.queues.keys()],
    handlers: config.roles.worker
      ? [...runner.handlers.values()].filter((each) => !each.builtin).map((each) => each.name)
      : [],
    threads,
    running,
    startedAt,
    lastSeenAt: clock.now(),
  };
}

/** Servers that are still starting are waited for. */
export async function patiently<T>(what: string, options: StoresOptions, open: () => Promise<T>): Promise<T> {
  const { clock, config, log } = options;
  const deadline = clock.monotonic() + config.START_TIMEOUT_SECONDS * 1000;
  for (let tries = 1; ; tries++) {
    try {
      return await open();
    } catch (error) {
      if (error instanceof MillraceError && error.code === 'STORE_UNSUITABLE') throw error;
      const why = error instanceof Error ? error.message || error.name : String(error);
      if (clock.monotonic() >= deadline) throw new ConfigError(`${what} cannot be reached: ${why}`);
      if (tries === 1) log.warn(`${what} is not reached yet; waiting for it`, { error: why });
      await new Promise<void>((resolve) => clock.after(START_RETRY_MS, resolve));
    }
  }
}
