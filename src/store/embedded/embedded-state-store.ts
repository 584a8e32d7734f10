import type { Clock } from '../../model/clock.js';
import type {
  AdvanceOutcome,
  CancelOutcome,
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
import type { ExecutionRecord, StoredMarks } from '../../model/execution-record.js';
import type { ExecutionId, HostId, WorkflowId } from '../../model/ids.js';
import type { Plan } from '../../model/plan.js';
import type { DeadLetter, ExecutionSnapshot } from '../../model/snapshot.js';
import { hasEnded } from '../../model/states.js';
import { Machine } from '../../model/transitions.js';
import type {
  DeadLetterQuery,
  PromoteReply,
  ReclaimReply,
  StateStore,
  StoreReply,
  StoreStats,
  WatchedExecutions,
} from '../state-store.js';
import { DeadLetterTable } from './dead-letter-table.js';
import { DefinitionTable } from './definition-table.js';
import type { Environment } from './environment.js';
import { faultOfCommit } from './failed-commits.js';
import { GroupCommit } from './group-commit.js';
import { HotRows } from './hot-rows.js';
import { IdempotencyTable } from './idempotency-table.js';
import { RecordTables } from './record-tables.js';
import type { ExecutionHead } from './row-codec.js';
import { storeUnavailable, unavailable } from './unavailable.js';

export interface EmbeddedStateStoreOptions {
  readonly environment: Environment;
  readonly clock: Clock;
  readonly leaseMs: number;
  readonly maxDeliveries: number;
  readonly maxExecutionBytes: number;
  /** A pending execution that is older leaves the memory; its trigger brings it back. */
  readonly parkAfterMs: number;
  /** Wait before a failed commit is tried again. */
  readonly commitRetryMs: number;
  readonly onCommitFailure: (error: unknown) => void;
  readonly onCommitRecovery: () => void;
}

const COMMIT_KEY = Buffer.from('commit');
const MAX_FAILURES_KEPT = 50;

/** Changes of one commit, to be given back where it fails. */
interface Drained {
  readonly execution: ExecutionRecord;
  readonly nodes: readonly number[];
  readonly revision: number;
  /** What was kept of it before this commit. */
  readonly before: StoredMarks;
}

/**
 * The machine in memory, kept in LMDB behind it.
 *
 * A verb changes the machine at once, within its call, and marks what it changed. A commit takes all marks, so each
 * transaction is the machine as it stood at one instant: never half a command. Tasks go out before the commit that
 * carries them; outcomes, reads and `ended` signals wait for it. An execution that has ended goes in one transaction
 * from the hot rows to the record, and then leaves the memory; so the outbox is always empty to others.
 *
 * A lease that may be a second one (`suspect`) is synced before it is handed out: else a task that kills the process
 * within the milliseconds before a commit would be run for ever without being counted.
 */
export class EmbeddedStateStore implements StateStore {
  readonly #options: EmbeddedStateStoreOptions;
  readonly #clock: Clock;
  readonly #machine: Machine;
  readonly #commit: GroupCommit;
  readonly #hotRows: HotRows;
  readonly #records: RecordTables;
  readonly #deadLetters: DeadLetterTable;
  readonly #idempotency: IdempotencyTable;
  readonly #definitions: DefinitionTable;
  #dirty: ExecutionRecord[] = [];
  #parked: ExecutionRecord[] = [];
  #announcedTimerAt = Number.POSITIVE_INFINITY;
  #listener: (signals: readonly StoreSignal[]) => void = () => undefined;
  #watched: WatchedExecutions = new Set<ExecutionId>();

  /** Loads what the environment holds. Throws STORE_DAMAGED. */
  constructor(options: EmbeddedStateStoreOptions) {
    this.#options = options;
    this.#clock = options.clock;
    this.#hotRows = new HotRows(options.environment);
    this.#records = new RecordTables(options.environment);
    this.#deadLetters = new DeadLetterTable(options.environment, options.clock);
    this.#idempotency = new IdempotencyTable(options.environment);
    this.#definitions = new DefinitionTable(options.environment);
    this.#machine = new Machine({
      idempotency: this.#idempotency,
      maxExecutionBytes: options.maxExecutionBytes,
      maxFailuresKept: MAX_FAILURES_KEPT,
    });
    this.#commit = new GroupCommit({
      clock: options.clock,
      write: (commit) => this.#write(commit),
      onFailure: options.onCommitFailure,
      onRecovery: options.onCommitRecovery,
      retryMs: options.commitRetryMs,
    });
    try {
      this.#load();
    } catch (cause) {
      if (cause instanceof MillraceError) throw cause;
      const reason = cause instanceof Error ? cause.message : String(cause);
      const message = `the rows of the store cannot be read (${reason}); restore it from a backup`;
      throw new MillraceError('STORE_DAMAGED', message, { cause });
    }
  }

  /** Whether the last commit failed. */
  get failing(): boolean {
    return this.#commit.failing;
  }

  get backlog(): number {
    return this.#machine.size;
  }

  /** Unfinished executions in memory, for lists. */
  executions(): Iterable<ExecutionRecord> {
    return this.#machine.executions();
  }

  /** Whether it is in memory, whatever the record still says of it. */
  holds(id: ExecutionId): boolean {
    return this.#machine.find(id) !== undefined;
  }

  /** Resolves once all that was changed until now is synced. */
  durable(): Promise<void> {
    if (this.#dirty.length > 0 || this.#parked.length > 0) return this.#commit.request();
    return this.#commit.settled();
  }

  /**
   * Waits until all that was changed until now is synced. false: the disk fails, so that what it holds is what may be shown.
   * STORE_UNAVAILABLE once closed.
   */
  async isSynced(): Promise<boolean> {
    if (this.#commit.failing && !this.#commit.closed) return false;
    try {
      await this.durable();
      return true;
    } catch (error) {
      if (this.#commit.closed) throw unavailable(error);
      return false;
    }
  }

  /** An unfinished execution as the disk has it. */
  syncedHead(id: ExecutionId): ExecutionHead | undefined {
    return this.#hotRows.head(id);
  }

  async submit(commands: readonly SubmitCommand[], lease?: LeaseRequest): Promise<StoreReply<SubmitOutcome>> {
    this.#refuseWhileFailing();
    const now = this.#clock.now();
    const outcomes = commands.map((command) => {
      this.#definitions.keep(command.plan);
      return this.#machine.submit(command, now);
    });
    return this.#reply(outcomes, lease, now);
  }

  async start(commands: readonly StartCommand[], lease?: LeaseRequest): Promise<StoreReply<StartOutcome>> {
    this.#refuseWhileFailing();
    const now = this.#clock.now();
    const outcomes = commands.map((command) => this.#machine.start(command, now));
    return this.#reply(outcomes, lease, now);
  }

  async lease(request: LeaseRequest): Promise<StoreReply<never>> {
    return this.#reply([], request, this.#clock.now());
  }

  async advance(results: readonly TaskResult[], lease?: LeaseRequest): Promise<StoreReply<AdvanceOutcome>> {
    const now = this.#clock.now();
    const outcomes = results.map((result) => this.#machine.advance(result, now));
    return this.#reply(outcomes, lease, now);
  }

  async heartbeat(owner: HostId, leases: readonly LeaseRef[]): Promise<readonly HeartbeatOutcome[]> {
    const now = this.#clock.now();
    return leases.map((lease) => this.#machine.heartbeat(owner, lease, this.#options.leaseMs, now));
  }

  async reclaim(): Promise<ReclaimReply> {
    const now = this.#clock.now();
    const judge = (lease: { readonly until: number }) => (lease.until <= now ? 'owner_died' : 'in_force');
    const counts = this.#machine.reclaim(judge, this.#options.maxDeliveries, now);
    this.#settle();
    return { ...counts, durable: this.#kept() };
  }

  async promote(): Promise<PromoteReply> {
    const now = this.#clock.now();
    const counts = this.#machine.promote(now);
    this.#announcedTimerAt = Number.POSITIVE_INFINITY;
    const nextAt = this.#machine.nextTimerAt();
    if (nextAt !== undefined) this.#announcedTimerAt = nextAt;
    this.#settle();
    return { ...counts, nextInMs: nextAt === undefined ? undefined : Math.max(0, nextAt - now) };
  }

  async cancel(ids: readonly ExecutionId[]): Promise<StoreReply<CancelOutcome>> {
    this.#refuseWhileFailing();
    const now = this.#clock.now();
    const outcomes = ids.map((id) => this.#machine.cancel(id, now));
    return this.#reply(outcomes, undefined, now);
  }

  async redrive(commands: readonly RedriveCommand[]): Promise<StoreReply<RedriveOutcome>> {
    this.#refuseWhileFailing();
    const now = this.#clock.now();
    const outcomes = commands.map((command) => this.#machine.redrive(command, now));
    return this.#reply(outcomes, undefined, now);
  }

  async restore(commands: readonly RestoreCommand[]): Promise<StoreReply<RestoreOutcome>> {
    this.#refuseWhileFailing();
    const now = this.#clock.now();
    const outcomes = commands.map((command) => this.#restore(command, now));
    return this.#reply(outcomes, undefined, now);
  }

  #restore(command: RestoreCommand, now: number): RestoreOutcome {
    const { executionId } = command.snapshot;
    const older = this.#machine.find(executionId);
    if (!older && this.#isOutdated(command.snapshot)) return 'newer_here';
    const outcome = this.#machine.restore(command, { maxDeliveries: this.#options.maxDeliveries, now });
    const execution = this.#machine.find(executionId);
    if (outcome !== 'restored' || !execution) return outcome;
    this.#definitions.keep(command.plan);
    execution.stored.recorded = this.#records.summary(executionId) !== undefined;
    if (older) {
      // Its rows are on disk: all nodes are written over them.
      execution.stored.rows = older.stored.rows;
      this.#machine.giveBackChanges(execution, [...execution.nodes.keys()]);
    }
    return outcome;
  }

  /** What is not in memory is in the record as it was last. */
  #isOutdated({ executionId, revision }: ExecutionSnapshot): boolean {
    const recorded = this.#records.read(executionId);
    return recorded !== undefined && recorded.revision > revision;
  }

  async read(ids: readonly ExecutionId[]): Promise<readonly (ExecutionSnapshot | undefined)[]> {
    let wait: Promise<void> | undefined;
    const snapshots = ids.map((id) => {
      const execution = this.#machine.find(id);
      if (!execution) return undefined;
      if (execution.touched) wait = this.#commit.request();
      else if (execution.stored.commit > this.#commit.synced) wait ??= this.#commit.current();
      return this.#machine.read(id);
    });
    if (wait) await wait.catch(storeUnavailable);
    return snapshots;
  }

  readStates(ids: readonly ExecutionId[]): Promise<readonly (ExecutionSnapshot | undefined)[]> {
    return this.read(ids);
  }

  watch(watched: WatchedExecutions): void {
    this.#watched = watched;
  }

  async listDead(query: DeadLetterQuery): Promise<readonly DeadLetter[]> {
    await this.isSynced();
    return this.#deadLetters.list(query);
  }

  async readDead(ids: readonly string[]): Promise<readonly (DeadLetter | undefined)[]> {
    await this.isSynced();
    return ids.map((id) => this.#deadLetters.read(id));
  }

  async deleteDead(ids: readonly string[]): Promise<StoreReply<'deleted' | 'not_found'>> {
    this.#refuseWhileFailing();
    await this.durable().catch(storeUnavailable);
    const outcomes = ids.map((id) => {
      if (!parseDeadLetterId(id) || !this.#deadLetters.read(id)) return 'not_found';
      this.#deadLetters.remove(id);
      return 'deleted';
    });
    const durable = this.#commit.request().catch(storeUnavailable);
    durable.catch(() => undefined);
    return { outcomes, tasks: [], durable };
  }

  async takeOutbox(): Promise<readonly OutboxEvent[]> {
    return [];
  }

  async acknowledgeOutbox(): Promise<void> {
    // Nothing to do: the commit that ends an execution records it.
  }

  async reconcile(): Promise<number> {
    const repaired = this.#machine.reconcile(this.#clock.now());
    this.#park();
    this.#settle();
    return repaired;
  }

  async stats(): Promise<StoreStats> {
    const counts = { pending: 0, running: 0, delayedTasks: 0, outbox: 0 };
    for (const execution of this.#machine.executions()) {
      if (execution.state === 'pending') counts.pending += 1;
      else if (execution.state === 'running') counts.running += 1;
      else counts.outbox += 1;
      counts.delayedTasks += execution.delayed;
    }
    const oldest = this.#machine.oldestQueuedAt();
    return {
      ...counts,
      readyTasks: this.#machine.readyTasks,
      readyByQueue: this.#machine.readyByQueue(),
      leasedTasks: this.#machine.leasedTasks,
      oldestReadyMs: oldest === undefined ? 0 : Math.max(0, this.#clock.now() - oldest),
    };
  }

  onSignals(listener: (signals: readonly StoreSignal[]) => void): void {
    this.#listener = listener;
    this.#settle();
    if (this.#machine.readyTasks > 0) listener([{ kind: 'ready' }]);
  }

  /** Rejects with STORE_UNAVAILABLE where the last changes could not be kept; it is closed all the same. */
  async close(): Promise<void> {
    try {
      await this.#commit.close().catch(storeUnavailable);
    } finally {
      await this.#options.environment.close();
    }
  }

  /** Drops a definition that no execution needs any more; false where one in memory does. */
  forgetDefinitions(ids: ReadonlySet<WorkflowId>): ReadonlySet<WorkflowId> {
    const unused = new Set(ids);
    for (const execution of this.#machine.executions()) unused.delete(execution.plan.workflowId);
    return this.#definitions.forget(unused);
  }

  async #reply<T>(
    outcomes: readonly T[],
    request: LeaseRequest | undefined,
    now: number,
  ): Promise<StoreReply<T>> {
    const tasks = request && request.total > 0 ? this.#machine.lease(request, now) : [];
    this.#settle();
    if (tasks.some((task) => task.suspect)) await this.#syncLeases();
    return { outcomes, tasks, durable: this.#kept() };
  }

  /** As `durable`, for a reply: rejects with STORE_UNAVAILABLE. */
  #kept(): Promise<void> {
    const kept = this.durable().catch(storeUnavailable);
    // Who does not wait for it is not to end the process by that.
    kept.catch(() => undefined);
    return kept;
  }

  /** Waits until the leases are synced, over failed commits: while the store cannot write, it hands out none of them. */
  async #syncLeases(): Promise<void> {
    for (;;) {
      try {
        await this.durable();
        return;
      } catch (error) {
        if (this.#commit.closed) throw unavailable(error);
      }
    }
  }

  #refuseWhileFailing(): void {
    if (this.#commit.failing) throw unavailable(undefined);
  }

  /** Collects what the calls so far changed, and tells what need not wait. */
  #settle(): void {
    const effects = this.#machine.takeEffects();
    for (const execution of effects.touched) this.#dirty.push(execution);
    if (effects.touched.length > 0) void this.#commit.request();
    const signals: StoreSignal[] = [];
    if (effects.aborted.length > 0) signals.push({ kind: 'abort', leases: effects.aborted });
    if (effects.ready && this.#machine.readyTasks > 0) signals.push({ kind: 'ready' });
    const timerAt = this.#machine.nextTimerAt();
    if (timerAt !== undefined && timerAt < this.#announcedTimerAt) {
      this.#announcedTimerAt = timerAt;
      signals.push({ kind: 'timer', inMs: Math.max(0, timerAt - this.#clock.now()) });
    }
    if (signals.length > 0) this.#listener(signals);
  }

  async #write(commit: number): Promise<void> {
    const giveBackDefinitions = this.#definitions.write();
    const drained = this.#drain(commit);
    const parked = this.#drainParked(commit);
    let forgetIdempotency: () => void;
    try {
      for (const { execution, nodes } of drained) this.#writeExecution(execution, nodes);
      for (const { execution } of parked) this.#moveToRecord(execution);
      forgetIdempotency = this.#idempotency.write();
      const number = Buffer.alloc(8);
      number.writeBigUInt64BE(BigInt(commit));
      await this.#options.environment.root.put(COMMIT_KEY, number);
    } catch (error) {
      giveBackDefinitions();
      this.#giveBack(drained);
      for (const { execution, before } of parked) Object.assign(execution.stored, before);
      throw await faultOfCommit(error);
    }
    forgetIdempotency();
    for (const { execution, revision } of parked) {
      if (execution.revision === revision && !execution.touched) this.#machine.park(execution.executionId);
    }
    this.#tellEnded(drained);
    if (this.#watched.size > 0) this.#tellChanged(drained);
  }

  #drain(commit: number): Drained[] {
    // One that a restore has replaced stays unwritten.
    const dirty = this.#dirty.filter((execution) => this.#machine.find(execution.executionId) === execution);
    this.#dirty = [];
    return dirty.map((execution) => {
      const nodes = execution.takeTouchedNodes();
      const before = { ...execution.stored };
      execution.stored.commit = commit;
      return { execution, nodes, revision: execution.revision, before };
    });
  }

  /** Those to be parked that nothing has happened to since they were chosen. */
  #drainParked(commit: number): Drained[] {
    const chosen = this.#parked;
    this.#parked = [];
    const still = chosen.filter(
      (execution) => execution.state === 'pending' && execution.stored.commit < commit,
    );
    return still.map((execution) => ({
      execution,
      nodes: [],
      revision: execution.revision,
      before: { ...execution.stored },
    }));
  }

  #writeExecution(execution: ExecutionRecord, nodes: readonly number[]): void {
    if (execution.stored.recorded) this.#records.remove(execution.executionId);
    execution.stored.recorded = false;
    if (hasEnded(execution.state)) this.#moveToRecord(execution);
    else this.#hotRows.write(execution, nodes);
  }

  #moveToRecord(execution: ExecutionRecord): void {
    this.#records.put(execution);
    this.#hotRows.remove(execution);
    execution.stored.recorded = true;
  }

  #giveBack(drained: readonly Drained[]): void {
    for (const { execution, nodes, before } of drained) {
      Object.assign(execution.stored, before);
      this.#machine.giveBackChanges(execution, nodes);
    }
    this.#settle();
  }

  #tellEnded(drained: readonly Drained[]): void {
    const signals: StoreSignal[] = [];
    for (const { execution, revision } of drained) {
      this.#machine.acknowledge(execution.executionId, revision);
      const { executionId, state, startedAt, finishedAt } = execution;
      if (state !== 'completed' && state !== 'failed' && state !== 'cancelled') continue;
      if (execution.revision !== revision) continue;
      const end = { state, startedAt, finishedAt: finishedAt ?? execution.createdAt };
      const isAwaited = execution.callbackUrl !== undefined;
      signals.push({ kind: 'ended', executionId, end, ...(isAwaited && { callback: true as const }) });
    }
    if (signals.length > 0) this.#listener(signals);
  }

  #tellChanged(drained: readonly Drained[]): void {
    const executionIds: ExecutionId[] = [];
    for (const { execution } of drained) {
      if (this.#watched.has(execution.executionId)) executionIds.push(execution.executionId);
    }
    if (executionIds.length > 0) this.#listener([{ kind: 'changed', executionIds }]);
  }

  /** Chooses executions that nobody triggers, to move from the memory to the record. */
  #park(): void {
    const before = this.#clock.now() - this.#options.parkAfterMs;
    for (const execution of this.#machine.executions()) {
      if (execution.state !== 'pending' || execution.createdAt > before) continue;
      if (!execution.touched && execution.stored.commit <= this.#commit.synced) this.#parked.push(execution);
    }
    if (this.#parked.length > 0) void this.#commit.request();
  }

  #load(): void {
    const plans = new Map<WorkflowId, Plan>();
    const planOf = (workflowId: WorkflowId): Plan => {
      const plan = plans.get(workflowId) ?? this.#definitions.load(workflowId);
      plans.set(workflowId, plan);
      return plan;
    };
    const now = this.#clock.now();
    const { maxDeliveries } = this.#options;
    for (const { snapshot, rows } of this.#hotRows.load((head) => planOf(head.workflowId).nodes.length)) {
      this.#machine.restore({ snapshot, plan: planOf(snapshot.workflowId) }, { maxDeliveries, now });
      const execution = this.#machine.find(snapshot.executionId);
      if (!execution) continue;
      execution.stored.rows = rows;
      execution.stored.revision = snapshot.revision;
    }
    this.#settle();
  }
}
