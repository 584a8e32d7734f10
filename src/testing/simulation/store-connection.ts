import type {
  HeartbeatOutcome,
  LeaseRef,
  LeaseRequest,
  OutboxEvent,
  RedriveCommand,
  RedriveOutcome,
  RestoreCommand,
  RestoreOutcome,
  StartCommand,
  StartOutcome,
  StoreSignal,
  SubmitCommand,
  SubmitOutcome,
  TaskResult,
} from '../../model/commands.js';
import { parseDeadLetterId } from '../../model/dead-letter.js';
import { MillraceError } from '../../model/errors.js';
import type { ExecutionId, HostId } from '../../model/ids.js';
import type { DeadLetter } from '../../model/snapshot.js';
import type { DeadLetterQuery, StateStore, StoreReply } from '../../store/state-store.js';
import type { SharedStore } from './shared-store.js';
import type { Cause } from './witness.js';

/** The shared store as one host sees it. */
export class StoreConnection implements StateStore {
  readonly #shared: SharedStore;
  /** Whether a change that was just made is not known to be kept. */
  readonly #isUnconfirmed: () => boolean;
  #listener: (signals: readonly StoreSignal[]) => void = () => undefined;

  constructor(shared: SharedStore, isUnconfirmed: () => boolean) {
    this.#shared = shared;
    this.#isUnconfirmed = isUnconfirmed;
  }

  get backlog(): number {
    return this.#shared.machine.size;
  }

  async submit(commands: readonly SubmitCommand[], lease?: LeaseRequest): Promise<StoreReply<SubmitOutcome>> {
    const { machine, options, record } = this.#shared;
    const outcomes = commands.map((command) => {
      record.keepDefinition(command.plan.workflowId, command.plan.definition);
      const outcome = machine.submit(command, this.#shared.now());
      options.witness.submitted(command, outcome);
      return outcome;
    });
    const reply = this.#reply('submit', outcomes, lease);
    const isKept = (): void => {
      for (const [index, outcome] of outcomes.entries()) {
        const id = outcome.kind === 'duplicate' ? outcome.executionId : commands[index]?.executionId;
        if (id) options.witness.kept.add(id);
      }
    };
    reply.durable.then(isKept, () => undefined);
    return reply;
  }

  async start(commands: readonly StartCommand[], lease?: LeaseRequest): Promise<StoreReply<StartOutcome>> {
    const outcomes = commands.map((command) => this.#shared.machine.start(command, this.#shared.now()));
    return this.#reply('start', outcomes, lease);
  }

  async lease(request: LeaseRequest): Promise<StoreReply<never>> {
    return this.#reply('lease', [], request);
  }

  async advance(results: readonly TaskResult[], lease?: LeaseRequest) {
    const { machine, options } = this.#shared;
    const outcomes = results.map((result) => {
      const execution = machine.find(result.task.executionId);
      return options.witness.advancing(result, execution, () => machine.advance(result, this.#shared.now()));
    });
    return this.#reply('advance', outcomes, lease);
  }

  async heartbeat(owner: HostId, leases: readonly LeaseRef[]): Promise<readonly HeartbeatOutcome[]> {
    const { machine, options } = this.#shared;
    const now = this.#shared.now();
    return leases.map((lease) => {
      const outcome = machine.heartbeat(owner, lease, options.leaseMs, now);
      options.witness.beaten(owner, lease, outcome, now + options.leaseMs);
      return outcome;
    });
  }

  async reclaim() {
    const { machine, options } = this.#shared;
    const counts = machine.reclaim(
      (lease) => this.#shared.judge(lease),
      options.maxDeliveries,
      this.#shared.now(),
    );
    this.#shared.settle('reclaim', this);
    return { ...counts, durable: this.#durable() };
  }

  async promote() {
    const now = this.#shared.now();
    const counts = this.#shared.machine.promote(now);
    this.#shared.settle('promote', this);
    const nextAt = this.#shared.machine.nextTimerAt();
    return { ...counts, nextInMs: nextAt === undefined ? undefined : Math.max(0, nextAt - now) };
  }

  async cancel(ids: readonly ExecutionId[]) {
    const outcomes = ids.map((id) => this.#shared.machine.cancel(id, this.#shared.now()));
    return this.#reply('cancel', outcomes, undefined);
  }

  async redrive(commands: readonly RedriveCommand[]): Promise<StoreReply<RedriveOutcome>> {
    const outcomes = commands.map((command) => {
      const outcome = this.#shared.machine.redrive(command, this.#shared.now());
      this.#shared.options.witness.redriving(command, outcome);
      return outcome;
    });
    return this.#reply('redrive', outcomes, undefined);
  }

  async restore(commands: readonly RestoreCommand[]): Promise<StoreReply<RestoreOutcome>> {
    const { machine, options } = this.#shared;
    const outcomes = commands.map((command) => {
      const { executionId, revision } = command.snapshot;
      const { maxDeliveries } = options;
      if (this.#shared.isOutdated(executionId, revision)) return 'newer_here';
      const outcome = machine.restore(command, { maxDeliveries, now: this.#shared.now() });
      if (outcome === 'restored') this.#shared.restored(executionId, revision);
      return outcome;
    });
    return this.#reply('restore', outcomes, undefined);
  }

  async read(ids: readonly ExecutionId[]) {
    return ids.map((id) => this.#shared.machine.read(id));
  }

  readStates(ids: readonly ExecutionId[]) {
    return this.read(ids);
  }

  async listDead(query: DeadLetterQuery): Promise<readonly DeadLetter[]> {
    const { before, limit } = query;
    const letters = this.#shared.letters().sort((a, b) => (a.id < b.id ? 1 : -1));
    return letters.filter((letter) => before === undefined || letter.id < before).slice(0, limit);
  }

  async readDead(ids: readonly string[]): Promise<readonly (DeadLetter | undefined)[]> {
    return ids.map((id) => this.#letter(id));
  }

  #letter(id: string): DeadLetter | undefined {
    const key = parseDeadLetterId(id);
    return key && this.#shared.lettersOf(key.executionId).find((letter) => letter.id === id);
  }

  async deleteDead(ids: readonly string[]): Promise<StoreReply<'deleted' | 'not_found'>> {
    const outcomes = ids.map((id) => {
      if (!this.#letter(id)) return 'not_found' as const;
      this.#shared.deletedLetters.add(id);
      return 'deleted' as const;
    });
    return { outcomes, tasks: [], durable: this.#durable() };
  }

  async takeOutbox(limit: number): Promise<readonly OutboxEvent[]> {
    return this.#shared.outbox(limit);
  }

  async acknowledgeOutbox(events: readonly OutboxEvent[]): Promise<void> {
    this.#shared.acknowledge(events);
  }

  async reconcile(): Promise<number> {
    const repaired = this.#shared.machine.reconcile(this.#shared.now());
    this.#shared.park();
    this.#shared.settle('reconcile', this);
    return repaired;
  }

  /** What a host does each second beside what the engine asks for. */
  async sweep(host: HostId): Promise<void> {
    this.#shared.beat(host);
    this.#shared.wake(this);
  }

  async stats() {
    const { machine } = this.#shared;
    const counts = { pending: 0, running: 0, delayedTasks: 0 };
    for (const execution of machine.executions()) {
      if (execution.state === 'pending') counts.pending += 1;
      if (execution.state === 'running') counts.running += 1;
      counts.delayedTasks += execution.delayed;
    }
    const { readyTasks, leasedTasks } = machine;
    const readyByQueue = machine.readyByQueue();
    const oldest = machine.oldestQueuedAt();
    const oldestReadyMs = oldest === undefined ? 0 : Math.max(0, this.#shared.now() - oldest);
    return {
      ...counts,
      readyTasks,
      readyByQueue,
      leasedTasks,
      outbox: this.#shared.outbox(1000).length,
      oldestReadyMs,
    };
  }

  onSignals(listener: (signals: readonly StoreSignal[]) => void): void {
    this.#listener = listener;
    this.#shared.wake(this);
  }

  tell(signals: readonly StoreSignal[]): void {
    if (signals.length > 0) this.#listener(signals);
  }

  /** It tells of no changes: who watches asks. */
  watch(): void {}

  async close(): Promise<void> {
    this.#listener = () => undefined;
  }

  #reply<T>(cause: Cause, outcomes: readonly T[], request: LeaseRequest | undefined): StoreReply<T> {
    const tasks = this.#shared.lease(request);
    this.#shared.settle(cause, this);
    return { outcomes, tasks, durable: this.#durable() };
  }

  #durable(): Promise<void> {
    const durable = this.#isUnconfirmed()
      ? Promise.reject(new MillraceError('STORE_UNAVAILABLE', 'Too few replicas have answered.'))
      : Promise.resolve();
    durable.catch(() => undefined);
    return durable;
  }
}
