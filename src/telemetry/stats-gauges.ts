import { Counter, Gauge, type Registry } from 'prom-client';
import type { EngineStats } from '../engine/workflow-engine.js';
import type { CircuitCounts } from '../runner/task-runner.js';

/** Depths, leases and threads, as the engine's stats tell them at a scrape. */
export class StatsGauges {
  readonly #executions: Gauge<'state'>;
  readonly #tasks: Gauge<'state'>;
  readonly #pendingMessages: Gauge;
  readonly #outbox: Gauge;
  readonly #oldestReady: Gauge;
  readonly #threads: Gauge;
  readonly #replaced: Gauge<'reason'>;
  readonly #circuits: Gauge<'state'>;
  readonly #circuitEvents: Counter<'event'>;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#executions = new Gauge({
      name: 'millrace_executions',
      help: 'Unfinished executions, by state.',
      labelNames: ['state'],
      registers,
    });
    this.#tasks = new Gauge({
      name: 'millrace_tasks',
      help: 'Tasks that are ready, leased to a host or delayed.',
      labelNames: ['state'],
      registers,
    });
    this.#pendingMessages = new Gauge({
      name: 'redis_stream_pending_messages',
      help: 'Tasks that wait or run: entries of the task streams; on the embedded store ready and leased tasks.',
      registers,
    });
    this.#outbox = new Gauge({
      name: 'millrace_outbox_events',
      help: 'Changes that the record has still to learn.',
      registers,
    });
    this.#oldestReady = new Gauge({
      name: 'millrace_oldest_ready_task_seconds',
      help: 'How long the oldest ready task has waited.',
      registers,
    });
    this.#threads = new Gauge({ name: 'millrace_worker_threads', help: 'Worker threads.', registers });
    this.#replaced = new Gauge({
      name: 'millrace_worker_threads_replaced',
      help: 'Worker threads replaced since the start, by reason.',
      labelNames: ['reason'],
      registers,
    });
    // By state only: origins are without bound. The list of them is an admin path.
    this.#circuits = new Gauge({
      name: 'millrace_circuits',
      help: 'Circuits of services that this host calls, by state.',
      labelNames: ['state'],
      registers,
    });
    this.#circuitEvents = new Counter({
      name: 'millrace_circuit_events_total',
      help: 'Circuits that opened, and calls that open circuits refused.',
      labelNames: ['event'],
      registers,
    });
  }

  /** Where the engine cannot tell, the gauges are left out instead of showing what was true once. */
  async update(read: () => Promise<EngineStats>): Promise<void> {
    let stats: EngineStats;
    try {
      stats = await read();
    } catch {
      this.#clear();
      return;
    }
    const { store, runner } = stats;
    this.#executions.set({ state: 'pending' }, store.pending);
    this.#executions.set({ state: 'running' }, store.running);
    this.#tasks.set({ state: 'ready' }, store.readyTasks);
    this.#tasks.set({ state: 'leased' }, store.leasedTasks);
    this.#tasks.set({ state: 'delayed' }, store.delayedTasks);
    this.#pendingMessages.set(store.readyTasks + store.leasedTasks);
    this.#outbox.set(store.outbox);
    this.#oldestReady.set(store.oldestReadyMs / 1000);
    this.#threads.set(runner.threads);
    this.#replaced.set({ reason: 'timeout' }, runner.replaced.timeout);
    this.#replaced.set({ reason: 'crash' }, runner.replaced.crash);
    this.#setCircuits(runner.circuits);
  }

  #setCircuits(counts: CircuitCounts): void {
    for (const state of ['closed', 'open', 'half_open'] as const)
      this.#circuits.set({ state }, counts[state]);
    this.#circuitEvents.reset();
    for (const event of ['opened', 'refused'] as const) this.#circuitEvents.inc({ event }, counts[event]);
  }

  #clear(): void {
    for (const gauge of [this.#executions, this.#tasks, this.#replaced, this.#circuits]) gauge.reset();
    for (const gauge of [this.#pendingMessages, this.#outbox, this.#oldestReady, this.#threads])
      gauge.remove();
  }
}
