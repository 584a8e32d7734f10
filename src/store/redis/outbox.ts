import type { OutboxEvent } from '../../model/commands.js';
import { type ExecutionId, partitionOf } from '../../model/ids.js';
import { hasEnded } from '../../model/states.js';
import { lettersOf } from './dead-letters.js';
import type { HotExecution } from './execution-reader.js';
import { partitionBatches } from './partition-batches.js';
import type { ScriptArgument } from './script-registry.js';
import type { StoreContext } from './store-context.js';

const ARCHIVER_LOCK_MS = 5000;
/** Partitions that are asked at once. */
const WIDTH = 16;

/** What the record has still to learn; of each partition, by one host at a time. */
export class Outbox {
  readonly #context: StoreContext;
  #turn = 0;

  constructor(context: StoreContext) {
    this.#context = context;
  }

  async take(limit: number): Promise<readonly OutboxEvent[]> {
    const events: OutboxEvent[] = [];
    const { partitions } = this.#context.client;
    for (let looked = 0; looked < partitions && events.length < limit; looked += WIDTH) {
      const asked = Array.from(
        { length: Math.min(WIDTH, partitions - looked) },
        (_, at) => (this.#turn + at) % partitions,
      );
      this.#turn = (this.#turn + asked.length) % partitions;
      const most = limit - events.length;
      const found = await Promise.all(asked.map((partition) => this.#takeOf(partition, most)));
      events.push(...found.flat());
    }
    return events;
  }

  async #takeOf(partition: number, most: number): Promise<readonly OutboxEvent[]> {
    const { client, options, reader } = this.#context;
    const args = [options.host, ARCHIVER_LOCK_MS, most];
    const { outcomes } = await client.call('outbox-take', partition, args);
    const ids = outcomes.map((id) => String(id) as ExecutionId);
    const executions = await reader.read(ids);
    return executions.flatMap((hot) => (hot ? [eventOf(hot)] : []));
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
        const ids = items.map(({ item }) => item.snapshot.executionId);
        await client.call('outbox-acknowledge', partition, args, ids);
      }),
    );
  }
}

function eventOf(hot: HotExecution): OutboxEvent {
  const { snapshot, plan, head } = hot;
  if (hasEnded(snapshot.state)) return { kind: 'ended', snapshot, plan, deadLetters: lettersOf(hot) };
  return { kind: head.kind, snapshot, plan };
}
