import { createSystemClock } from '../engine/clock.js';
import { MillraceError } from '../model/errors.js';
import type { HostId, WorkflowId } from '../model/ids.js';
import type { Plan } from '../model/plan.js';
import type { ExecutionSnapshot } from '../model/snapshot.js';
import type { EpochRecord } from '../store/redis/epoch.js';
import {
  type OpenRedisStore,
  openRedisStore,
  type RedisStoreOptions,
} from '../store/redis/open-redis-store.js';
import { MemoryRecord } from './redis-fixture.js';

/** The record's side of the epoch, in memory. */
export class MemoryEpoch implements EpochRecord {
  epoch: string | undefined;
  #last: Promise<unknown> = Promise.resolve();

  async read(): Promise<string | undefined> {
    return this.epoch;
  }

  async write(epoch: string): Promise<void> {
    this.epoch = epoch;
  }

  withLock<T>(run: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(run);
    this.#last = turn.catch(() => undefined);
    return turn;
  }
}

/** A record in memory, as a host of the Redis store needs it. */
export class MemoryColdStore {
  readonly epoch = new MemoryEpoch();
  readonly executions = new MemoryRecord();
  readonly plans = new Map<WorkflowId, Plan>();

  asRecord(): RedisStoreOptions['record'] {
    return {
      deadLetters: this.executions,
      epoch: this.epoch,
      unfinished: async (after, limit) => this.#unfinished(after, limit),
      unfinishedRows: async (after, createdBefore, limit) =>
        this.#unfinished(after, limit).filter(({ createdAt }) => createdAt < createdBefore),
      read: async (ids) => ids.map((id) => this.executions.executions.get(id)),
      plan: async (workflowId) => {
        const plan = this.plans.get(workflowId);
        if (!plan) throw new MillraceError('STORE_DAMAGED', `the record has no definition of ${workflowId}`);
        return plan;
      },
    };
  }

  #unfinished(after: string | undefined, limit: number): readonly ExecutionSnapshot[] {
    return [...this.executions.executions.values()]
      .filter(({ state }) => state === 'pending' || state === 'running')
      .filter(({ executionId }) => after === undefined || executionId > after)
      .sort((one, other) => (one.executionId < other.executionId ? -1 : 1))
      .slice(0, limit);
  }
}

export interface TestHost {
  readonly opened: OpenRedisStore;
  readonly messages: readonly string[];
}

/** A whole host of the Redis store, as the composition opens it, over a record in memory. */
export async function openTestHost(
  url: string,
  record: MemoryColdStore,
  overrides: Partial<RedisStoreOptions> = {},
): Promise<TestHost> {
  const messages: string[] = [];
  const opened = await openRedisStore({
    url,
    partitions: 4,
    host: 'host-a' as HostId,
    clock: createSystemClock(),
    leaseMs: 15_000,
    maxDeliveries: 5,
    maxExecutionBytes: 1 << 20,
    planCacheBytes: 1 << 20,
    hotGraceMs: 1000,
    parkAfterMs: 600_000,
    outboxMaxBytes: 1 << 30,
    waitReplicas: 0,
    unknownHandlerGraceMs: 10_000,
    recover: 'auto',
    works: true,
    onUnreadable: (id) => void messages.push(`${id} cannot be read`),
    self: () => ({
      ...{ roles: ['api', 'worker'], queues: undefined, handlers: ['work'] },
      ...{ threads: 1, running: 0, startedAt: 0 },
    }),
    record: record.asRecord(),
    log: (_level, message) => void messages.push(message),
    ...overrides,
  });
  return { opened, messages };
}

/** Runs one execution of a plan to its end through a host; answers what the record then has of it. */
export async function runToEnd(
  { opened }: TestHost,
  record: MemoryColdStore,
  submission: Parameters<OpenRedisStore['store']['submit']>[0][number],
): Promise<ExecutionSnapshot | undefined> {
  const { store } = opened;
  const owner = 'host-a' as HostId;
  const request = { owner, leaseMs: 15_000, lanes: undefined, total: 10, quarantined: 10 };
  record.plans.set(submission.plan.workflowId, submission.plan);
  let { tasks } = await store.submit([submission], request);
  while (tasks.length > 0) {
    const results = tasks.map((task) => ({ task, owner, outcome: { kind: 'completed' } as const }));
    const advanced = await store.advance(results, request);
    tasks = advanced.tasks.length > 0 ? advanced.tasks : (await store.lease(request)).tasks;
  }
  const events = await store.takeOutbox(100);
  record.executions.record(events);
  await store.acknowledgeOutbox(events);
  return record.executions.executions.get(submission.executionId);
}
