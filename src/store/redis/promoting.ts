import type { ExecutionId, WorkflowId } from '../../model/ids.js';
import type { PromoteReply } from '../state-store.js';
import type { AdvanceItem } from './advance-items.js';
import type { Advancing } from './advancing.js';
import type { FanOuts } from './fan-outs.js';
import { cut, type ItemSize, MAX_ITEMS } from './partition-batches.js';
import type { StoreContext } from './store-context.js';
import { TIMER_OUTCOMES } from './vocabulary.js';

interface Counts {
  promoted: number;
  completed: number;
  expired: number;
}
const DUE_FIELDS = 3;

/** Timers that are due: retries, sleeps and deadlines. */
export class Promoting {
  readonly #context: StoreContext;
  readonly #advancing: Advancing;
  readonly #fanOuts: FanOuts;

  constructor(context: StoreContext, advancing: Advancing, fanOuts: FanOuts) {
    this.#context = context;
    this.#advancing = advancing;
    this.#fanOuts = fanOuts;
  }

  async promote(): Promise<PromoteReply> {
    const { wakeUps } = this.#context;
    const counts: Counts = { promoted: 0, completed: 0, expired: 0 };
    let now = 0;
    await Promise.all(
      wakeUps.timedPartitions().map(async (partition) => {
        try {
          now = Math.max(now, await this.#promotePartition(partition, counts));
        } catch (error) {
          // What is due there is not known any more: the next call looks again.
          wakeUps.timerFound(partition, 0);
          throw error;
        }
      }),
    );
    const nextAt = wakeUps.announceTimers();
    const nextInMs = nextAt === Number.POSITIVE_INFINITY ? undefined : Math.max(0, nextAt - now);
    return { ...counts, nextInMs };
  }

  /** Answers the server's instant. */
  async #promotePartition(partition: number, counts: Counts): Promise<number> {
    const { client, wakeUps } = this.#context;
    for (;;) {
      wakeUps.beginTimers(partition);
      const { outcomes, now } = await client.call('due', partition, [MAX_ITEMS]);
      const [due, next] = outcomes as [unknown[], Buffer];
      const nextAt = Number(String(next));
      if (nextAt >= 0) wakeUps.timerFound(partition, nextAt);
      if (due.length === 0) return now;
      const items = await this.#itemsOf(partition, due);
      if (items.length === 0) return now;
      for (const batch of cut(items, oneFanOutAtATime)) await this.#apply(partition, batch, counts);
      if (due.length < MAX_ITEMS * DUE_FIELDS) return now;
    }
  }

  async #itemsOf(partition: number, due: readonly unknown[]): Promise<AdvanceItem[]> {
    const items: AdvanceItem[] = [];
    for (let index = 0; index < due.length; index += DUE_FIELDS) {
      const [id, node] = String(due[index]).split(' ');
      const executionId = id as ExecutionId;
      const plan = await this.#context.planOf(executionId, String(due[index + 2]) as WorkflowId, partition);
      if (!plan) continue;
      const at = Number(String(due[index + 1]));
      items.push(this.#advancing.items.ofTimer({ executionId, plan, node: Number(node), at }));
    }
    return items;
  }

  async #apply(partition: number, batch: readonly AdvanceItem[], counts: Counts): Promise<void> {
    const reply = await this.#advancing.call(partition, batch);
    this.#context.wakeUps.afterCall(partition, reply);
    for (const [at, outcome] of reply.outcomes.entries()) {
      const kind = TIMER_OUTCOMES[Number(outcome)] ?? 'stale';
      if (kind !== 'stale') counts[kind] += 1;
      const item = batch[at];
      if (item?.isCut && kind === 'completed') {
        await this.#fanOuts.goOnFrom(item.executionId, item.plan, item.node);
      }
    }
  }
}

/** What is due after a sleep whose successors one call does not ready comes after them: a deadline finds all of them ready. */
function oneFanOutAtATime(item: AdvanceItem): ItemSize {
  return item.isCut ? { weight: Number.POSITIVE_INFINITY, bytes: item.bytes } : item;
}
