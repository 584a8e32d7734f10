import { randomUUID } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import type { OutboxEvent } from '../model/commands.js';
import { encodeDeadLetterKey, parseDeadLetterId } from '../model/dead-letter.js';
import type { ExecutionId, HostId } from '../model/ids.js';
import type { DeadLetter, ExecutionSnapshot } from '../model/snapshot.js';
import type { RedisConnection } from '../store/redis/connection.js';
import { PartitionClient } from '../store/redis/partition-client.js';
import { RedisStateStore } from '../store/redis/redis-state-store.js';
import type { CommandCaller } from '../store/redis/script-registry.js';
import type { DeadLetterRecord, RedisStateStoreOptions } from '../store/redis/store-context.js';
import type { DeadLetterQuery } from '../store/state-store.js';
import type { StoreSubject } from './conformance/subject.js';
import { HOST } from './machine-fixture.js';
import { SimulatedClock } from './simulated-clock.js';

export const TEST_LEASE_MS = 1000;
export const TEST_MAX_DELIVERIES = 3;
const PARTITIONS = 3;

const GRACE_MS = 30_000;

/** A record in memory, by the rules of a history store. */
export class MemoryRecord implements DeadLetterRecord {
  readonly executions = new Map<ExecutionId, ExecutionSnapshot>();
  readonly letters = new Map<string, DeadLetter>();

  record(events: readonly OutboxEvent[]): void {
    for (const event of events) {
      const { snapshot } = event;
      const known = this.executions.get(snapshot.executionId);
      if (known && known.revision >= snapshot.revision) continue;
      this.executions.set(snapshot.executionId, snapshot);
      for (const [id, letter] of this.letters) {
        if (letter.executionId === snapshot.executionId) this.letters.delete(id);
      }
      if (event.kind === 'ended') for (const letter of event.deadLetters) this.letters.set(letter.id, letter);
    }
  }

  async list(query: DeadLetterQuery): Promise<readonly DeadLetter[]> {
    const bytesOf = (id: string): Buffer => {
      const key = parseDeadLetterId(id);
      return key ? encodeDeadLetterKey(key) : Buffer.alloc(0);
    };
    const { before, handler, workflowId, errorCode, failedAfter } = query;
    return [...this.letters.values()]
      .filter((letter) => before === undefined || bytesOf(letter.id).compare(bytesOf(before)) < 0)
      .filter((letter) => handler === undefined || letter.handler === handler)
      .filter((letter) => workflowId === undefined || letter.workflowId === workflowId)
      .filter((letter) => errorCode === undefined || letter.error.code === errorCode)
      .filter((letter) => failedAfter === undefined || letter.failedAt > failedAfter)
      .sort((a, b) => bytesOf(b.id).compare(bytesOf(a.id)))
      .slice(0, query.limit);
  }

  async read(ids: readonly string[]): Promise<readonly (DeadLetter | undefined)[]> {
    return ids.map((id) => this.letters.get(id));
  }

  async remove(ids: readonly string[]): Promise<readonly ('deleted' | 'not_found')[]> {
    return ids.map((id) => (this.letters.delete(id) ? 'deleted' : 'not_found'));
  }
}

export interface TestStoreOptions {
  readonly client: CommandCaller;
  readonly clock: SimulatedClock;
  readonly record: DeadLetterRecord;
  readonly host?: HostId;
  readonly partitions?: number;
  /** Small by default, so that ordinary executions are cut up. */
  readonly window?: number;
  readonly fanOutChunk?: number;
  readonly handlers?: readonly string[];
  /** Gets the executions that make no sense. */
  readonly unreadable?: ExecutionId[];
  /** Every owner of a lease that ran out is dead, unless this says otherwise. */
  readonly fateOf?: RedisStateStoreOptions['fateOf'];
}

export interface TestStore {
  readonly store: RedisStateStore;
  readonly client: PartitionClient;
}

/** A store of one host whose time is the clock's. */
export function openTestStore(options: TestStoreOptions): TestStore {
  const { clock, record, host = HOST as HostId, window = 2, fanOutChunk = 2 } = options;
  const client = new PartitionClient({
    client: options.client,
    partitions: options.partitions ?? PARTITIONS,
    caller: randomUUID(),
    window,
    maxFailuresKept: 50,
    monotonic: () => clock.monotonic(),
    instant: () => clock.now(),
    onLost: () => undefined,
  });
  const store = new RedisStateStore({
    ...{ client, clock, host, fanOutChunk },
    leaseMs: TEST_LEASE_MS,
    maxDeliveries: TEST_MAX_DELIVERIES,
    maxExecutionBytes: 1 << 20,
    maxFailuresKept: 50,
    graceMs: GRACE_MS,
    parkAfterMs: 600_000,
    maxBytes: 1 << 30,
    planCacheBytes: 1 << 20,
    queues: undefined,
    handlers: () => options.handlers ?? ['work'],
    onUnreadable: (id) => void options.unreadable?.push(id),
    fateOf: options.fateOf ?? (() => 'dead'),
    deadLetters: record,
    isShortOfMemory: () => false,
    ignoresIdleTime: true,
  });
  return { store, client };
}

/** Removes every key of the servers. */
export async function emptyServers(connection: RedisConnection): Promise<void> {
  for (const master of connection.masters()) await master.callBuffer('FLUSHALL');
}

/** A Redis store with a clock that stands still, on servers that are emptied for it. */
export async function createRedisSubject(connection: RedisConnection): Promise<StoreSubject> {
  await emptyServers(connection);
  const clock = new SimulatedClock();
  const record = new MemoryRecord();
  const open = (): StoreSubject => {
    const { store } = openTestStore({ client: connection.client, clock, record });
    const drain = async (): Promise<void> => {
      for (;;) {
        const events = await store.takeOutbox(100);
        if (events.length === 0) return;
        record.record(events);
        await store.acknowledgeOutbox(events);
      }
    };
    return {
      store,
      leaseMs: TEST_LEASE_MS,
      maxDeliveries: TEST_MAX_DELIVERIES,
      leasesOutliveCrash: true,
      now: () => clock.now(),
      advance: async (ms) => {
        clock.advance(ms);
        await turn();
      },
      recorded: async (id) => {
        await drain();
        return record.executions.get(id);
      },
      letGo: async () => {
        await drain();
        clock.advance(GRACE_MS);
        await store.sweep();
      },
      crash: async () => open(),
      close: () => store.close(),
    };
  };
  return open();
}
