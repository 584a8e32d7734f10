import type { OutboxEvent } from '../../model/commands.js';
import { type ExecutionId, partitionOf } from '../../model/ids.js';
import { hasEnded } from '../../model/states.js';
import { lettersOf } from './dead-letters.js';
import { type HotExecution, MAX_WHOLE_BYTES, MAX_WHOLE_NODES } from './execution-reader.js';
import { partitionBatches } from './partition-batches.js';
import type { ScriptArgument } from './script-registry.js';
import type { StoreContext } from './store-context.js';

const ARCHIVER_LOCK_MS = 5000;
/** How far behind those of now executions stand that cannot be read. */
const ASIDE_MS = 60_000;
/** Partitions that are asked at once. */
const WIDTH = 8;
/** Executions that one call reads: see bench/redis-scripts.ts. */
const PER_CALL = 128;

/**
 * What the record has still to learn; of each partition, by one host at a time. A host looks at the partitions that it has changed,
 * and the sweep names those of hosts that are gone.
 */
export class Outbox {
  readonly #context: StoreContext;

  constructor(context: StoreContext) {
    this.#context = context;
  }

  async take(limit: number): Promise<readonly OutboxEvent[]> {
    const { wakeUps } = this.#context;
    const events: OutboxEvent[] = [];
    const looked = new Set<number>();
    let fault: unknown;
    while (events.length < limit && fault === undefined) {
      const asked = wakeUps.takeUnrecorded(WIDTH).filter((partition) => !looked.has(partition));
      if (asked.length === 0) break;
      const most = Math.min(PER_CALL, limit - events.length);
      const taken = await Promise.allSettled(asked.map((partition) => this.#takeOf(partition, most)));
      for (const [at, partition] of asked.entries()) {
        const each = taken[at];
        if (each?.status === 'fulfilled') events.push(...each.value);
        else fault = each?.reason;
        if (each?.status !== 'fulfilled' || each.value.length > 0) looked.add(partition);
      }
    }
    // What was found stands in the outbox until the record has it, and more may have come; what failed is asked again.
    for (const partition of looked) wakeUps.stillUnrecorded(partition);
    // One partition that cannot be read keeps none of the others from the record.
    if (events.length === 0 && fault !== undefined) throw fault;
    return events;
  }

  async #takeOf(partition: number, most: number): Promise<readonly OutboxEvent[]> {
    const { client, options, reader, unreadable } = this.#context;
    const args = [options.host, ARCHIVER_LOCK_MS, most, MAX_WHOLE_NODES, MAX_WHOLE_BYTES];
    const { outcomes } = await client.call('outbox-take', partition, args);
    const ids = outcomes.filter((_, at) => at % 2 === 0).map((id) => String(id) as ExecutionId);
    const wholes = outcomes.filter((_, at) => at % 2 === 1);
    const aside: ExecutionId[] = [];
    const executions = await reader.decodeAll(partition, ids, wholes, (id, error) => {
      unreadable.passOver(id, error);
      aside.push(id);
    });
    if (aside.length > 0) await this.#moveBack(partition, aside);
    return executions.flatMap((hot) => (hot ? [eventOf(hot)] : []));
  }

  /** To the end of the line, so that they are looked at again and are in nobody's way. */
  async #moveBack(partition: number, ids: readonly ExecutionId[]): Promise<void> {
    const { client, options } = this.#context;
    const at = Math.round(options.clock.now()) + ASIDE_MS;
    const places = ids.flatMap((id) => [at, id]);
    await client.command('ZADD', client.keysOf(partition).outbox, 'XX', ...places);
  }

  async acknowledge(events: readonly OutboxEvent[]): Promise<void> {
    const { client, options } = this.#context;
    const batches = partitionBatches(events, {
      partitions: client.partitions,
      partitionOf: (event) => partitionOf(event.snapshot.executionId),
    });
    await Promise.all(
      batches.map(async ({ partition, items }) => {
        const args: ScriptArgument[] = [options.graceMs, options.parkAfterMs, items.length];
        for (const { item } of items) args.push(item.snapshot.executionId, item.snapshot.revision);
        await client.call('outbox-acknowledge', partition, args);
      }),
    );
  }
}

function eventOf(hot: HotExecution): OutboxEvent {
  const { snapshot, plan, head } = hot;
  if (hasEnded(snapshot.state)) return { kind: 'ended', snapshot, plan, deadLetters: lettersOf(hot) };
  return { kind: head.kind, snapshot, plan };
}
