import type { Clock } from '../model/clock.js';
import type { OutboxEvent, StoreSignal } from '../model/commands.js';
import { MillraceError } from '../model/errors.js';
import type { ExecutionId, HostId, WorkflowId } from '../model/ids.js';
import type { ConfigOverride } from '../model/override-check.js';
import type { Plan } from '../model/plan.js';
import type { RetryPolicy } from '../model/retry-policy.js';
import type { DeadLetter, ExecutionSnapshot } from '../model/snapshot.js';
import { hasEnded } from '../model/states.js';
import type { CircuitStatus, TaskRunner } from '../runner/task-runner.js';
import type { ExecutionPage, ExecutionQuery, HistoryStore } from '../store/history-store.js';
import type { HostRegistry } from '../store/host-registry.js';
import type { DeadLetterQuery, StateStore } from '../store/state-store.js';
import { Archiver } from './archiver.js';
import { type Background, startBackground } from './background.js';
import { CallbackDeliverer, type CallbackOptions } from './callback-deliverer.js';
import { Completer, type CompleterOptions } from './completer.js';
import { Dispatcher } from './dispatcher.js';
import { EndWaiters } from './end-waiters.js';
import { explainNodes } from './explain.js';
import type { Logger } from './logger.js';
import { PlanCache } from './plan-cache.js';
import { readExecution } from './read-execution.js';
import { LeaseKeeper } from './reclaimer.js';
import { Submitter } from './submitter.js';
import type { Telemetry } from './telemetry.js';
import { ExecutionWatches, type WatchedState } from './watches.js';
import type {
  EngineHealth,
  EngineStats,
  ExecutionView,
  ExecutionWatch,
  Explanation,
  Submission,
  Submitted,
  WatchListener,
  WorkflowEngine,
} from './workflow-engine.js';

export interface EngineOptions {
  readonly store: StateStore;
  readonly history: HistoryStore;
  readonly runner: TaskRunner;
  readonly clock: Clock;
  readonly log: Logger;
  readonly telemetry: Telemetry;
  readonly host: HostId;
  readonly mode: EngineHealth['mode'];
  readonly durability: string;
  /** The state of the stores as they see it themselves. */
  readonly dependencies: () => EngineHealth['dependencies'];
  /** Names of the dependencies without which nothing can be accepted. */
  readonly needs: readonly string[];
  readonly partitions: number;
  readonly leaseMs: number;
  readonly maxDeliveries: number;
  readonly onCircuitOpen: CompleterOptions['onCircuitOpen'];
  readonly maxBacklog: number;
  readonly queues: ReadonlyMap<string, number> | undefined;
  readonly retryDefaults: RetryPolicy;
  readonly nodeTimeoutMs: number;
  readonly maxInputBytes: number;
  readonly idempotencyTtlMs: number;
  readonly planCacheBytes: number;
  readonly reconcileMs: number;
  readonly sweepMs: number;
  /** Whether this host runs tasks. */
  readonly works: boolean;
  readonly archiveIntervalMs: number;
  /** Time between looks at a watched execution. */
  readonly watchIntervalMs: number;
  readonly hosts: HostRegistry;
  /** undefined: this host makes no callbacks. */
  readonly callbacks?: CallbackOptions | undefined;
  /** Throws where this config cannot stand in for the node's own. */
  readonly checkOverride: (override: ConfigOverride) => void;
}

/** How often a call is begun anew because the execution moved between the hot store and the record meanwhile. */
const MOVES = 5;
const BACKGROUND_RETRY_MS = 1000;
const ARCHIVE_BATCH = 1000;
const MOST_CALLBACKS_COUNTED = 10_000;

/** One host's engine: it joins the store, the runner and the clock, and answers the edge. */
export class Engine implements WorkflowEngine {
  readonly #options: EngineOptions;
  readonly #store: StateStore;
  readonly #plans: PlanCache;
  readonly #dispatcher: Dispatcher;
  readonly #submitter: Submitter;
  readonly #waiters: EndWaiters;
  readonly #watches: ExecutionWatches;
  readonly #archiver: Archiver;
  readonly #callbacks: CallbackDeliverer | undefined;
  readonly #timers: Background;
  /** What goes on as long as tasks run: their timers and their leases. */
  readonly #untilDrained: readonly Background[];
  readonly #untilRefused: readonly Background[];
  #phase: 'starting' | 'running' | 'draining' = 'starting';

  constructor(options: EngineOptions) {
    const { store, runner, clock, telemetry, log, host, leaseMs, queues, nodeTimeoutMs, maxInputBytes } =
      options;
    this.#options = options;
    this.#store = store;
    this.#plans = new PlanCache(options.history, options.planCacheBytes);
    this.#waiters = new EndWaiters(clock);
    const pollMs = options.watchIntervalMs;
    this.#watches = new ExecutionWatches({ clock, log, pollMs, read: (id) => this.#watchedState(id) });
    const completer = new Completer({
      retryDefaults: options.retryDefaults,
      maxDeliveries: options.maxDeliveries,
      onCircuitOpen: options.onCircuitOpen,
      random: () => clock.random(),
    });
    this.#dispatcher = new Dispatcher({
      store,
      runner,
      completer,
      telemetry,
      log,
      now: () => clock.now(),
      elapsed: () => clock.monotonic(),
      pause: (ms) => new Promise((resolve) => void clock.after(ms, resolve)),
      host,
      leaseMs,
      queues,
      nodeTimeoutMs,
      maxInputBytes,
    });
    this.#submitter = new Submitter({ ...options, dispatcher: this.#dispatcher });
    const background = (name: string, run: () => Promise<number | undefined>): Background =>
      startBackground({ name, clock, log, run, retryMs: BACKGROUND_RETRY_MS });
    this.#timers = background('promoting delayed nodes', async () => {
      const { completed, nextInMs } = await store.promote();
      if (completed > 0) telemetry.slept(completed);
      return nextInMs;
    });
    const keeper = new LeaseKeeper({
      ...{ store, dispatcher: this.#dispatcher, host, leaseMs },
      elapsed: () => clock.monotonic(),
    });
    const leases = background('keeping leases', () => keeper.run());
    const reconciler = background('reconciling executions', () => this.#reconcile());
    const sweeper = background('removing what is past its retention', () => this.#sweep());
    this.#callbacks =
      options.callbacks &&
      new CallbackDeliverer({
        ...{ ...options.callbacks, clock, log, telemetry },
        read: ({ executionId }) => this.#recordedView(executionId),
      });
    this.#archiver = new Archiver({
      store,
      history: { record: (events) => this.#record(events) },
      clock,
      log,
      gatherMs: options.archiveIntervalMs,
      batchSize: ARCHIVE_BATCH,
    });
    this.#untilDrained = [this.#timers, leases];
    this.#untilRefused = [reconciler, sweeper];
  }

  /** Begins to work on what the store holds. The runner has started. */
  start(): void {
    this.#phase = 'running';
    this.#store.onSignals((signals) => this.#onSignals(signals));
    this.#store.watch(this.#watches);
    for (const background of [...this.#untilDrained, ...this.#untilRefused]) background.within(0);
    if (this.#options.works) this.#dispatcher.start();
    this.#callbacks?.wake();
  }

  /** Takes no more submissions and no more tasks; `ready` turns false. */
  refuse(): void {
    this.#phase = 'draining';
  }

  /** Finishes what runs within `drainMs` and hands back the rest. The store and the runner stay open. */
  async drain(drainMs: number): Promise<{ readonly handedBack: number }> {
    this.refuse();
    await Promise.all(this.#untilRefused.map((each) => each.stop()));
    const deadline = new Promise<void>((resolve) => this.#options.clock.after(drainMs, resolve));
    await Promise.race([this.#dispatcher.drain(), deadline]);
    await Promise.all(this.#untilDrained.map((each) => each.stop()));
    const handedBack = this.#dispatcher.runningCount;
    await this.#dispatcher.release();
    this.#waiters.tellAll();
    this.#watches.closeAll();
    await this.#archiver.stop();
    await Promise.race([this.#archiver.drain().catch(() => undefined), deadline]);
    await this.#callbacks?.stop();
    return { handedBack };
  }

  async submit(items: readonly Submission[]): Promise<readonly (Submitted | MillraceError)[]> {
    this.#refuseWhileStopping();
    return Promise.all(
      items.map(async (item) => {
        this.#plans.keep(item.plan);
        try {
          return await this.#submitter.submit(item);
        } catch (error) {
          if (error instanceof MillraceError) return error;
          throw error;
        }
      }),
    );
  }

  plan(workflowId: WorkflowId): Promise<Plan> {
    return this.#plans.get(workflowId);
  }

  async trigger(executionId: ExecutionId, params?: Uint8Array): Promise<void> {
    this.#refuseWhileStopping();
    const outcome = await this.#withRecord(executionId, 'pending', () =>
      this.#submitter.start({ executionId, ...(params && { params }) }),
    );
    const cancelled =
      typeof outcome === 'string' ? outcome === 'cancelled' : wasCancelledUntriggered(outcome);
    if (cancelled) throw transition(executionId, 'It was cancelled before it was triggered.');
  }

  async cancel(executionId: ExecutionId): Promise<void> {
    const outcome = await this.#withRecord(executionId, 'pending', async () => {
      const reply = await this.#store.cancel([executionId]);
      await reply.durable;
      return reply.outcomes[0] ?? 'not_found';
    });
    if (typeof outcome !== 'string') {
      if (outcome.state !== 'cancelled') throw transition(executionId, `It has ${outcome.state} already.`);
    } else if (outcome === 'ended') {
      throw transition(executionId, 'It has ended already.');
    }
  }

  async redrive(deadLetterId: string, override?: Record<string, unknown>): Promise<DeadLetter> {
    this.#refuseWhileStopping();
    const letter = await this.#deadLetter(deadLetterId);
    const { executionId, node, failedAt, workflowId } = letter;
    if (override) {
      this.#options.checkOverride({ plan: await this.#plans.get(workflowId), node, config: override });
    }
    const config = override && Buffer.from(JSON.stringify(override));
    const outcome = await this.#withRecord(executionId, 'failed', async () => {
      const reply = await this.#store.redrive([{ executionId, node, failedAt, ...(config && { config }) }]);
      await reply.durable;
      return reply.outcomes[0] ?? 'not_found';
    });
    if (outcome === 'redriven') return letter;
    if (outcome === 'not_dead') throw unknownDeadLetter(deadLetterId);
    throw transition(executionId, 'Only a failed execution can be redriven.');
  }

  async deleteDead(deadLetterId: string): Promise<void> {
    const reply = await this.#store.deleteDead([deadLetterId]);
    await reply.durable;
    if (reply.outcomes[0] !== 'deleted') throw unknownDeadLetter(deadLetterId);
  }

  async read(executionId: ExecutionId): Promise<ExecutionView> {
    const snapshot = await this.#snapshot(executionId);
    if (!snapshot) throw unknownExecution(executionId);
    return { snapshot, plan: await this.#plans.get(snapshot.workflowId) };
  }

  async waitForEnd(
    executionId: ExecutionId,
    timeoutMs: number,
    signal?: AbortSignal,
  ): Promise<ExecutionView> {
    const waiting = this.#waiters.listen(executionId, { timeoutMs, signal });
    try {
      const view = await this.read(executionId);
      if (hasEnded(view.snapshot.state) || this.#phase === 'draining') return view;
      await waiting.ended;
      return await this.read(executionId);
    } finally {
      waiting.cancel();
    }
  }

  async explain(executionId: ExecutionId): Promise<Explanation> {
    const view = await this.read(executionId);
    const { store, hosts } = await this.stats();
    return { ...view, reasons: explainNodes({ ...view, hosts, readyByQueue: store.readyByQueue }) };
  }

  async watch(executionId: ExecutionId, listener: WatchListener): Promise<ExecutionWatch> {
    this.#refuseWhileStopping();
    const first = await this.#watchedState(executionId);
    if (!first) throw unknownExecution(executionId);
    if (hasEnded(first.view.snapshot.state)) return { first: first.view, close: () => undefined };
    return this.#watches.open(executionId, first, listener);
  }

  list(query: ExecutionQuery): Promise<ExecutionPage> {
    return this.#options.history.list(query);
  }

  listDead(query: DeadLetterQuery): Promise<readonly DeadLetter[]> {
    return this.#store.listDead(query);
  }

  health(): EngineHealth {
    const { mode, durability } = this.#options;
    const dependencies = this.#options.dependencies();
    const serves = this.#options.needs.every((name) => dependencies[name] === 'healthy');
    return { ready: this.#phase === 'running' && serves, mode, durability, dependencies };
  }

  async stats(): Promise<EngineStats> {
    const [store, hosts, callbacks] = await Promise.all([
      this.#store.stats(),
      this.#options.hosts.living(),
      this.#options.callbacks?.outbox.pending(MOST_CALLBACKS_COUNTED).catch(() => undefined),
    ]);
    return { store, runner: this.#options.runner.stats(), hosts, callbacks };
  }

  circuits(): readonly CircuitStatus[] {
    return this.#options.runner.circuits.list();
  }

  resetCircuit(name: string): void {
    if (this.#options.runner.circuits.reset(name)) return;
    const message = `This host has no circuit named ${name}. Each host has circuits of its own.`;
    throw new MillraceError('CIRCUIT_NOT_FOUND', message, { context: { name } });
  }

  #onSignals(signals: readonly StoreSignal[]): void {
    for (const signal of signals) {
      switch (signal.kind) {
        case 'ready':
          this.#dispatcher.wake();
          break;
        case 'outbox':
          this.#archiver.wake();
          break;
        case 'timer':
          this.#timers.within(signal.inMs);
          break;
        case 'abort':
          this.#dispatcher.abort(signal.leases);
          break;
        case 'ended': {
          const { state, startedAt, finishedAt } = signal.end;
          const ranMs = startedAt === undefined ? undefined : finishedAt - startedAt;
          if (!signal.elsewhere) this.#options.telemetry.ended(state, ranMs);
          if (state !== 'completed') this.#dispatcher.stopped(signal.executionId);
          this.#waiters.tell(signal.executionId);
          this.#watches.tell(signal.executionId);
          if (signal.callback) this.#callbacks?.wake();
          break;
        }
        case 'changed':
          for (const id of signal.executionIds) this.#watches.tell(id);
          break;
      }
    }
  }

  /**
   * Runs `call` on the hot store; where that answers not_found, an execution whose record is in state `restorable` is
   * brought back and the call made again, and any other record is the answer. EXECUTION_NOT_FOUND.
   */
  async #withRecord<T extends string>(
    executionId: ExecutionId,
    restorable: ExecutionSnapshot['state'],
    call: () => Promise<T>,
  ): Promise<T | ExecutionSnapshot> {
    for (let move = 0; move < MOVES; move++) {
      const outcome = await call();
      if (outcome !== 'not_found') return outcome;
      const snapshot = await this.#snapshot(executionId);
      if (!snapshot) throw unknownExecution(executionId);
      if (snapshot.state !== restorable) {
        if (hasEnded(snapshot.state)) return snapshot;
        continue;
      }
      await this.#store.restore([{ snapshot, plan: await this.#plans.get(snapshot.workflowId) }]);
    }
    throw new MillraceError(
      'STORE_UNAVAILABLE',
      'The execution is being moved between the stores. Try again.',
      {
        retryAfterSeconds: 1,
      },
    );
  }

  async #record(events: readonly OutboxEvent[]): Promise<void> {
    await this.#options.history.record(events);
    const isAwaited = events.some(
      ({ kind, snapshot }) => kind === 'ended' && snapshot.callbackUrl !== undefined,
    );
    if (isAwaited) this.#callbacks?.wake();
  }

  async #recordedView(executionId: ExecutionId): Promise<ExecutionView | undefined> {
    const [snapshot] = await this.#options.history.read([executionId]);
    return snapshot && { snapshot, plan: await this.#plans.get(snapshot.workflowId) };
  }

  #snapshot(executionId: ExecutionId): Promise<ExecutionSnapshot | undefined> {
    return readExecution(this.#store, this.#options.history, executionId);
  }

  /** One that has ended is read in full, for its errors. */
  async #watchedState(executionId: ExecutionId): Promise<WatchedState | undefined> {
    const [states] = await this.#store.readStates([executionId]);
    const isHot = states !== undefined && !hasEnded(states.state);
    const snapshot = isHot ? states : await this.#snapshot(executionId);
    return snapshot && { view: { snapshot, plan: await this.#plans.get(snapshot.workflowId) }, isHot };
  }

  async #deadLetter(id: string): Promise<DeadLetter> {
    const [letter] = await this.#store.readDead([id]);
    if (!letter) throw unknownDeadLetter(id);
    return letter;
  }

  async #reconcile(): Promise<number> {
    const repaired = await this.#store.reconcile();
    if (repaired > 0)
      this.#options.log.error('executions had nothing to wake them; repaired', { count: repaired });
    this.#options.telemetry.reconciled(repaired);
    return this.#options.reconcileMs;
  }

  async #sweep(): Promise<number> {
    const removed = await this.#options.history.sweep();
    if (removed > 0)
      this.#options.log.info('executions past their retention were removed', { count: removed });
    return this.#options.sweepMs;
  }

  #refuseWhileStopping(): void {
    if (this.#phase === 'running') return;
    const message = this.#phase === 'starting' ? 'The engine is starting.' : 'The engine is stopping.';
    throw new MillraceError('OVERLOADED', `${message} Try again, or try another host.`, {
      retryAfterSeconds: 1,
    });
  }
}

function wasCancelledUntriggered(snapshot: ExecutionSnapshot): boolean {
  return snapshot.state === 'cancelled' && snapshot.startedAt === undefined;
}

function unknownExecution(id: ExecutionId): MillraceError {
  const message = `No execution has the id ${id}. It never existed, or its retention is over.`;
  return new MillraceError('EXECUTION_NOT_FOUND', message, { context: { execution_id: id } });
}

function unknownDeadLetter(id: string): MillraceError {
  const message = `No dead letter has the id ${id}. It may have been retried or deleted.`;
  return new MillraceError('DLQ_ENTRY_NOT_FOUND', message, { context: { id } });
}

function transition(id: ExecutionId, why: string): MillraceError {
  return new MillraceError('INVALID_STATUS_TRANSITION', `Execution ${id} does not allow this. ${why}`, {
    context: { execution_id: id },
  });
}
