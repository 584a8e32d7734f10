import { randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { createSystemClock } from '../../src/engine/clock.js';
import type { LeasedTask, LeaseRequest, TaskResult } from '../../src/model/commands.js';
import { compilePlan } from '../../src/model/compile-plan.js';
import { createExecutionIdSource, type HostId } from '../../src/model/ids.js';
import type { Plan } from '../../src/model/plan.js';
import type { RedisConnection } from '../../src/store/redis/connection.js';
import { PartitionClient } from '../../src/store/redis/partition-client.js';
import { RedisStateStore } from '../../src/store/redis/redis-state-store.js';
import { readScenario } from '../runs/scenarios.js';
import { onBenchRedis } from './bench-redis.js';
import type { Floor } from './floor.js';

const HOST = 'floor-1' as HostId;
const PARTITIONS = 64;
const LEASE_MS = 15_000;
/** Submissions of one call, chains of calls under way, results of one call at the most. */
const BATCH = 100;
const CHAINS = 4;
const LEASED = 256;
const OUTBOX = 500;
const OUTBOX_MS = 20;
const NO_PARAMS = Buffer.from('{}');
const OUTPUT = Buffer.from('{"n":1}');

/**
 * The scripts of the Redis store with nothing around them: no HTTP, no threads, no PostgreSQL. Tasks are done the moment they are
 * leased, and the outbox is read and acknowledged as if somebody had written it down.
 */
export function storeLoopFloor(scenario: string): Floor {
  return {
    name: `store loop: ${scenario}`,
    unit: 'workflows',
    run: (seconds) =>
      onBenchRedis(seconds, (connection, span) => new StoreLoop(connection, scenario).run(span)),
  };
}

class StoreLoop {
  readonly #store: RedisStateStore;
  readonly #plan: Plan;
  readonly #ids = createExecutionIdSource(Date.now, randomBytes);
  readonly #request: LeaseRequest = {
    ...{ owner: HOST, leaseMs: LEASE_MS, lanes: undefined },
    ...{ total: LEASED, quarantined: 1 },
  };
  #submitted = 0;
  #ended = 0;
  #partition = 0;

  constructor(connection: RedisConnection, scenario: string) {
    this.#store = openStore(connection);
    this.#plan = compilePlan(readScenario(scenario, { payload: 'small', seed: 1 }).definition);
    this.#store.onSignals((signals) => {
      for (const { kind } of signals) if (kind === 'ended') this.#ended += 1;
    });
  }

  async run(seconds: number): Promise<{ units: number; elapsedMs: number }> {
    const startedAt = performance.now();
    const endAt = startedAt + seconds * 1000;
    await Promise.all([this.#drain(endAt), ...Array.from({ length: CHAINS }, () => this.#chain(endAt))]);
    return { units: this.#ended, elapsedMs: performance.now() - startedAt };
  }

  async #chain(endAt: number): Promise<void> {
    for (;;) {
      const isOver = performance.now() >= endAt;
      if (isOver && this.#ended === this.#submitted) return;
      let { tasks } = isOver ? await this.#store.lease(this.#request) : await this.#submit();
      // Other chains have what is left; a lease that finds nothing may not even ask, so they get their turn.
      if (tasks.length === 0) await pause(1);
      while (tasks.length > 0) tasks = (await this.#store.advance(tasks.map(done), this.#request)).tasks;
    }
  }

  #submit() {
    this.#partition = (this.#partition + 1) % PARTITIONS;
    this.#submitted += BATCH;
    const commands = Array.from({ length: BATCH }, () => ({
      executionId: this.#ids.next(this.#partition),
      ...{ plan: this.#plan, params: NO_PARAMS, trigger: true },
    }));
    return this.#store.submit(commands, this.#request);
  }

  async #drain(endAt: number): Promise<void> {
    for (;;) {
      const events = await this.#store.takeOutbox(OUTBOX);
      if (events.length > 0) await this.#store.acknowledgeOutbox(events);
      else if (performance.now() >= endAt && this.#ended === this.#submitted) return;
      else await pause(OUTBOX_MS);
    }
  }
}

function done(task: LeasedTask): TaskResult {
  return { task, owner: HOST, outcome: { kind: 'completed', output: OUTPUT } };
}

/** As in operation, as far as it matters here (open-redis-store.ts). */
function openStore(connection: RedisConnection): RedisStateStore {
  const clock = createSystemClock();
  const client = new PartitionClient({
    ...{ client: connection.client, partitions: PARTITIONS, caller: randomUUID() },
    ...{ window: 256, maxFailuresKept: 50 },
    monotonic: () => clock.monotonic(),
    onLost: () => undefined,
  });
  return new RedisStateStore({
    ...{ client, clock, host: HOST, leaseMs: LEASE_MS, maxDeliveries: 5, maxExecutionBytes: 64 << 20 },
    ...{ maxFailuresKept: 50, graceMs: 30_000, parkAfterMs: 600_000, maxBytes: 1 << 30 },
    ...{ fanOutChunk: 256, planCacheBytes: 64 << 20, queues: undefined },
    handlers: () => [],
    fateOf: () => 'dead',
    onUnreadable: () => undefined,
    deadLetters: { list: async () => [], read: async () => [], remove: async () => [] },
    isShortOfMemory: () => false,
  });
}
