import {
  ADVANCE_OUTCOMES,
  type AdvanceOutcome,
  type LeaseRequest,
  type TaskResult,
} from '../../model/commands.js';
import { partitionOf } from '../../model/ids.js';
import { outputsTooLarge } from '../../model/transitions.js';
import type { StoreReply } from '../state-store.js';
import { type AdvanceItem, AdvanceItems, advanceArguments, jsonOf } from './advance-items.js';
import type { FanOuts } from './fan-outs.js';
import { NO_LEASE } from './lease-wire.js';
import { partitionBatches } from './partition-batches.js';
import type { ScriptReply } from './partition-client.js';
import type { ScriptArgument } from './script-registry.js';
import type { StoreContext } from './store-context.js';
import type { TaskLeasing } from './task-leasing.js';

/** Records what became of nodes. */
export class Advancing {
  readonly #context: StoreContext;
  readonly #leasing: TaskLeasing;
  readonly #fanOuts: FanOuts;
  readonly items: AdvanceItems;

  constructor(context: StoreContext, leasing: TaskLeasing, fanOuts: FanOuts) {
    this.#context = context;
    this.#leasing = leasing;
    this.#fanOuts = fanOuts;
    this.items = new AdvanceItems(context.wires);
  }

  async advance(results: readonly TaskResult[], lease?: LeaseRequest): Promise<StoreReply<AdvanceOutcome>> {
    const { client, held } = this.#context;
    const outcomes: AdvanceOutcome[] = [];
    const batches = partitionBatches(
      results.map((result) => this.items.ofResult(result)),
      {
        partitions: client.partitions,
        partitionOf: (item) => partitionOf(item.executionId),
        sizeOf: (item) => item,
      },
    );
    const tasks = await this.#leasing.along(batches, lease, async ({ partition, items }, leasing) => {
      const reply = await this.call(
        partition,
        items.map(({ item }) => item),
        leasing,
      );
      for (const [at, { item, index }] of items.entries()) {
        const outcome = ADVANCE_OUTCOMES[Number(reply.outcomes[at])] ?? 'stale_lease';
        outcomes[index] = outcome;
        const result = results[index];
        if (result) held.remove(result.task);
        const goesOn = item.isCut && (outcome === 'applied' || outcome === 'duplicate');
        if (goesOn) await this.#fanOuts.goOnFrom(item.executionId, item.plan, item.node);
      }
      return reply;
    });
    return { outcomes, tasks, durable: this.#context.durable() };
  }

  /** One call of the script, for items of one partition. */
  async call(
    partition: number,
    items: readonly AdvanceItem[],
    leasing: readonly ScriptArgument[] = NO_LEASE,
  ): Promise<ScriptReply> {
    const { client, options, wakeUps } = this.#context;
    const { maxExecutionBytes } = options;
    const args: ScriptArgument[] = [
      maxExecutionBytes,
      jsonOf(outputsTooLarge(maxExecutionBytes)),
      ...advanceArguments(items),
      ...leasing,
    ];
    const reply = await client.call('advance', partition, args);
    let soonest: number | undefined;
    for (const { timerMs } of items) {
      if (timerMs !== undefined && (soonest === undefined || timerMs < soonest)) soonest = timerMs;
    }
    if (soonest !== undefined) wakeUps.timerSet(partition, reply.now + soonest, soonest);
    return reply;
  }
}
