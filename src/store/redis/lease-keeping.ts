import {
  ADVANCE_OUTCOMES,
  HEARTBEAT_OUTCOMES,
  type HeartbeatOutcome,
  type LeaseRef,
} from '../../model/commands.js';
import { type ExecutionId, type HostId, partitionOf, type WorkflowId } from '../../model/ids.js';
import { hostStoppedAnswering } from '../../model/transitions.js';
import type { ReclaimReply } from '../state-store.js';
import type { Advancing } from './advancing.js';
import { eachPartition, MAX_ITEMS, partitionBatches } from './partition-batches.js';
import type { ScriptArgument } from './script-registry.js';
import type { StoreContext } from './store-context.js';

/** Measured so that no call takes 5 ms (bench/redis-scripts.ts). */
const LOOKED_AT_PER_CALL = 200;
const EMPTY = Buffer.alloc(0);

/** What becomes of leases after they were given: extended, taken over, or handed back where nobody knows of them. */
export class LeaseKeeping {
  readonly #context: StoreContext;
  readonly #advancing: Advancing;
  #reclaimNotBefore = 0;
  /** By partition: leases that had run out when their owner's fate was not decided, and when each was found. */
  readonly #undecided: ReadonlyMap<string, number>[];

  constructor(context: StoreContext, advancing: Advancing) {
    this.#context = context;
    this.#advancing = advancing;
    this.#undecided = Array.from({ length: context.client.partitions }, () => new Map());
  }

  async heartbeat(owner: HostId, leases: readonly LeaseRef[]): Promise<readonly HeartbeatOutcome[]> {
    const { client, held, hosts, options } = this.#context;
    const outcomes: HeartbeatOutcome[] = [];
    await hosts.learn([owner]);
    const batches = partitionBatches(leases, {
      partitions: client.partitions,
      partitionOf: (lease) => partitionOf(lease.executionId),
    });
    await Promise.all(
      batches.map(async ({ partition, items }) => {
        const args: ScriptArgument[] = [hosts.known(owner), options.leaseMs, items.length];
        for (const { item } of items) args.push(item.executionId, item.node, item.fence);
        const reply = await client.call('heartbeat', partition, args);
        for (const [at, { index, item }] of items.entries()) {
          const outcome = HEARTBEAT_OUTCOMES[Number(reply.outcomes[at])] ?? 'lost';
          outcomes[index] = outcome;
          if (outcome !== 'kept') held.remove(item);
        }
      }),
    );
    return outcomes;
  }

  /** The store was away: leases of other hosts that ran out meanwhile are given time. */
  holdReclaim(): void {
    const { clock, leaseMs } = this.#context.options;
    this.#reclaimNotBefore = clock.monotonic() + leaseMs;
  }

  async reclaim(): Promise<ReclaimReply> {
    const { client, options } = this.#context;
    const counts = { reclaimed: 0, exhausted: 0 };
    if (options.clock.monotonic() >= this.#reclaimNotBefore) {
      await eachPartition(client.partitions, (partition) => this.#reclaimPartition(partition, counts));
    }
    return { ...counts, durable: this.#context.durable() };
  }

  async #reclaimPartition(
    partition: number,
    counts: { reclaimed: number; exhausted: number },
  ): Promise<void> {
    const { options, wakeUps } = this.#context;
    const { leaseMs, maxDeliveries, ignoresIdleTime } = options;
    const terms = ['', ignoresIdleTime ? '' : leaseMs, ''];
    const undecided = new Map<string, number>();
    for await (const found of this.#pages(partition, terms)) {
      const leases = this.#decided(partition, found, undecided);
      if (leases.length === 0) continue;
      const items = leases.map((lease) =>
        this.#advancing.items.ofExpired({ ...lease, maxDeliveries, error: hostStoppedAnswering(lease.host) }),
      );
      const reply = await this.#advancing.call(partition, items);
      wakeUps.afterCall(partition, reply);
      for (const [at, outcome] of reply.outcomes.entries()) {
        if (ADVANCE_OUTCOMES[Number(outcome)] !== 'applied') continue;
        counts.reclaimed += 1;
        const { deliveries = 0, died = false } = leases[at] ?? {};
        if (died && deliveries + 1 >= maxDeliveries) counts.exhausted += 1;
      }
    }
    this.#undecided[partition] = undecided;
  }

  /** Those whose owner is known to have died or to live; the others are kept in `undecided` and looked at again. */
  #decided<L extends LeaseRef & { readonly host: string }>(
    partition: number,
    leases: readonly L[],
    undecided: Map<string, number>,
  ): readonly (L & { readonly died: boolean })[] {
    const { clock, fateOf } = this.#context.options;
    return leases.flatMap((lease) => {
      const name = `${lease.executionId} ${lease.node} ${lease.fence}`;
      const foundAt = this.#undecided[partition]?.get(name) ?? clock.now();
      const fate = fateOf(lease.host, foundAt);
      if (fate !== 'undecided') return [{ ...lease, died: fate === 'dead' }];
      undecided.set(name, foundAt);
      return [];
    });
  }

  /** The leases that `expired` finds by these terms (host, least idle time, instant), at most MAX_ITEMS at a time. */
  async *#pages(partition: number, terms: readonly ScriptArgument[]) {
    let lane = '';
    let after = '';
    do {
      const args = [...terms, LOOKED_AT_PER_CALL, lane, after];
      const { outcomes } = await this.#context.client.call('expired', partition, args);
      const leases = await this.#decode(partition, outcomes[0] as unknown[]);
      for (let at = 0; at < leases.length; at += MAX_ITEMS) yield leases.slice(at, at + MAX_ITEMS);
      lane = String(outcomes[1]);
      after = String(outcomes[2]);
    } while (lane !== '');
  }

  async #decode(partition: number, rows: readonly unknown[]) {
    const { hosts } = this.#context;
    const decoded = (rows as unknown[][]).map(([id, node, fence, deliveries, host, workflow]) => ({
      executionId: String(id) as ExecutionId,
      node: Number(node),
      fence: Number(fence),
      deliveries: Number(deliveries),
      hostNumber: Number(host),
      workflowId: String(workflow) as WorkflowId,
    }));
    if (decoded.some((lease) => !hosts.knows(lease.hostNumber))) await hosts.refresh();
    const leases = await Promise.all(
      decoded.map(async (lease) => {
        const plan = await this.#context.planOf(lease.executionId, lease.workflowId, partition);
        return plan && { ...lease, plan, host: hosts.name(lease.hostNumber) };
      }),
    );
    return leases.flatMap((lease) => lease ?? []);
  }

  /** Gives back leases of this host that it does not know, taken before that instant: their reply was lost. */
  async resume(before: number): Promise<number> {
    const { client } = this.#context;
    let released = 0;
    await eachPartition(client.partitions, async (partition) => {
      released += await this.#resumePartition(partition, before);
    });
    return released;
  }

  async #resumePartition(partition: number, before: number): Promise<number> {
    const { held, options, wakeUps } = this.#context;
    const { host } = options;
    let released = 0;
    for await (const leases of this.#pages(partition, [host, '', before])) {
      const lost = leases.filter((lease) => !held.has(lease));
      if (lost.length === 0) continue;
      const items = lost.map((lease) =>
        this.#advancing.items.ofResult({
          task: {
            ...{ ...lease, attempt: 1, alone: false, suspect: false },
            ...{ queuedAt: 0, params: EMPTY, inputs: [] },
          },
          owner: host,
          outcome: { kind: 'released' },
        }),
      );
      wakeUps.afterCall(partition, await this.#advancing.call(partition, items));
      released += lost.length;
    }
    return released;
  }
}
