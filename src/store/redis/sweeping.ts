import type { FanOuts } from './fan-outs.js';
import { RETURN_REMEMBERED_MS } from './installer.js';
import { eachPartition } from './partition-batches.js';
import type { StoreContext } from './store-context.js';

const STALLED_FAN_OUT_MS = 2000;
const LEAVING_PER_SWEEP = 200;

/** Covers what messages may have missed: lanes with tasks, timers, fan-outs that stand still; lets go of what may leave. */
export class Sweeping {
  readonly #context: StoreContext;
  readonly #fanOuts: FanOuts;
  /** Lanes that are not this host's, with what waits there. */
  onForeignLane: (lane: string) => void = () => undefined;

  constructor(context: StoreContext, fanOuts: FanOuts) {
    this.#context = context;
    this.#fanOuts = fanOuts;
  }

  async sweep(): Promise<void> {
    const { client, wakeUps } = this.#context;
    try {
      await eachPartition(client.partitions, (partition) => this.#sweepPartition(partition));
    } finally {
      if (wakeUps.hotPartitions > 0) wakeUps.tell([{ kind: 'ready' }]);
    }
  }

  async #sweepPartition(partition: number): Promise<void> {
    const { client, depths, options, wakeUps } = this.#context;
    const earlyMs = depths.isPressed ? options.graceMs : 0;
    const args = [LEAVING_PER_SWEEP, earlyMs, RETURN_REMEMBERED_MS, STALLED_FAN_OUT_MS];
    const reply = await client.call('sweep', partition, args);
    const [lanes, timer, pending, running, waiting, bytes, stalled] = reply.outcomes as [
      Buffer[],
      Buffer,
      ...unknown[],
    ];
    depths.found(partition, { unfinished: Number(pending) + Number(running), bytes: Number(bytes) });
    for (let at = 0; at < lanes.length; at += 2) {
      this.laneSeen(partition, String(lanes[at]), Number(String(lanes[at + 1])));
    }
    const timerAt = Number(String(timer));
    if (timerAt >= 0 && timerAt < wakeUps.timerOf(partition)) {
      wakeUps.timerSet(partition, timerAt, timerAt - reply.now);
    }
    if (Number(waiting) > 0) wakeUps.outboxGrew(partition);
    for (const member of stalled as Buffer[]) await this.#fanOuts.goOnWithStalled(partition, String(member));
  }

  /** A lane has unread entries: it is leased from if it is this host's. */
  laneSeen(partition: number, lane: string, waiting: number): void {
    if (waiting <= 0) return;
    const [, queue = '', handler = ''] = lane.split(':');
    const { queues, handlers } = this.#context.options;
    if (queues && !queues.includes(decodeURIComponent(queue))) return;
    if (handler === '' || handlers().includes(decodeURIComponent(handler)))
      this.#context.wakeUps.warm(partition);
    else this.onForeignLane(lane);
  }
}
