import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '../model/clock.js';
import { EmbeddedHistoryStore } from '../store/embedded/embedded-history-store.js';
import {
  EmbeddedStateStore,
  type EmbeddedStateStoreOptions,
} from '../store/embedded/embedded-state-store.js';
import { type Environment, openEnvironment } from '../store/embedded/environment.js';
import type { StoreSubject } from './conformance/subject.js';
import { SimulatedClock } from './simulated-clock.js';

export const LEASE_MS = 1000;
export const MAX_DELIVERIES = 3;
export const PARK_AFTER_MS = 600_000;
export const RETENTION_MS = 30 * 86_400_000;
export const PENDING_TTL_MS = 30 * 86_400_000;
const COMMIT_RETRY_MS = 500;

export async function temporaryDirectory(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'millrace-store-'));
}

export function removeDirectory(directory: string): Promise<void> {
  return rm(directory, { recursive: true, force: true });
}

export interface EmbeddedFixture {
  readonly environment: Environment;
  readonly store: EmbeddedStateStore;
  readonly history: EmbeddedHistoryStore;
  /** Commits that failed so far. */
  readonly failures: readonly unknown[];
  readonly recoveries: () => number;
  close(): Promise<void>;
}

export interface EmbeddedFixtureOptions {
  readonly directory: string;
  readonly clock: Clock;
  /** Puts something between the store and its environment. */
  readonly wrap?: (environment: Environment) => Environment;
  readonly settings?: Partial<EmbeddedStateStoreOptions>;
}

export async function openEmbedded(options: EmbeddedFixtureOptions): Promise<EmbeddedFixture> {
  const { directory, clock, wrap = (environment) => environment, settings } = options;
  const opened = await openEnvironment(directory, { storeId: 'fixture', now: clock.now() });
  const environment = wrap(opened);
  const failures: unknown[] = [];
  let recoveries = 0;
  try {
    const store = new EmbeddedStateStore({
      environment,
      clock,
      leaseMs: LEASE_MS,
      maxDeliveries: MAX_DELIVERIES,
      maxExecutionBytes: 1 << 20,
      parkAfterMs: PARK_AFTER_MS,
      commitRetryMs: COMMIT_RETRY_MS,
      onCommitFailure: (error) => failures.push(error),
      onCommitRecovery: () => {
        recoveries += 1;
      },
      ...settings,
    });
    const history = new EmbeddedHistoryStore({
      environment,
      clock,
      state: store,
      retentionMs: RETENTION_MS,
      pendingTtlMs: PENDING_TTL_MS,
    });
    return {
      environment,
      store,
      history,
      failures,
      recoveries: () => recoveries,
      close: () => store.close(),
    };
  } catch (error) {
    await opened.close();
    throw error;
  }
}

/** Runs `check` with an empty directory, which is then removed. */
export async function withDirectory(check: (directory: string) => Promise<void>): Promise<void> {
  const directory = await temporaryDirectory();
  try {
    await check(directory);
  } finally {
    await removeDirectory(directory);
  }
}

/** An embedded store in a directory of its own, with a clock that stands still, for the conformance suite. */
export async function createEmbeddedSubject(): Promise<StoreSubject> {
  const directory = await temporaryDirectory();
  const clock = new SimulatedClock();
  const open = async (): Promise<StoreSubject> => {
    const { store, history, environment } = await openEmbedded({ directory, clock });
    return {
      store,
      leaseMs: LEASE_MS,
      maxDeliveries: MAX_DELIVERIES,
      leasesOutliveCrash: false,
      now: () => clock.now(),
      advance: async (ms) => clock.advance(ms),
      recorded: async (id) => (await history.read([id]))[0],
      letGo: () => store.durable(),
      crash: async () => {
        await environment.close();
        return open();
      },
      close: async () => {
        await store.close();
        await removeDirectory(directory);
      },
    };
  };
  return open();
}
