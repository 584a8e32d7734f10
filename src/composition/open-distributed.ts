import { compilePlan } from '../model/compile-plan.js';
import { MillraceError } from '../model/errors.js';
import type { WorkflowId } from '../model/ids.js';
import type { HistoryStore } from '../store/history-store.js';
import { openPostgresHistory } from '../store/postgres/postgres-history-store.js';
import { type OpenRedisStore, openRedisStore } from '../store/redis/open-redis-store.js';
import { DAY_MS, describeHost, patiently, type Stores, type StoresOptions } from './stores.js';

/** Redis for what runs, PostgreSQL for the record. Both are waited for. */
export async function openDistributed(options: StoresOptions): Promise<Stores> {
  const { config, clock, log, closers, host, onScript, onSetAside } = options;
  let redis: OpenRedisStore | undefined;
  const record = await patiently('PostgreSQL (DATABASE_URL)', options, () =>
    openPostgresHistory({
      databaseUrl: config.DATABASE_URL,
      clock,
      retentionMs: config.RETENTION_DAYS * DAY_MS,
      pendingTtlMs: config.PENDING_TTL_DAYS * DAY_MS,
      maxBatchBytes: config.ARCHIVE_BATCH_BYTES,
      hot: async (ids) => (await redis?.summaries(ids)) ?? ids.map(() => undefined),
      onSetAside(executionId, reason) {
        onSetAside();
        log.error('the record refused an execution; it is kept in the table set_aside', {
          executionId,
          reason,
        });
      },
      onHealth: (healthy, error) =>
        healthy ? log.info('PostgreSQL is back') : log.error('PostgreSQL is away', { error }),
    }),
  );
  closers.push(() => record.close());
  const definition = async (workflowId: WorkflowId) =>
    redis?.definition(workflowId) ?? (await record.definition(workflowId));
  const opened = await patiently('Redis (REDIS_URL)', options, () =>
    openRedisStore({
      url: config.REDIS_URL,
      partitions: config.PARTITIONS,
      host,
      clock,
      leaseMs: config.LEASE_MS,
      maxDeliveries: config.MAX_DELIVERIES,
      maxExecutionBytes: config.MAX_EXECUTION_BYTES,
      planCacheBytes: config.PLAN_CACHE_BYTES,
      hotGraceMs: config.HOT_GRACE_SECONDS * 1000,
      parkAfterMs: config.PARK_SECONDS * 1000,
      outboxMaxBytes: config.OUTBOX_MAX_BYTES,
      waitReplicas: config.REDIS_WAIT_REPLICAS,
      unknownHandlerGraceMs: config.UNKNOWN_HANDLER_GRACE_MS,
      recover: config.RECOVER,
      works: config.roles.worker,
      self: () => describeHost(options),
      onUnreadable(executionId, error) {
        onSetAside();
        log.error('an execution of the hot store cannot be read; it stays there, and the others go on', {
          executionId,
          error,
        });
      },
      record: {
        deadLetters: record.deadLetters,
        epoch: record.epoch,
        unfinished: (after, limit) => record.unfinished(after, limit),
        unfinishedRows: (after, createdBefore, limit) => record.unfinishedRows(after, createdBefore, limit),
        read: (ids) => record.read(ids),
        async plan(workflowId) {
          const found = await definition(workflowId);
          if (!found)
            throw new MillraceError('STORE_DAMAGED', `PostgreSQL has no definition of ${workflowId}`);
          return compilePlan(found);
        },
      },
      log: (level, message, fields) => log[level](message, fields),
      onScript,
    }),
  );
  redis = opened;
  closers.push(() => opened.close());
  const history: HistoryStore = {
    record: (events) => record.record(events),
    definition,
    read: (ids) => record.read(ids),
    list: (query) => record.list(query),
    sweep: () => record.sweep(),
    close: () => record.close(),
  };
  return {
    store: opened.store,
    history,
    hosts: opened.registry,
    rates: opened.rates,
    callbacks: record.callbacks,
    durability: opened.durability,
    dependencies: () => ({
      redis: opened.healthy() ? 'healthy' : 'unhealthy',
      postgres: record.healthy ? 'healthy' : 'unhealthy',
    }),
    needs: ['redis'],
    place: `distributed store, ${config.PARTITIONS} partitions`,
  };
}
