import type { EngineStats } from '../engine/workflow-engine.js';
import type { Exposition, Labels } from './exposition.js';
import type { ValueName } from './metric-catalog.js';

/** Depths, leases, threads and circuits, as the engine's stats tell them at a scrape. */
export class StatsGauges {
  /** Undefined: the engine cannot tell. */
  #stats: EngineStats | undefined;

  constructor(exposition: Exposition) {
    const one = (name: ValueName, read: (stats: EngineStats) => number): void =>
      exposition.values(name, () => (this.#stats ? [[{}, read(this.#stats)]] : []));
    const several = (
      name: ValueName,
      label: string,
      read: (stats: EngineStats) => Readonly<Record<string, number>>,
    ): void =>
      exposition.values(name, () =>
        Object.entries(this.#stats ? read(this.#stats) : {}).map(
          ([value, count]): readonly [Labels, number] => [{ [label]: value }, count],
        ),
      );
    several('millrace_executions', 'state', ({ store: { pending, running } }) => ({ pending, running }));
    several('millrace_tasks', 'state', ({ store }) => ({
      ready: store.readyTasks,
      leased: store.leasedTasks,
      delayed: store.delayedTasks,
    }));
    one('redis_stream_pending_messages', ({ store }) => store.readyTasks + store.leasedTasks);
    one('millrace_outbox_events', ({ store }) => store.outbox);
    one('millrace_oldest_ready_task_seconds', ({ store }) => store.oldestReadyMs / 1000);
    exposition.values('millrace_callbacks_pending', () =>
      this.#stats?.callbacks === undefined ? [] : [[{}, this.#stats.callbacks]],
    );
    one('millrace_hosts', ({ hosts }) => hosts.length);
    one('millrace_worker_threads', ({ runner }) => runner.threads);
    several('millrace_worker_tasks', 'state', ({ runner: { running, capacity } }) => ({ running, capacity }));
    several('millrace_worker_threads_replaced_total', 'reason', ({ runner }) => runner.replaced);
    // By state only: origins are without bound. The list of them is an admin path.
    several('millrace_circuits', 'state', ({ runner: { circuits } }) => ({
      closed: circuits.closed,
      open: circuits.open,
      half_open: circuits.half_open,
    }));
    several('millrace_circuit_events_total', 'event', ({ runner: { circuits } }) => ({
      opened: circuits.opened,
      refused: circuits.refused,
    }));
  }

  /** Where the engine cannot tell, the gauges are left out instead of showing what was true once. */
  async update(read: () => Promise<EngineStats>): Promise<void> {
    this.#stats = await read().catch(() => undefined);
  }
}
