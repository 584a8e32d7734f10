import {
  CANCEL_OUTCOMES,
  type CancelOutcome,
  type LeaseRef,
  type LeaseRequest,
  type OutboxEvent,
  type RedriveCommand,
  type RestoreCommand,
  type StartCommand,
  type StoreSignal,
  type SubmitCommand,
  type TaskResult,
} from '../../model/commands.js';
import { type ExecutionId, type HostId, partitionOf } from '../../model/ids.js';
import type { ExecutionSnapshot, ExecutionSummary } from '../../model/snapshot.js';
import type { DeadLetterQuery, StateStore, StoreReply, StoreStats } from '../state-store.js';
import { Advancing } from './advancing.js';
import { DeadLetters } from './dead-letters.js';
import { FanOuts } from './fan-outs.js';
import type { HostNumbers } from './host-numbers.js';
import { LeaseKeeping } from './lease-keeping.js';
import { Outbox } from './outbox.js';
import { eachPartition, partitionBatches } from './partition-batches.js';
import type { PlanShelf } from './plan-shelf.js';
import { queueOfLane } from './plan-wire.js';
import { Promoting } from './promoting.js';
import { Rebuilding } from './rebuilding.js';
import { Starting } from './starting.js';
import { createStoreContext, type RedisStateStoreOptions, type StoreContext } from './store-context.js';
import { Submitting } from './submitting.js';
import { Sweeping } from './sweeping.js';
import { TaskLeasing } from './task-leasing.js';

/**
 * The machine of the model as Lua over Redis. One script call a partition and batch does everything: outcomes, successors, ends and
 * the next leases. Rare transitions that need a whole plan (restore, redrive, repair) are computed by the model's machine here and
 * put in place if nothing has changed meanwhile. Each group of verbs has a file of its own; this one joins them.
 */
export class RedisStateStore implements StateStore {
  readonly #context: StoreContext;
  readonly #leasing: TaskLeasing;
  readonly #submitting: Submitting;
  readonly #starting: Starting;
  readonly #advancing: Advancing;
  readonly #keeping: LeaseKeeping;
  readonly #promoting: Promoting;
  readonly #rebuilding: Rebuilding;
  readonly #deadLetters: DeadLetters;
  readonly #outbox: Outbox;
  readonly #sweeping: Sweeping;

  constructor(options: RedisStateStoreOptions) {
    const context = createStoreContext(options);
    const leasing = new TaskLeasing(context);
    const fanOuts = new FanOuts(context);
    this.#context = context;
    this.#leasing = leasing;
    this.#submitting = new Submitting(context, leasing, fanOuts);
    this.#starting = new Starting(context, leasing, fanOuts);
    this.#advancing = new Advancing(context, leasing, fanOuts);
    this.#keeping = new LeaseKeeping(context, this.#advancing);
    this.#promoting = new Promoting(context, this.#advancing, fanOuts);
    this.#rebuilding = new Rebuilding(context);
    this.#deadLetters = new DeadLetters(context);
    this.#outbox = new Outbox(context);
    this.#sweeping = new Sweeping(context, fanOuts);
  }

  get plans(): PlanShelf {
    return this.#context.plans;
  }
  get hosts(): HostNumbers {
    return this.#context.hosts;
  }
  get backlog(): number {
    return this.#context.depths.unfinished;
  }

  submit(commands: readonly SubmitCommand[], lease?: LeaseRequest) {
    return this.#submitting.submit(commands, lease);
  }

  start(commands: readonly StartCommand[], lease?: LeaseRequest) {
    return this.#starting.start(commands, lease);
  }

  async lease(request: LeaseRequest): Promise<StoreReply<never>> {
    const tasks = await this.#leasing.lease(request);
    return { outcomes: [], tasks, durable: this.#context.durable() };
  }

  advance(results: readonly TaskResult[], lease?: LeaseRequest) {
    return this.#advancing.advance(results, lease);
  }

  heartbeat(owner: HostId, leases: readonly LeaseRef[]) {
    return this.#keeping.heartbeat(owner, leases);
  }

  reclaim() {
    return this.#keeping.reclaim();
  }

  /** Gives back leases of this host that it does not know, taken before that instant: their reply was lost. */
  async resume(before: number): Promise<number> {
    await this.#leasing.settled();
    return this.#keeping.resume(before);
  }

  /** The same where a call failed that may have leased. `time`: now, by the server. */
  async resumeAfterLoss(time: () => Promise<number>): Promise<number> {
    const leasing = this.#leasing;
    if (!leasing.hasLost) return 0;
    leasing.hasLost = false;
    try {
      return await this.resume(await time());
    } catch (error) {
      leasing.hasLost = true;
      throw error;
    }
  }

  promote() {
    return this.#promoting.promote();
  }

  async cancel(ids: readonly ExecutionId[]): Promise<StoreReply<CancelOutcome>> {
    const { client, wakeUps } = this.#context;
    const outcomes: CancelOutcome[] = [];
    const batches = partitionBatches(ids, { partitions: client.partitions, partitionOf });
    await Promise.all(
      batches.map(async ({ partition, items }) => {
        const each = items.map(({ item }) => item);
        const reply = await client.call('cancel', partition, [each.length, ...each]);
        for (const [at, { index }] of items.entries()) {
          outcomes[index] = CANCEL_OUTCOMES[Number(reply.outcomes[at])] ?? 'not_found';
        }
        wakeUps.afterCall(partition, reply);
      }),
    );
    return { outcomes, tasks: [], durable: this.#context.durable() };
  }

  redrive(commands: readonly RedriveCommand[]) {
    return this.#rebuilding.redrive(commands);
  }

  restore(commands: readonly RestoreCommand[]) {
    return this.#rebuilding.restore(commands);
  }

  async reconcile(): Promise<number> {
    const repaired = await this.#rebuilding.reconcile();
    return repaired + ((await this.#context.options.compareRecord?.()) ?? 0);
  }

  /** Revisions of executions that are here. */
  async revisions(ids: readonly ExecutionId[]): Promise<readonly (number | undefined)[]> {
    return (await this.#context.reader.heads(ids)).map((found) => found?.head.revision);
  }

  async read(ids: readonly ExecutionId[]): Promise<readonly (ExecutionSnapshot | undefined)[]> {
    return (await this.#context.reader.read(ids)).map((hot) => hot?.snapshot);
  }

  /** As lists show them, of those that are here. */
  async summaries(ids: readonly ExecutionId[]): Promise<readonly (ExecutionSummary | undefined)[]> {
    const { plans, reader } = this.#context;
    const heads = await reader.heads(ids);
    return Promise.all(
      heads.map(async (found, index) => {
        const executionId = ids[index];
        if (!found || !executionId) return undefined;
        const { head, workflowId } = found;
        const { name } = await plans.get(workflowId, partitionOf(executionId));
        return {
          ...{ executionId, workflowId, name, state: head.state, createdAt: head.createdAt },
          ...(head.startedAt !== undefined && { startedAt: head.startedAt }),
          ...(head.finishedAt !== undefined && { finishedAt: head.finishedAt }),
        };
      }),
    );
  }

  readStates(ids: readonly ExecutionId[]) {
    return this.#context.reader.states(ids);
  }

  /** Changes are not told: who watches asks. A message for each would cost every step of every execution. */
  watch(): void {}

  listDead(query: DeadLetterQuery) {
    return this.#deadLetters.list(query);
  }

  readDead(ids: readonly string[]) {
    return this.#deadLetters.read(ids);
  }

  deleteDead(ids: readonly string[]) {
    return this.#deadLetters.remove(ids);
  }

  takeOutbox(limit: number): Promise<readonly OutboxEvent[]> {
    return this.#outbox.take(limit);
  }

  acknowledgeOutbox(events: readonly OutboxEvent[]): Promise<void> {
    return this.#outbox.acknowledge(events);
  }

  sweep(): Promise<void> {
    return this.#sweeping.sweep();
  }

  /** Called with a lane that is not this host's and has unread entries. */
  set onForeignLane(listener: (lane: string) => void) {
    this.#sweeping.onForeignLane = listener;
  }

  async stats(): Promise<StoreStats> {
    const { client } = this.#context;
    const sums = [0, 0, 0, 0, 0, 0];
    const readyByQueue = new Map<string, number>();
    let oldestReadyMs = 0;
    await eachPartition(client.partitions, async (partition) => {
      const { outcomes, now } = await client.call('stats', partition, []);
      for (let at = 0; at < sums.length; at++) sums[at] = (sums[at] ?? 0) + Number(outcomes[at]);
      const oldest = Number(outcomes[6]);
      if (oldest > 0) oldestReadyMs = Math.max(oldestReadyMs, now - oldest);
      const lanes = outcomes[7] as Buffer[];
      for (let at = 0; at + 1 < lanes.length; at += 2) {
        const waiting = Number(String(lanes[at + 1]));
        const queue = queueOfLane(String(lanes[at]));
        if (waiting > 0) readyByQueue.set(queue, (readyByQueue.get(queue) ?? 0) + waiting);
      }
    });
    const [pending = 0, running = 0, readyTasks = 0, leasedTasks = 0, delayedTasks = 0, outbox = 0] = sums;
    return { pending, running, readyTasks, leasedTasks, delayedTasks, outbox, oldestReadyMs, readyByQueue };
  }

  onSignals(listener: (signals: readonly StoreSignal[]) => void): void {
    const { wakeUps } = this.#context;
    wakeUps.listen(listener);
    wakeUps.suspectAll();
    wakeUps.tell([{ kind: 'ready' }, { kind: 'outbox' }]);
  }

  async close(): Promise<void> {
    this.#context.wakeUps.listen(() => undefined);
  }

  /** What another host's call did, as its message told. */
  onMessage(partition: number, lanes: readonly string[], ended: readonly unknown[]): void {
    const { wakeUps } = this.#context;
    for (const lane of lanes) this.#sweeping.laneSeen(partition, lane, 1);
    const signals = wakeUps.endSignals(ended, 'elsewhere');
    if (wakeUps.hotPartitions > 0 && lanes.length > 0) signals.push({ kind: 'ready' });
    wakeUps.tell(signals);
  }

  /** The store was away until now: leases of other hosts that ran out meanwhile are given time. */
  onReturn(): void {
    const { wakeUps } = this.#context;
    this.#keeping.holdReclaim();
    wakeUps.suspectAll();
    wakeUps.forgetTimers();
    wakeUps.tell([{ kind: 'ready' }, { kind: 'timer', inMs: 0 }, { kind: 'outbox' }]);
  }

  /** The store behind the address was emptied: nothing that this host holds counts any more. */
  onLost(): void {
    const { held, hosts, wakeUps } = this.#context;
    this.#submitting.forgetDefinitions();
    hosts.forget();
    wakeUps.tell([{ kind: 'abort', leases: held.takeAll() }]);
  }
}
