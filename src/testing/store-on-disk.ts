import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { LeasedTask, LeaseRequest, StoreSignal, TaskOutcome } from '../model/commands.js';
import type { ExecutionId } from '../model/ids.js';
import type { Plan } from '../model/plan.js';
import { EmbeddedHistoryStore } from '../store/embedded/embedded-history-store.js';
import { EmbeddedStateStore } from '../store/embedded/embedded-state-store.js';
import { type Environment, openEnvironment } from '../store/embedded/environment.js';
import { HOST, jsonOf, NO_PARAMS, seededIds } from './machine-fixture.js';
import { SimulatedClock } from './simulated-clock.js';

export const DAY_MS = 86_400_000;
export const RETENTION_MS = 30 * DAY_MS;
export const PENDING_TTL_MS = 40 * DAY_MS;
export const PARK_AFTER_MS = 600_000;
export const MAX_DELIVERIES = 5;

const ALL: Omit<LeaseRequest, 'total'> = { owner: HOST, leaseMs: 15_000, lanes: undefined, quarantined: 1 };

/** The embedded stores on a directory of their own, with a clock that the test moves. */
export class StoreOnDisk {
  readonly clock: SimulatedClock;
  readonly directory: string;
  readonly environment: Environment;
  readonly store: EmbeddedStateStore;
  readonly history: EmbeddedHistoryStore;
  readonly signals: StoreSignal[] = [];
  readonly #ids: { next(partition: number): ExecutionId };

  private constructor(directory: string, environment: Environment, clock: SimulatedClock) {
    this.directory = directory;
    this.environment = environment;
    this.clock = clock;
    this.#ids = seededIds(() => clock.now(), clock.now() % 0x7fffffff);
    this.store = new EmbeddedStateStore({
      environment,
      clock,
      leaseMs: ALL.leaseMs,
      maxDeliveries: MAX_DELIVERIES,
      maxExecutionBytes: 1 << 20,
      parkAfterMs: PARK_AFTER_MS,
      commitRetryMs: 10,
      onCommitFailure: () => undefined,
      onCommitRecovery: () => undefined,
    });
    this.store.onSignals((signals) => this.signals.push(...signals));
    this.history = new EmbeddedHistoryStore({
      environment,
      clock,
      state: this.store,
      retentionMs: RETENTION_MS,
      pendingTtlMs: PENDING_TTL_MS,
    });
  }

  static async open(directory?: string, clock = new SimulatedClock()): Promise<StoreOnDisk> {
    const place = directory ?? (await mkdtemp(path.join(tmpdir(), 'millrace-embedded-')));
    const environment = await openEnvironment(place, { storeId: 'fixture', now: clock.now() });
    try {
      return new StoreOnDisk(place, environment, clock);
    } catch (error) {
      await environment.close();
      throw error;
    }
  }

  /** What a process would find that starts after this one was killed now, if nothing is being written. */
  async afterKill(): Promise<StoreOnDisk> {
    const place = await mkdtemp(path.join(tmpdir(), 'millrace-embedded-'));
    await cp(this.directory, place, { recursive: true });
    return StoreOnDisk.open(place, this.clock);
  }

  async close(): Promise<void> {
    await this.store.close();
    await rm(this.directory, { recursive: true, force: true });
  }

  nextId(): ExecutionId {
    return this.#ids.next(0);
  }

  /** Submits, and resolves once that is durable. */
  async submit(plan: Plan, options: { readonly trigger?: boolean } = {}): Promise<ExecutionId> {
    const executionId = this.nextId();
    const command = { executionId, plan, params: NO_PARAMS, trigger: options.trigger ?? true };
    await (await this.store.submit([command])).durable;
    return executionId;
  }

  async lease(total = 1000, quarantined = 1000): Promise<readonly LeasedTask[]> {
    return (await this.store.lease({ ...ALL, total, quarantined })).tasks;
  }

  async advance(task: LeasedTask, outcome: TaskOutcome): Promise<void> {
    await (await this.store.advance([{ task, owner: HOST, outcome }])).durable;
  }

  /** Runs everything that is ready, and what becomes so, to its end. */
  async runAll(outcomeOf: (task: LeasedTask) => TaskOutcome = outputOfNode): Promise<void> {
    for (let tasks = await this.lease(); tasks.length > 0; tasks = await this.lease()) {
      for (const task of tasks) await this.advance(task, outcomeOf(task));
    }
  }
}

/** Completed, with the node's id as output. */
export function outputOfNode(task: LeasedTask): TaskOutcome {
  return { kind: 'completed', output: jsonOf({ node: task.plan.nodes[task.node]?.id }) };
}
