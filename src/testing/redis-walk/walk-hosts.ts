import assert from 'node:assert/strict';
import type { LeasedTask, OutboxEvent } from '../../model/commands.js';
import { MillraceError } from '../../model/errors.js';
import type { ExecutionId, HostId } from '../../model/ids.js';
import type { Plan } from '../../model/plan.js';
import type { ExecutionSnapshot } from '../../model/snapshot.js';
import type { RedisConnection } from '../../store/redis/connection.js';
import { decodeLeased, leasedTask } from '../../store/redis/lease-wire.js';
import type { PartitionClient } from '../../store/redis/partition-client.js';
import type { RedisStateStore } from '../../store/redis/redis-state-store.js';
import { emptyServers, MemoryRecord, openTestStore } from '../redis-fixture.js';
import { SimulatedClock } from '../simulated-clock.js';
import { HOSTS } from '../walk-steps.js';
import { type AppliedCall, LossyCaller } from './lossy-caller.js';

/** So small that ordinary executions are cut up and have lines of their own. */
export const WINDOW = 2;
const CHUNK = 2;
export const PARTITIONS = 2;

/** What came of a verb: its answer or, where a reply got lost, what the servers did all the same. */
export type Told<T> =
  | { readonly kind: 'answered'; readonly answer: T; readonly applied: readonly AppliedCall[] }
  | { readonly kind: 'lost'; readonly applied: readonly AppliedCall[] };

export interface WalkHost {
  readonly name: HostId;
  readonly store: RedisStateStore;
  /** Does it with the reply of one script call lost, if the verb makes as many. */
  lossy<T>(losesAfter: number | undefined, verb: () => Promise<T>): Promise<Told<T>>;
}

/** Hosts of one store over one connection, with one clock and one record. */
export class WalkHosts {
  readonly clock = new SimulatedClock();
  readonly record = new MemoryRecord();
  readonly #connection: RedisConnection;
  readonly #hosts: { host: WalkHost; client: PartitionClient }[];

  private constructor(connection: RedisConnection) {
    this.#connection = connection;
    this.#hosts = HOSTS.map((name) => this.#open(name));
  }

  static async open(connection: RedisConnection): Promise<WalkHosts> {
    await emptyServers(connection);
    return new WalkHosts(connection);
  }

  #open(name: HostId): { host: WalkHost; client: PartitionClient } {
    const caller = new LossyCaller(this.#connection.client);
    const { clock, record } = this;
    const options = { client: caller, clock, record, host: name, partitions: PARTITIONS };
    const { store, client } = openTestStore({ ...options, window: WINDOW, fanOutChunk: CHUNK });
    const lossy = async <T>(losesAfter: number | undefined, verb: () => Promise<T>): Promise<Told<T>> => {
      await caller.settle();
      if (losesAfter !== undefined) caller.loseAfter(losesAfter);
      try {
        const answer = await verb();
        return { kind: 'answered', answer, applied: await caller.settle() };
      } catch (error) {
        const isLoss = error instanceof MillraceError && error.code === 'STORE_UNAVAILABLE';
        if (losesAfter === undefined || !isLoss) throw error;
        return { kind: 'lost', applied: await caller.settle() };
      }
    };
    return { host: { name, store, lossy }, client };
  }

  get client() {
    return this.#connection.client;
  }

  get keys() {
    const [first] = this.#hosts;
    assert.ok(first);
    return first.client.keys;
  }

  at(which: number): WalkHost {
    const found = this.#hosts[which % this.#hosts.length];
    assert.ok(found);
    return found.host;
  }

  /** The host's process ends, and another one with its name begins without its memory. */
  crash(which: number): void {
    this.#hosts[which % this.#hosts.length] = this.#open(this.at(which).name);
  }

  /** Everything that the record has to learn, by one host; of what others did it hears from its sweep. */
  async drain(host: WalkHost): Promise<void> {
    await host.store.sweep();
    for (;;) {
      const events: readonly OutboxEvent[] = await host.store.takeOutbox(100);
      if (events.length === 0) return;
      this.record.record(events);
      await host.store.acknowledgeOutbox(events);
    }
  }

  /** From the store or, where that has let go of it, from the record. */
  async read(ids: readonly ExecutionId[]): Promise<ExecutionSnapshot[]> {
    const hot = await this.at(0).store.read(ids);
    return ids.map((id, at) => {
      const snapshot = hot[at] ?? this.record.executions.get(id);
      assert.ok(snapshot, `execution ${id} is here or in the record`);
      return snapshot;
    });
  }
}

/** The tasks that calls handed out. */
export function leasedIn(
  applied: readonly AppliedCall[],
  planOf: (id: ExecutionId) => Plan,
): readonly LeasedTask[] {
  return applied.flatMap(({ reply }) =>
    decodeLeased(reply[2]).map((leased) => leasedTask(leased, planOf(leased.task[0]))),
  );
}
