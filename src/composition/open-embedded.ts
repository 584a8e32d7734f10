import { randomUUID } from 'node:crypto';
import { join, resolve } from 'node:path';
import { lockDirectory } from '../store/embedded/directory-lock.js';
import { EmbeddedHistoryStore } from '../store/embedded/embedded-history-store.js';
import { EmbeddedStateStore } from '../store/embedded/embedded-state-store.js';
import { openEnvironment } from '../store/embedded/environment.js';
import { DAY_MS, describeHost, type Stores, type StoresOptions } from './stores.js';

/** Memory, and LMDB behind it, in a directory that belongs to this process. */
export async function openEmbedded(options: StoresOptions): Promise<Stores> {
  const { config, clock, log, closers } = options;
  const lock = await lockDirectory(config.DATA_DIR);
  closers.push(() => lock.release());
  const birth = { storeId: randomUUID(), now: clock.now() };
  const environment = await openEnvironment(join(config.DATA_DIR, 'store'), birth);
  let opened = false;
  closers.push(() => (opened ? store.close() : environment.close()));
  const store = new EmbeddedStateStore({
    environment,
    clock,
    leaseMs: config.LEASE_MS,
    maxDeliveries: config.MAX_DELIVERIES,
    maxExecutionBytes: config.MAX_EXECUTION_BYTES,
    parkAfterMs: config.PARK_SECONDS * 1000,
    commitRetryMs: config.COMMIT_RETRY_MS,
    onCommitFailure: (error) =>
      log.error('the store cannot write; nothing new is accepted until it can', { error }),
    onCommitRecovery: () => log.info('the store writes again'),
  });
  opened = true;
  const history = new EmbeddedHistoryStore({
    environment,
    clock,
    state: store,
    retentionMs: config.RETENTION_DAYS * DAY_MS,
    pendingTtlMs: config.PENDING_TTL_DAYS * DAY_MS,
  });
  return {
    store,
    history,
    hosts: { living: async () => [describeHost(options)] },
    rates: undefined,
    callbacks: history.callbacks,
    durability: 'an answer follows the sync of its LMDB commit',
    dependencies: () => ({ store: store.failing ? 'unhealthy' : 'healthy' }),
    needs: ['store'],
    place: `embedded store in ${resolve(config.DATA_DIR)}`,
  };
}
