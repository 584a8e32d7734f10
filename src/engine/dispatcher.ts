import type { LeasedTask, LeaseRef, LeaseRequest, TaskOutcome, TaskResult } from '../model/commands.js';
import { MillraceError } from '../model/errors.js';
import type { ExecutionId, HostId } from '../model/ids.js';
import { QUARANTINE_DELIVERIES } from '../model/quarantine.js';
import type { RunnerResult, RunnerTask, TaskRunner } from '../runner/task-runner.js';
import type { StateStore, StoreReply } from '../store/state-store.js';
import type { Completer } from './completer.js';
import type { Logger } from './logger.js';
import type { NodeEndStatus, Telemetry } from './telemetry.js';

export interface DispatcherOptions {
  readonly store: Pick<StateStore, 'lease' | 'advance'>;
  readonly runner: TaskRunner;
  readonly completer: Completer;
  readonly telemetry: Telemetry;
  readonly log: Logger;
  readonly now: () => number;
  /** Monotonic milliseconds. */
  readonly elapsed: () => number;
  readonly pause: (ms: number) => Promise<void>;
  readonly host: HostId;
  readonly leaseMs: number;
  /** Tasks of each queue that this host runs at once; undefined: every queue, as many as there is room for. */
  readonly queues: ReadonlyMap<string, number> | undefined;
  readonly nodeTimeoutMs: number;
  readonly maxInputBytes: number;
}

const LEAST_RETRY_MS = 100;
const MOST_RETRY_MS = 2000;
/** How long tasks that were announced wait, at the most, for those that come along with results: see bench/fairness.ts. */
const TURN_MS = 10;

/**
 * The way of a task through this host: leased as far as the runner has room, run, its result put into the store in the
 * same call that leases the next ones.
 *
 *     store ──lease──► running ──► runner ──results──► store.advance(results, lease) ──► running ─► …
 *
 * Results that arrive while a call is under way go with the next one. What calls under way may take counts as taken, so
 * that two of them cannot take more than there is room for; who is refused a lease for that reason gets it afterwards.
 *
 * What comes along with results is mostly more of the same execution. So that others are not kept waiting by one that always has
 * results, half of the room goes to a lease of its own whenever one was asked for and there was none for `TURN_MS`.
 */
export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #running = new Map<number, LeasedTask>();
  readonly #runningByQueue = new Map<string, number>();
  #nextKey = 1;
  /** Of calls under way. */
  readonly #requests = new Set<LeaseRequest>();
  /** Executions that were stopped while a call was under way. */
  readonly #stoppedDuring = new WeakMap<LeaseRequest, Set<ExecutionId>>();
  /** Running tasks that may be what kills their owners; this host runs one of them at a time. */
  #quarantined = 0;
  #results: TaskResult[] = [];
  #advancing = false;
  #wantsLease = false;
  #leasedAt = 0;
  #leases = false;
  #idle: (() => void) | undefined;
  #isReleased = false;

  constructor(options: DispatcherOptions) {
    this.#options = options;
    options.runner.onResults((results) => this.#onResults(results));
  }

  get runningCount(): number {
    return this.#running.size;
  }

  /** Begins to lease. */
  start(): void {
    this.#leases = true;
    this.wake();
  }

  /** What may be leased along with another call; undefined: nothing. Pass the call's reply to `take`. */
  request(): LeaseRequest | undefined {
    return this.#request((room) => room);
  }

  #request(shareOf: (room: number) => number): LeaseRequest | undefined {
    if (!this.#leases) return undefined;
    const { host, leaseMs, queues, runner } = this.#options;
    const total = shareOf(runner.room() - this.#promised((request) => request.total));
    if (total <= 0) return undefined;
    const lanes =
      queues && [...queues].map(([queue, limit]) => ({ queue, room: shareOf(this.#roomOf(queue, limit)) }));
    const promised = this.#promised((request) => request.quarantined);
    const quarantined = this.#quarantined + promised > 0 ? 0 : 1;
    const request = { owner: host, leaseMs, lanes, total, quarantined };
    this.#requests.add(request);
    return request;
  }

  /** Runs the tasks that came with a call. `reply` undefined: the call failed. */
  take(request: LeaseRequest | undefined, reply: StoreReply<unknown> | undefined): void {
    if (request) this.#requests.delete(request);
    const stopped = request && this.#stoppedDuring.get(request);
    if (reply && reply.tasks.length > 0) this.#accept(reply.tasks, stopped);
    this.#settle();
  }

  /** Leases what there is, now or as soon as there is room. */
  wake(): void {
    const request = this.#advancing ? undefined : this.request();
    if (request) void this.#lease(request);
    else this.#wantsLease = true;
  }

  /** Those who wait for their turn get half of the room. */
  #takeTurns(): void {
    if (!this.#wantsLease || this.#options.elapsed() - this.#leasedAt < TURN_MS) return;
    const request = this.#request(half);
    if (request) void this.#lease(request);
  }

  async #lease(request: LeaseRequest): Promise<void> {
    this.#wantsLease = false;
    this.#leasedAt = this.#options.elapsed();
    let reply: StoreReply<never> | undefined;
    try {
      reply = await this.#options.store.lease(request);
    } catch (error) {
      this.#options.log.warn('leasing failed', { error });
    }
    this.take(request, reply);
  }

  #roomOf(queue: string, limit: number): number {
    const laneOf = (request: LeaseRequest) => request.lanes?.find((lane) => lane.queue === queue);
    const promised = this.#promised((request) => laneOf(request)?.room ?? 0);
    return Math.max(0, limit - (this.#runningByQueue.get(queue) ?? 0) - promised);
  }

  /** The sum over the requests of calls under way. */
  #promised(partOf: (request: LeaseRequest) => number): number {
    let sum = 0;
    for (const request of this.#requests) sum += partOf(request);
    return sum;
  }

  #accept(tasks: readonly LeasedTask[], stopped: ReadonlySet<ExecutionId> | undefined): void {
    if (!this.#isReleased && !stopped) {
      this.#dispatch(tasks);
      return;
    }
    const isWanted = (task: LeasedTask) => !this.#isReleased && !stopped?.has(task.executionId);
    const wanted = tasks.filter(isWanted);
    const unwanted = tasks.filter((task) => !isWanted(task));
    if (wanted.length > 0) this.#dispatch(wanted);
    if (unwanted.length > 0) this.#push(this.#released(unwanted));
  }

  #dispatch(tasks: readonly LeasedTask[]): void {
    const { runner, telemetry, now } = this.#options;
    const accepted: RunnerTask[] = [];
    const refused: TaskResult[] = [];
    const at = now();
    for (const task of tasks) {
      const refusal = this.#refusal(task);
      if (refusal) {
        refused.push({ task, owner: this.#options.host, outcome: refusal });
        telemetry.nodeEnded(handlerOf(task), 'failed', 0);
        continue;
      }
      telemetry.queueWaited(Math.max(0, at - task.queuedAt));
      accepted.push(this.#admit(task));
    }
    if (accepted.length > 0) runner.run(accepted);
    if (refused.length > 0) this.#push(refused);
  }

  #admit(task: LeasedTask): RunnerTask {
    const key = this.#nextKey++;
    this.#running.set(key, task);
    if (isQuarantined(task)) this.#quarantined += 1;
    if (this.#options.queues) this.#countQueue(task, 1);
    const node = task.plan.nodes[task.node];
    return {
      key,
      executionId: task.executionId,
      plan: task.plan,
      node: task.node,
      attempt: task.attempt,
      queuedAt: task.queuedAt,
      idempotencyKey: `${task.executionId}:${node?.id ?? task.node}`,
      params: task.params,
      inputs: task.inputs,
      ...(task.configOverride && { configOverride: task.configOverride }),
      timeoutMs: node?.timeoutMs ?? this.#options.nodeTimeoutMs,
      alone: task.alone,
    };
  }

  #refusal(task: LeasedTask): TaskOutcome | undefined {
    const handler = handlerOf(task);
    if (!this.#options.runner.handlers.has(handler)) {
      const message = `no handler is called ${JSON.stringify(handler)}; add it to HANDLERS_DIR, or correct the node`;
      return { kind: 'failed', error: { code: 'UNKNOWN_HANDLER', message, category: 'validation' } };
    }
    let bytes = 0;
    for (const input of task.inputs) bytes += input.output.length;
    const { maxInputBytes } = this.#options;
    if (bytes <= maxInputBytes) return undefined;
    const message = `the outputs that it reads have ${bytes} bytes, over the limit of ${maxInputBytes}`;
    return { kind: 'failed', error: { code: 'INPUT_TOO_LARGE', message, category: 'resource' } };
  }

  #onResults(results: readonly RunnerResult[]): void {
    const done: TaskResult[] = [];
    for (const { key, outcome: run, runMs } of results) {
      const task = this.#remove(key);
      if (!task) continue;
      const outcome = this.#options.completer.outcomeOf(task, run);
      const status = statusOf(outcome);
      if (status) this.#options.telemetry.nodeEnded(handlerOf(task), status, runMs);
      done.push({ task, owner: this.#options.host, outcome });
    }
    if (done.length > 0) this.#push(done);
    else this.wake();
  }

  #push(results: readonly TaskResult[]): void {
    for (const result of results) this.#results.push(result);
    if (!this.#advancing) void this.#advance();
  }

  async #advance(): Promise<void> {
    this.#advancing = true;
    let failures = 0;
    while (this.#results.length > 0) {
      const results = this.#results;
      this.#results = [];
      this.#takeTurns();
      const request = this.request();
      let reply: StoreReply<unknown> | undefined;
      try {
        reply = await this.#options.store.advance(results, request);
        failures = 0;
      } catch (error) {
        failures += 1;
        await this.#afterFailure(results, failures, error);
      }
      this.take(request, reply);
    }
    this.#advancing = false;
    this.#settle();
  }

  /** While the store is away its results wait: sent twice, they count once. */
  async #afterFailure(results: readonly TaskResult[], failures: number, error: unknown): Promise<void> {
    const { log, pause } = this.#options;
    const isAway = error instanceof MillraceError && error.code === 'STORE_UNAVAILABLE';
    if (!isAway || this.#isReleased) {
      log.error('results could not be recorded; their tasks run again', { error, tasks: results.length });
      return;
    }
    if (failures === 1) log.warn('results wait until the store is back', { error, tasks: results.length });
    this.#results = [...results, ...this.#results];
    await pause(Math.min(MOST_RETRY_MS, LEAST_RETRY_MS * 2 ** Math.min(failures - 1, 10)));
  }

  /** What waited for the end of a call has its turn. */
  #settle(): void {
    if (this.#advancing) return;
    if (this.#wantsLease) this.wake();
    this.#tellIdle();
  }

  /** These leases are void: stop what runs under them, and forget it. */
  abort(leases: readonly LeaseRef[]): void {
    const voided = new Set(leases.map(leaseKey));
    const keys: number[] = [];
    for (const [key, task] of this.#running) if (voided.has(leaseKey(task))) keys.push(key);
    for (const key of keys) this.#remove(key);
    if (keys.length === 0) return;
    this.#options.runner.abort(keys);
    this.#tellIdle();
    this.wake();
  }

  /** The execution has failed or was cancelled. Word of it may come before the reply that brings a lease of it: that is handed back, and
   * not run for nothing until the next heartbeat. */
  stopped(id: ExecutionId): void {
    for (const request of this.#requests) {
      const stopped = this.#stoppedDuring.get(request);
      if (stopped) stopped.add(id);
      else this.#stoppedDuring.set(request, new Set([id]));
    }
  }

  /** The leases that this host holds now. */
  leases(): LeaseRef[] {
    return [...this.#running.values()];
  }

  /** Takes no more; resolves once nothing runs and every result is in the store. */
  drain(): Promise<void> {
    this.#leases = false;
    return new Promise((resolve) => {
      this.#idle = resolve;
      this.#tellIdle();
    });
  }

  /** Hands back what still runs, as if it had never begun; resolves once that and every result before it is in the store. */
  async release(): Promise<void> {
    this.#isReleased = true;
    const keys = [...this.#running.keys()];
    const tasks = [...this.#running.values()];
    this.#running.clear();
    if (keys.length > 0) this.#options.runner.abort(keys);
    await Promise.all([this.#handBack(tasks), this.drain()]);
  }

  async #handBack(tasks: readonly LeasedTask[]): Promise<void> {
    if (tasks.length === 0) return;
    try {
      await (await this.#options.store.advance(this.#released(tasks))).durable;
    } catch (error) {
      const what = 'tasks could not be handed back; they run again once their leases have run out';
      this.#options.log.warn(what, { error, tasks: tasks.length });
    }
  }

  #released(tasks: readonly LeasedTask[]): TaskResult[] {
    return tasks.map((task) => ({ task, owner: this.#options.host, outcome: { kind: 'released' } }));
  }

  #remove(key: number): LeasedTask | undefined {
    const task = this.#running.get(key);
    if (!task) return undefined;
    this.#running.delete(key);
    if (isQuarantined(task)) this.#quarantined -= 1;
    if (this.#options.queues) this.#countQueue(task, -1);
    return task;
  }

  #countQueue(task: LeasedTask, change: 1 | -1): void {
    const queue = task.plan.nodes[task.node]?.queue ?? '';
    this.#runningByQueue.set(queue, (this.#runningByQueue.get(queue) ?? 0) + change);
  }

  #tellIdle(): void {
    const isBusy = this.#advancing || this.#requests.size > 0 || this.#results.length > 0;
    if (this.#running.size === 0 && !isBusy) this.#idle?.();
  }
}

function half(room: number): number {
  return Math.ceil(room / 2);
}

function handlerOf(task: LeasedTask): string {
  return task.plan.nodes[task.node]?.handler ?? '';
}

function isQuarantined(task: LeasedTask): boolean {
  return task.deliveries >= QUARANTINE_DELIVERIES;
}

function leaseKey(lease: LeaseRef): string {
  return `${lease.executionId}:${lease.node}:${lease.fence}`;
}

/** undefined: no attempt has come to an end. A sleep is told of when it is over. */
function statusOf(outcome: TaskOutcome): NodeEndStatus | undefined {
  switch (outcome.kind) {
    case 'sleep':
      return undefined;
    case 'retry':
      return outcome.countsAttempt ? 'retried' : undefined;
    case 'failed':
      return 'failed';
    case 'skipped':
      return 'skipped';
    case 'lost':
    case 'released':
      return 'retried';
    default:
      return 'completed';
  }
}
