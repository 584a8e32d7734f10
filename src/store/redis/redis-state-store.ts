import { createHash } from 'node:crypto';
import type { Clock } from '../../model/clock.js';
import {
  ADVANCE_OUTCOMES,
  type AdvanceOutcome,
  CANCEL_OUTCOMES,
  type CancelOutcome,
  HEARTBEAT_OUTCOMES,
  type HeartbeatOutcome,
  type LeasedTask,
  type LeaseRef,
  type LeaseRequest,
  type OutboxEvent,
  type RedriveCommand,
  type RedriveOutcome,
  type RestoreCommand,
  type RestoreOutcome,
  START_OUTCOMES,
  type StartCommand,
  type StartOutcome,
  type StoreSignal,
  SUBMIT_OUTCOMES,
  type SubmitCommand,
  type SubmitOutcome,
  type TaskResult,
} from '../../model/commands.js';
import { deadLettersOf, parseDeadLetterId } from '../../model/dead-letter.js';
import { MillraceError } from '../../model/errors.js';
import {
  type ExecutionId,
  type HostId,
  partitionOf,
  timeOfExecutionId,
  type WorkflowId,
} from '../../model/ids.js';
import type { Plan } from '../../model/plan.js';
import type { DeadLetter, ExecutionSnapshot, ExecutionSummary } from '../../model/snapshot.js';
import { EXECUTION_STATES, hasEnded } from '../../model/states.js';
import { hostStoppedAnswering, Machine, outputsTooLarge } from '../../model/transitions.js';
import type {
  DeadLetterQuery,
  PromoteReply,
  ReclaimReply,
  StateStore,
  StoreReply,
  StoreStats,
} from '../state-store.js';
import { type AdvanceItem, AdvanceItems, jsonOf } from './advance-items.js';
import { ExecutionReader, type HotExecution } from './execution-reader.js';
import { HeldLeases } from './held-leases.js';
import { HostNumbers } from './host-numbers.js';
import { Installer } from './installer.js';
import { decodeLeased, leaseArguments, NO_LEASE } from './lease-wire.js';
import { asksForDefinition, type PartitionClient, type ScriptReply } from './partition-client.js';
import { definitionBody, PlanShelf } from './plan-shelf.js';
import { PlanWires } from './plan-wire.js';
import type { ScriptArgument } from './script-registry.js';
import { TIMER_OUTCOMES } from './vocabulary.js';

/** Dead letters of the record. */
export interface DeadLetterRecord {
  list(query: DeadLetterQuery): Promise<readonly DeadLetter[]>;
  read(ids: readonly string[]): Promise<readonly (DeadLetter | undefined)[]>;
  remove(ids: readonly string[]): Promise<readonly ('deleted' | 'not_found')[]>;
}

export interface RedisStateStoreOptions {
  readonly client: PartitionClient;
  readonly clock: Clock;
  readonly host: HostId;
  readonly leaseMs: number;
  readonly maxDeliveries: number;
  readonly maxExecutionBytes: number;
  readonly maxFailuresKept: number;
  /** How long what has ended stays after the record has it. */
  readonly graceMs: number;
  /** Age at which an untriggered execution that is recorded leaves. */
  readonly parkAfterMs: number;
  /** Bytes of executions that are here, past which no submission is taken. */
  readonly maxBytes: number;
  /** Successors that one call readies. */
  readonly fanOutChunk: number;
  readonly planCacheBytes: number;
  /** Queues that this host takes; undefined: every one. */
  readonly queues: readonly string[] | undefined;
  /** User handlers that this host may be handed now. */
  readonly handlers: () => readonly string[];
  /** Whether a host is known to be alive: then a lease of it that ran out is not a death. */
  readonly isAlive: (host: string) => boolean;
  readonly deadLetters: DeadLetterRecord;
  /** Whether Redis itself is short of memory. */
  readonly isShortOfMemory: () => boolean;
  /** Waits until replicas have what was written; undefined: none are asked for. */
  readonly replicated?: (() => Promise<void>) | undefined;
  /** Leases are read whatever their idle time: the instants are not the server's own. */
  readonly ignoresIdleTime?: boolean;
}

/** Items of one call, and the successors that they ready: measured so that no call takes 5 ms (bench/redis-scripts.ts). */
const MAX_ITEMS = 48;
const MAX_WEIGHT = 512;
const MAX_CALL_BYTES = 1 << 20;
const MAX_TASKS = 64;
/** Inputs of executions with more bytes of outputs are read apart from the lease. */
const PAGE_BYTES = 256 << 10;
const ARCHIVER_LOCK_MS = 5000;
const STALLED_FAN_OUT_MS = 2000;
const LEAVING_PER_SWEEP = 200;
/** Partitions that one lease asks at once. */
const LEASE_WIDTH = 8;
const ENDED_FIELDS = 4;
const NO_IDEMPOTENCY = { get: () => undefined, set: () => undefined };

/**
 * The machine of the model as Lua over Redis. One script call a partition and batch does everything: outcomes, successors, ends and
 * the next leases. Rare transitions that need a whole plan (restore, redrive, repair) are computed by the model's machine here and
 * put in place if nothing has changed meanwhile (`Installer`).
 *
 * Which partitions may have something to lease is known from replies, from messages of other hosts and, once a second, from a
 * sweep, which covers lost messages.
 */
export class RedisStateStore implements StateStore {
  readonly #options: RedisStateStoreOptions;
  readonly #client: PartitionClient;
  readonly #wires: PlanWires;
  readonly #items: AdvanceItems;
  readonly #reader: ExecutionReader;
  readonly #installer: Installer;
  readonly #held = new HeldLeases();
  readonly #definitionsSent = new Set<string>();
  readonly plans: PlanShelf;
  readonly hosts: HostNumbers;
  /** Partitions that may have tasks for this host, and how often each was called so. */
  readonly #hot = new Map<number, number>();
  #calls = 0;
  #turn = 0;
  /** When the next timer of a partition is due, as far as is known. */
  readonly #timers: number[];
  #announcedTimerAt = Number.POSITIVE_INFINITY;
  readonly #depths: { readonly unfinished: number; readonly bytes: number }[];
  #outboxTurn = 0;
  readonly #reconcileCursors: string[];
  #reclaimNotBefore = 0;
  #listener: (signals: readonly StoreSignal[]) => void = () => undefined;

  constructor(options: RedisStateStoreOptions) {
    this.#options = options;
    this.#client = options.client;
    this.#wires = new PlanWires(options.fanOutChunk);
    this.#items = new AdvanceItems(this.#wires);
    this.plans = new PlanShelf(options.client, options.planCacheBytes);
    this.hosts = new HostNumbers(options.client);
    this.#reader = new ExecutionReader({ client: options.client, plans: this.plans, hosts: this.hosts });
    this.#installer = new Installer({ client: options.client, hosts: this.hosts, wires: this.#wires });
    this.#timers = new Array<number>(options.client.partitions).fill(0);
    this.#depths = Array.from({ length: options.client.partitions }, () => ({ unfinished: 0, bytes: 0 }));
    this.#reconcileCursors = new Array<string>(options.client.partitions).fill('0');
  }

  get backlog(): number {
    let sum = 0;
    for (const depth of this.#depths) sum += depth.unfinished;
    return sum;
  }

  async submit(commands: readonly SubmitCommand[], lease?: LeaseRequest): Promise<StoreReply<SubmitOutcome>> {
    this.#refuseWhenFull();
    const outcomes: SubmitOutcome[] = [];
    const groups = [...this.#grouped(commands, (command) => partitionOf(command.executionId))];
    const batches = groups.flatMap(([partition, group]) => this.#submitBatches(partition, group));
    const tasks = await this.#withLease(batches, lease, async (batch, leasing) => {
      const reply = await this.#submitCall(batch.partition, batch.items, leasing);
      for (const [at, outcome] of reply.outcomes.entries()) {
        const place = batch.items[at];
        if (place) outcomes[place.index] = submitOutcome(outcome as unknown[]);
      }
      const accepted = batch.items.filter((item) => outcomes[item.index]?.kind === 'accepted');
      this.#count(batch.partition, accepted.length);
      for (const { item } of accepted) {
        if (item.trigger) this.#armed(batch.partition, reply, item.plan);
        if (item.trigger) await this.#goOnFrom(item.executionId, item.plan, -1);
      }
      this.#tell([{ kind: 'outbox' }]);
      return reply;
    });
    return { outcomes, tasks, durable: this.#durable() };
  }

  #submitBatches(partition: number, group: readonly Placed<SubmitCommand>[]) {
    return this.#cut(group, ({ item }) => ({
      weight: item.trigger ? this.#wires.of(item.plan).firstSize(-1) : 0,
      bytes: item.params.length + item.plan.definitionBytes,
    })).map((items) => ({ partition, items }));
  }

  async #submitCall(
    partition: number,
    items: readonly Placed<SubmitCommand>[],
    leasing: readonly ScriptArgument[],
  ): Promise<ScriptReply> {
    const plans = [...new Map(items.map(({ item }) => [item.plan.workflowId, item.plan])).values()];
    for (const plan of plans) this.plans.keep(plan);
    const send = (withAll: boolean): Promise<ScriptReply> => {
      const args: ScriptArgument[] = [plans.length];
      for (const plan of plans) {
        const isKnown = !withAll && this.#definitionsSent.has(`${partition} ${plan.workflowId}`);
        args.push(plan.workflowId, isKnown ? '' : definitionBody(plan));
      }
      args.push(items.length);
      for (const { item } of items) args.push(...this.#submitArguments(item, plans));
      const ids = items.map(({ item }) => item.executionId);
      return this.#client.call('submit', partition, [...args, ...leasing], ids);
    };
    let reply: ScriptReply;
    try {
      reply = await send(false);
    } catch (error) {
      if (!asksForDefinition(error)) throw error;
      reply = await send(true);
    }
    if (this.#definitionsSent.size > 100_000) this.#definitionsSent.clear();
    for (const plan of plans) this.#definitionsSent.add(`${partition} ${plan.workflowId}`);
    return reply;
  }

  #submitArguments(command: SubmitCommand, plans: readonly Plan[]): ScriptArgument[] {
    const { executionId, plan, params, trigger, idempotency } = command;
    const place = plans.findIndex((each) => each.workflowId === plan.workflowId) + 1;
    return [
      ...[executionId, place, plan.nodes.length, trigger ? 1 : 0, plan.timeoutMs ?? ''],
      ...[timeOfExecutionId(executionId), params],
      ...[idempotency ? hashOf(idempotency.key) : '', idempotency?.bodyHash ?? '', idempotency?.ttlMs ?? ''],
      trigger ? this.#wires.of(plan).first(-1) : '',
    ];
  }

  async start(commands: readonly StartCommand[], lease?: LeaseRequest): Promise<StoreReply<StartOutcome>> {
    const outcomes: StartOutcome[] = [];
    const plans = await this.#plansOf(commands.map((command) => command.executionId));
    const groups = [...this.#grouped(commands, (command) => partitionOf(command.executionId))];
    const batches = groups.flatMap(([partition, group]) =>
      this.#cut(group, ({ item }) => {
        const plan = plans.get(item.executionId);
        const weight = plan ? this.#wires.of(plan).firstSize(-1) : 0;
        return { weight, bytes: item.params?.length ?? 0 };
      }).map((items) => ({ partition, items })),
    );
    const tasks = await this.#withLease(batches, lease, async ({ partition, items }, leasing) => {
      const args: ScriptArgument[] = [items.length];
      for (const { item } of items) {
        const plan = plans.get(item.executionId);
        const roots = plan ? this.#wires.of(plan).first(-1) : '';
        args.push(item.executionId, item.params ? 1 : 0, item.params ?? '', plan?.timeoutMs ?? '', roots);
      }
      const ids = items.map(({ item }) => item.executionId);
      const reply = await this.#client.call('start', partition, [...args, ...leasing], ids);
      for (const [at, { item, index }] of items.entries()) {
        const outcome = START_OUTCOMES[Number(reply.outcomes[at])] ?? 'not_found';
        outcomes[index] = outcome;
        const plan = plans.get(item.executionId);
        if (!plan || outcome !== 'started') continue;
        this.#armed(partition, reply, plan);
        await this.#goOnFrom(item.executionId, plan, -1);
      }
      this.#tell([{ kind: 'outbox' }]);
      return reply;
    });
    return { outcomes, tasks, durable: this.#durable() };
  }

  /** Plans of executions that are here. */
  async #plansOf(ids: readonly ExecutionId[]): Promise<Map<ExecutionId, Plan>> {
    const plans = new Map<ExecutionId, Plan>();
    const heads = await this.#reader.heads(ids);
    await Promise.all(
      ids.map(async (id, index) => {
        const head = heads[index];
        if (head) plans.set(id, await this.plans.get(head.workflowId, partitionOf(id)));
      }),
    );
    return plans;
  }

  async lease(request: LeaseRequest): Promise<StoreReply<never>> {
    const tasks: LeasedTask[] = [];
    await this.hosts.learn([request.owner]);
    let left = request;
    // As long as something is found, and then once more with each partition first in turn.
    let rounds = this.#hot.size;
    while (left.total > 0 && this.#hot.size > 0 && rounds > 0) {
      const partitions = this.#nextHot(Math.min(LEASE_WIDTH, left.total));
      const shares = shareOut(left, partitions.length, rounds);
      const replies = await Promise.all(
        partitions.map((partition, index) => this.#leaseFrom(partition, shares[index] as LeaseRequest)),
      );
      const taken = replies.flat();
      tasks.push(...taken);
      left = without(left, taken);
      rounds = taken.length > 0 ? this.#hot.size : rounds - 1;
    }
    return { outcomes: [], tasks, durable: this.#durable() };
  }

  /** Takes turns: who was asked is last the next time. */
  #nextHot(count: number): number[] {
    const next = [...this.#hot].slice(0, count);
    for (const [partition, calledAt] of next) {
      this.#hot.delete(partition);
      this.#hot.set(partition, calledAt);
    }
    return next.map(([partition]) => partition);
  }

  async #leaseFrom(partition: number, request: LeaseRequest): Promise<readonly LeasedTask[]> {
    if (request.total <= 0) return [];
    return this.#takeReply(partition, (leasing) => this.#client.call('lease', partition, leasing), request);
  }

  async advance(results: readonly TaskResult[], lease?: LeaseRequest): Promise<StoreReply<AdvanceOutcome>> {
    const outcomes: AdvanceOutcome[] = [];
    const groups = [...this.#grouped(results, (result) => partitionOf(result.task.executionId))];
    const batches = groups.flatMap(([partition, group]) => {
      const items = group.map(({ item, index }) => ({ item: this.#items.ofResult(item), index }));
      return this.#cut(items, ({ item }) => item).map((cut) => ({ partition, items: cut }));
    });
    const tasks = await this.#withLease(batches, lease, async ({ partition, items }, leasing) => {
      const reply = await this.#advanceCall(
        partition,
        items.map(({ item }) => item),
        leasing,
      );
      for (const [at, { item, index }] of items.entries()) {
        const outcome = ADVANCE_OUTCOMES[Number(reply.outcomes[at])] ?? 'stale_lease';
        outcomes[index] = outcome;
        const result = results[index];
        if (result) this.#held.remove(result.task);
        const goesOn = item.isCut && (outcome === 'applied' || outcome === 'duplicate');
        if (goesOn) await this.#goOnFrom(item.executionId, item.plan, item.node);
      }
      return reply;
    });
    return { outcomes, tasks, durable: this.#durable() };
  }

  async #advanceCall(
    partition: number,
    items: readonly AdvanceItem[],
    leasing: readonly ScriptArgument[] = NO_LEASE,
  ): Promise<ScriptReply> {
    const { maxExecutionBytes } = this.#options;
    const args: ScriptArgument[] = [
      maxExecutionBytes,
      jsonOf(outputsTooLarge(maxExecutionBytes)),
      items.length,
    ];
    for (const item of items) args.push(...item.args);
    const ids = [...new Set(items.map((item) => item.executionId))];
    const reply = await this.#client.call('advance', partition, [...args, ...leasing], ids);
    let soonest: number | undefined;
    for (const { timerMs } of items) {
      if (timerMs !== undefined && (soonest === undefined || timerMs < soonest)) soonest = timerMs;
    }
    if (soonest !== undefined) this.#timerSet(partition, reply.now + soonest, soonest);
    return reply;
  }

  /** Goes on with a fan-out that one call did not take, until it is done or another host is found at it. */
  async #goOnFrom(executionId: ExecutionId, plan: Plan, source: number): Promise<void> {
    const wire = this.#wires.of(plan);
    if (!wire.isCut(source)) return;
    const partition = partitionOf(executionId);
    let cursor = wire.firstSize(source);
    while (cursor >= 0) {
      const args = [executionId, source, cursor, wire.chunk(source, cursor)];
      const reply = await this.#client.call('expand', partition, args, [executionId]);
      this.#afterCall(partition, reply);
      cursor = Number(reply.outcomes[0]);
    }
  }

  async heartbeat(owner: HostId, leases: readonly LeaseRef[]): Promise<readonly HeartbeatOutcome[]> {
    const outcomes: HeartbeatOutcome[] = [];
    await this.hosts.learn([owner]);
    const groups = [...this.#grouped(leases, (lease) => partitionOf(lease.executionId))];
    const batches = groups.flatMap(([partition, group]) =>
      this.#cut(group, () => ({ weight: 0, bytes: 0 })).map((items) => ({ partition, items })),
    );
    await Promise.all(
      batches.map(async ({ partition, items }) => {
        const args: ScriptArgument[] = [this.hosts.known(owner), this.#options.leaseMs, items.length];
        for (const { item } of items) args.push(item.executionId, item.node, item.fence);
        const ids = [...new Set(items.map(({ item }) => item.executionId))];
        const reply = await this.#client.call('heartbeat', partition, args, ids);
        for (const [at, { index, item }] of items.entries()) {
          const outcome = HEARTBEAT_OUTCOMES[Number(reply.outcomes[at])] ?? 'lost';
          outcomes[index] = outcome;
          if (outcome !== 'kept') this.#held.remove(item);
        }
      }),
    );
    return outcomes;
  }

  async reclaim(): Promise<ReclaimReply> {
    let reclaimed = 0;
    let exhausted = 0;
    if (this.#options.clock.monotonic() < this.#reclaimNotBefore) {
      return { reclaimed, exhausted, durable: this.#durable() };
    }
    const { leaseMs, maxDeliveries, ignoresIdleTime, isAlive } = this.#options;
    await this.#eachPartition(async (partition) => {
      const args = ['', ignoresIdleTime ? '' : leaseMs, '', MAX_ITEMS];
      const { outcomes } = await this.#client.call('expired', partition, args);
      const leases = await this.#decodeLeases(partition, outcomes);
      const items = leases.map((lease) =>
        this.#items.ofExpired({
          ...lease,
          maxDeliveries,
          died: !isAlive(lease.host),
          error: hostStoppedAnswering(lease.host),
        }),
      );
      if (items.length === 0) return;
      const reply = await this.#advanceCall(partition, items);
      this.#afterCall(partition, reply);
      for (const [at, outcome] of reply.outcomes.entries()) {
        if (ADVANCE_OUTCOMES[Number(outcome)] !== 'applied') continue;
        reclaimed += 1;
        if ((leases[at]?.deliveries ?? 0) + 1 >= maxDeliveries && !isAlive(leases[at]?.host ?? ''))
          exhausted += 1;
      }
    });
    return { reclaimed, exhausted, durable: this.#durable() };
  }

  async #decodeLeases(partition: number, rows: readonly unknown[]) {
    const decoded = (rows as unknown[][]).map(([id, node, fence, deliveries, host, workflow]) => ({
      executionId: String(id) as ExecutionId,
      node: Number(node),
      fence: Number(fence),
      deliveries: Number(deliveries),
      hostNumber: Number(host),
      workflowId: String(workflow) as WorkflowId,
    }));
    if (decoded.some((lease) => !this.hosts.knows(lease.hostNumber))) await this.hosts.refresh();
    return Promise.all(
      decoded.map(async (lease) => ({
        ...lease,
        plan: await this.plans.get(lease.workflowId, partition),
        host: this.hosts.name(lease.hostNumber),
      })),
    );
  }

  /** Gives back leases of this host that it does not know: their reply was lost. */
  async resume(before: number): Promise<number> {
    let released = 0;
    const { host } = this.#options;
    await this.#eachPartition(async (partition) => {
      const { outcomes } = await this.#client.call('expired', partition, [host, '', before, 10_000]);
      const leases = await this.#decodeLeases(partition, outcomes);
      const lost = leases.filter((lease) => !this.#held.has(lease));
      for (let at = 0; at < lost.length; at += MAX_ITEMS) {
        const items = lost.slice(at, at + MAX_ITEMS).map((lease) =>
          this.#items.ofResult({
            task: {
              ...lease,
              attempt: 1,
              alone: false,
              suspect: false,
              queuedAt: 0,
              params: EMPTY,
              inputs: [],
            },
            owner: host,
            outcome: { kind: 'released' },
          }),
        );
        this.#afterCall(partition, await this.#advanceCall(partition, items));
        released += items.length;
      }
    });
    return released;
  }

  async promote(): Promise<PromoteReply> {
    const counts = { promoted: 0, completed: 0, expired: 0 };
    let now = 0;
    await Promise.all(
      this.#timers.map(async (dueAt, partition) => {
        if (dueAt === Number.POSITIVE_INFINITY) return;
        now = Math.max(now, await this.#promotePartition(partition, counts));
      }),
    );
    const nextAt = Math.min(...this.#timers);
    this.#announcedTimerAt = nextAt;
    const nextInMs = nextAt === Number.POSITIVE_INFINITY ? undefined : Math.max(0, nextAt - now);
    return { ...counts, nextInMs };
  }

  /** Answers the server's instant. */
  async #promotePartition(
    partition: number,
    counts: { promoted: number; completed: number; expired: number },
  ): Promise<number> {
    for (;;) {
      this.#timers[partition] = Number.POSITIVE_INFINITY;
      const { outcomes, now } = await this.#client.call('due', partition, [MAX_ITEMS]);
      const [due, next] = outcomes as [unknown[], Buffer];
      const nextAt = Number(String(next));
      if (nextAt >= 0) this.#timers[partition] = Math.min(this.#timers[partition] ?? nextAt, nextAt);
      if (due.length === 0) return now;
      const items: AdvanceItem[] = [];
      for (let at = 0; at < due.length; at += 3) {
        const [id, node] = String(due[at]).split(' ');
        const plan = await this.plans.get(String(due[at + 2]) as WorkflowId, partition);
        const instant = Number(String(due[at + 1]));
        items.push(
          this.#items.ofTimer({ executionId: id as ExecutionId, plan, node: Number(node), at: instant }),
        );
      }
      for (const batch of this.#cut(items, (item) => item)) {
        const reply = await this.#advanceCall(partition, batch);
        this.#afterCall(partition, reply);
        for (const [at, outcome] of reply.outcomes.entries()) {
          const kind = TIMER_OUTCOMES[Number(outcome)] ?? 'stale';
          if (kind !== 'stale') counts[kind] += 1;
          const item = batch[at];
          if (item?.isCut && kind === 'completed')
            await this.#goOnFrom(item.executionId, item.plan, item.node);
        }
      }
      if (due.length < MAX_ITEMS * 3) return now;
    }
  }

  async cancel(ids: readonly ExecutionId[]): Promise<StoreReply<CancelOutcome>> {
    const outcomes: CancelOutcome[] = [];
    const groups = [...this.#grouped(ids, (id) => partitionOf(id))];
    const batches = groups.flatMap(([partition, group]) =>
      this.#cut(group, () => ({ weight: 0, bytes: 0 })).map((items) => ({ partition, items })),
    );
    await Promise.all(
      batches.map(async ({ partition, items }) => {
        const each = items.map(({ item }) => item);
        const reply = await this.#client.call('cancel', partition, [each.length, ...each], each);
        for (const [at, { index }] of items.entries()) {
          outcomes[index] = CANCEL_OUTCOMES[Number(reply.outcomes[at])] ?? 'not_found';
        }
        this.#afterCall(partition, reply);
      }),
    );
    return { outcomes, tasks: [], durable: this.#durable() };
  }

  async redrive(commands: readonly RedriveCommand[]): Promise<StoreReply<RedriveOutcome>> {
    const outcomes: RedriveOutcome[] = [];
    for (const command of commands) outcomes.push(await this.#redrive(command));
    return { outcomes, tasks: [], durable: this.#durable() };
  }

  async #redrive(command: RedriveCommand): Promise<RedriveOutcome> {
    for (;;) {
      const [hot] = await this.#reader.read([command.executionId]);
      if (!hot) return 'not_found';
      const machine = this.#machine();
      const now = await this.#now(partitionOf(command.executionId));
      const { maxDeliveries } = this.#options;
      machine.restore({ snapshot: hot.snapshot, plan: hot.plan }, { maxDeliveries, now });
      const outcome = machine.redrive(command, now);
      const snapshot = machine.read(command.executionId);
      if (outcome !== 'redriven' || !snapshot) return outcome;
      const installed = await this.#install({
        snapshot,
        plan: hot.plan,
        kind: 'redriven',
        mode: 'exact',
        expectedRevision: hot.snapshot.revision,
        notes: true,
      });
      if (installed) return outcome;
    }
  }

  async restore(commands: readonly RestoreCommand[]): Promise<StoreReply<RestoreOutcome>> {
    const outcomes: RestoreOutcome[] = [];
    for (const command of commands) outcomes.push(await this.#restore(command));
    return { outcomes, tasks: [], durable: this.#durable() };
  }

  async #restore({ snapshot, plan }: RestoreCommand): Promise<RestoreOutcome> {
    const machine = this.#machine();
    const now = await this.#now(partitionOf(snapshot.executionId));
    machine.restore({ snapshot, plan }, { maxDeliveries: this.#options.maxDeliveries, now });
    const restored = machine.read(snapshot.executionId);
    if (!restored) return 'newer_here';
    this.plans.keep(plan);
    const installed = await this.#install({
      snapshot: restored,
      plan,
      kind: 'started',
      mode: 'restore',
      expectedRevision: snapshot.revision,
      notes: restored.revision !== snapshot.revision,
    });
    return installed ? 'restored' : 'newer_here';
  }

  #machine(): Machine {
    const { maxExecutionBytes, maxFailuresKept } = this.#options;
    return new Machine({ idempotency: NO_IDEMPOTENCY, maxExecutionBytes, maxFailuresKept });
  }

  async #install(options: {
    readonly snapshot: ExecutionSnapshot;
    readonly plan: Plan;
    readonly kind: 'started' | 'redriven';
    readonly mode: 'restore' | 'exact';
    readonly expectedRevision: number;
    readonly notes: boolean;
  }): Promise<boolean> {
    const { state } = options.snapshot;
    const { graceMs, parkAfterMs } = this.#options;
    const stays = state === 'running' || options.notes;
    const leaveMs = stays ? undefined : state === 'pending' ? parkAfterMs : graceMs;
    const reply = await this.#installer.install({ ...options, leaveMs });
    if (!reply) return false;
    const partition = partitionOf(options.snapshot.executionId);
    this.#timerSet(partition, reply.now, 0);
    this.#afterCall(partition, reply);
    if (options.notes) this.#tell([{ kind: 'outbox' }]);
    return true;
  }

  async #now(partition: number): Promise<number> {
    return (await this.#client.call('reconcile', partition, ['0', 1])).now;
  }

  async read(ids: readonly ExecutionId[]): Promise<readonly (ExecutionSnapshot | undefined)[]> {
    return (await this.#reader.read(ids)).map((hot) => hot?.snapshot);
  }

  /** As lists show them, of those that are here. */
  async summaries(ids: readonly ExecutionId[]): Promise<readonly (ExecutionSummary | undefined)[]> {
    const heads = await this.#reader.heads(ids);
    return Promise.all(
      heads.map(async (found, index) => {
        const executionId = ids[index];
        if (!found || !executionId) return undefined;
        const { head, workflowId } = found;
        const { name } = await this.plans.get(workflowId, partitionOf(executionId));
        return {
          ...{ executionId, workflowId, name, state: head.state, createdAt: head.createdAt },
          ...(head.startedAt !== undefined && { startedAt: head.startedAt }),
          ...(head.finishedAt !== undefined && { finishedAt: head.finishedAt }),
        };
      }),
    );
  }

  async listDead(query: DeadLetterQuery): Promise<readonly DeadLetter[]> {
    const [recorded, hot] = await Promise.all([
      this.#options.deadLetters.list(query),
      this.#unrecordedDead(),
    ]);
    const isHot = new Set(hot.map(({ snapshot }) => snapshot.executionId));
    const letters = hot.flatMap(lettersOf).filter((letter) => matches(letter, query));
    const kept = recorded.filter((letter) => !isHot.has(letter.executionId));
    return [...letters, ...kept]
      .sort((a, b) => Buffer.from(b.id, 'base64url').compare(Buffer.from(a.id, 'base64url')))
      .slice(0, query.limit);
  }

  /** Failed executions whose failure the record may not have yet. */
  async #unrecordedDead(): Promise<readonly HotExecution[]> {
    const ids: ExecutionId[] = [];
    await this.#eachPartition(async (partition) => {
      const members = await this.#client.command('SMEMBERS', this.#client.keysOf(partition).dead);
      for (const id of members as Buffer[]) ids.push(String(id) as ExecutionId);
    });
    return (await this.#reader.read(ids)).flatMap((hot) => (hot ? [hot] : []));
  }

  async readDead(ids: readonly string[]): Promise<readonly (DeadLetter | undefined)[]> {
    return Promise.all(
      ids.map(async (id) => {
        const key = parseDeadLetterId(id);
        if (!key || partitionOf(key.executionId) >= this.#client.partitions) return undefined;
        const [hot] = await this.#reader.read([key.executionId]);
        if (hot) return lettersOf(hot).find((letter) => letter.id === id);
        return (await this.#options.deadLetters.read([id]))[0];
      }),
    );
  }

  async deleteDead(ids: readonly string[]): Promise<StoreReply<'deleted' | 'not_found'>> {
    const outcomes: ('deleted' | 'not_found')[] = [];
    for (const id of ids) outcomes.push(await this.#deleteDead(id));
    return { outcomes, tasks: [], durable: this.#durable() };
  }

  async #deleteDead(id: string): Promise<'deleted' | 'not_found'> {
    const key = parseDeadLetterId(id);
    if (!key || partitionOf(key.executionId) >= this.#client.partitions) return 'not_found';
    const partition = partitionOf(key.executionId);
    const [hot] = await this.#reader.read([key.executionId]);
    if (!hot) return (await this.#options.deadLetters.remove([id]))[0] ?? 'not_found';
    if (!lettersOf(hot).some((letter) => letter.id === id)) return 'not_found';
    const args = [1, key.executionId, key.node];
    const { outcomes } = await this.#client.call('forget-letter', partition, args, [key.executionId]);
    this.#tell([{ kind: 'outbox' }]);
    return Number(outcomes[0]) === 1 ? 'deleted' : 'not_found';
  }

  async takeOutbox(limit: number): Promise<readonly OutboxEvent[]> {
    const events: OutboxEvent[] = [];
    const { partitions } = this.#client;
    const width = 16;
    for (let looked = 0; looked < partitions && events.length < limit; looked += width) {
      const asked = Array.from(
        { length: Math.min(width, partitions - looked) },
        (_, at) => (this.#outboxTurn + at) % partitions,
      );
      this.#outboxTurn = (this.#outboxTurn + asked.length) % partitions;
      const most = limit - events.length;
      const found = await Promise.all(asked.map((partition) => this.#takeOutboxOf(partition, most)));
      events.push(...found.flat());
    }
    return events;
  }

  async #takeOutboxOf(partition: number, most: number): Promise<readonly OutboxEvent[]> {
    const args = [this.#options.host, ARCHIVER_LOCK_MS, most];
    const { outcomes } = await this.#client.call('outbox-take', partition, args);
    const ids = outcomes.map((id) => String(id) as ExecutionId);
    const executions = await this.#reader.read(ids);
    return executions.flatMap((hot) => (hot ? [eventOf(hot)] : []));
  }

  async acknowledgeOutbox(events: readonly OutboxEvent[]): Promise<void> {
    const { graceMs, parkAfterMs } = this.#options;
    const groups = this.#grouped(events, (event) => partitionOf(event.snapshot.executionId));
    await Promise.all(
      [...groups].map(async ([partition, group]) => {
        for (const items of this.#cut(group, () => ({ weight: 0, bytes: 0 }))) {
          const args: ScriptArgument[] = [graceMs, parkAfterMs, items.length];
          for (const { item } of items) args.push(item.snapshot.executionId, item.snapshot.revision);
          const ids = items.map(({ item }) => item.snapshot.executionId);
          await this.#client.call('outbox-acknowledge', partition, args, ids);
        }
      }),
    );
  }

  async reconcile(): Promise<number> {
    let repaired = 0;
    await this.#eachPartition(async (partition) => {
      let pages = 0;
      do {
        const cursor = this.#reconcileCursors[partition] ?? '0';
        const { outcomes } = await this.#client.call('reconcile', partition, [cursor, 100]);
        const [next, idle] = outcomes as [Buffer, Buffer[]];
        this.#reconcileCursors[partition] = String(next);
        for (const id of idle) if (await this.#repair(String(id) as ExecutionId)) repaired += 1;
        pages += 1;
      } while (this.#reconcileCursors[partition] !== '0' && pages < 20);
    });
    return repaired;
  }

  async #repair(id: ExecutionId): Promise<boolean> {
    const [hot] = await this.#reader.read([id]);
    if (hot?.snapshot.state !== 'running') return false;
    const machine = this.#machine();
    const now = await this.#now(partitionOf(id));
    machine.restore(
      { snapshot: hot.snapshot, plan: hot.plan },
      { maxDeliveries: Number.MAX_SAFE_INTEGER, now },
    );
    const snapshot = machine.read(id);
    if (!snapshot) return false;
    const expectedRevision = hot.snapshot.revision;
    const notes = snapshot.revision !== expectedRevision;
    const common = { snapshot, plan: hot.plan, kind: 'started', mode: 'exact' } as const;
    return this.#install({ ...common, expectedRevision, notes: notes || hot.head.kind !== 'started' });
  }

  /** Covers what messages may have missed: lanes with tasks, timers, fan-outs that stand still; lets go of what may leave. */
  async sweep(): Promise<void> {
    let outbox = 0;
    await this.#eachPartition(async (partition) => {
      const args = [LEAVING_PER_SWEEP, STALLED_FAN_OUT_MS];
      const reply = await this.#client.call('sweep', partition, args);
      const [lanes, timer, pending, running, waiting, bytes, stalled] = reply.outcomes as [
        Buffer[],
        Buffer,
        ...unknown[],
      ];
      this.#depths[partition] = { unfinished: Number(pending) + Number(running), bytes: Number(bytes) };
      outbox += Number(waiting);
      for (let at = 0; at < lanes.length; at += 2)
        this.laneSeen(partition, String(lanes[at]), Number(String(lanes[at + 1])));
      const timerAt = Number(String(timer));
      if (timerAt >= 0 && timerAt < (this.#timers[partition] ?? 0))
        this.#timerSet(partition, timerAt, timerAt - reply.now);
      for (const member of stalled as Buffer[]) await this.#goOnWithStalled(partition, String(member));
    });
    const signals: StoreSignal[] = [];
    if (this.#hot.size > 0) signals.push({ kind: 'ready' });
    if (outbox > 0) signals.push({ kind: 'outbox' });
    this.#tell(signals);
  }

  /** Lanes that are not this host's, with what waits there. */
  onForeignLane: (lane: string) => void = () => undefined;

  /** A lane has unread entries: it is leased from if it is this host's. */
  laneSeen(partition: number, lane: string, waiting: number): void {
    if (waiting <= 0) return;
    const [, queue = '', handler = ''] = lane.split(':');
    const { queues } = this.#options;
    if (queues && !queues.includes(decodeURIComponent(queue))) return;
    if (handler === '' || this.#options.handlers().includes(decodeURIComponent(handler)))
      this.#warm(partition);
    else this.onForeignLane(lane);
  }

  async #goOnWithStalled(partition: number, member: string): Promise<void> {
    const [id, source] = member.split(' ');
    const executionId = id as ExecutionId;
    const [head] = await this.#reader.heads([executionId]);
    const probe = await this.#client.call(
      'expand',
      partition,
      [executionId, Number(source), 0, ''],
      [executionId],
    );
    let cursor = Number(probe.outcomes[0]);
    if (!head) return;
    const plan = await this.plans.get(head.workflowId, partition);
    while (cursor >= 0) {
      const chunk = this.#wires.of(plan).chunk(Number(source), cursor);
      const reply = await this.#client.call(
        'expand',
        partition,
        [executionId, Number(source), cursor, chunk],
        [executionId],
      );
      this.#afterCall(partition, reply);
      cursor = Number(reply.outcomes[0]);
    }
  }

  async stats(): Promise<StoreStats> {
    const sums = [0, 0, 0, 0, 0, 0];
    let oldestReadyMs = 0;
    await this.#eachPartition(async (partition) => {
      const { outcomes, now } = await this.#client.call('stats', partition, []);
      for (let at = 0; at < sums.length; at++) sums[at] = (sums[at] ?? 0) + Number(outcomes[at]);
      const oldest = Number(outcomes[6]);
      if (oldest > 0) oldestReadyMs = Math.max(oldestReadyMs, now - oldest);
    });
    const [pending = 0, running = 0, readyTasks = 0, leasedTasks = 0, delayedTasks = 0, outbox = 0] = sums;
    return { pending, running, readyTasks, leasedTasks, delayedTasks, outbox, oldestReadyMs };
  }

  onSignals(listener: (signals: readonly StoreSignal[]) => void): void {
    this.#listener = listener;
    for (let partition = 0; partition < this.#client.partitions; partition++) this.#warm(partition);
    this.#tell([{ kind: 'ready' }, { kind: 'outbox' }]);
  }

  async close(): Promise<void> {
    this.#listener = () => undefined;
  }

  /** What another host's call did, as its message told. */
  onMessage(partition: number, lanes: readonly string[], ended: readonly unknown[]): void {
    for (const lane of lanes) this.laneSeen(partition, lane, 1);
    const signals = this.#endSignals(ended, true);
    if (this.#hot.size > 0 && lanes.length > 0) signals.push({ kind: 'ready' });
    this.#tell(signals);
  }

  /** The store was away until now: leases of other hosts that ran out meanwhile are given time. */
  onReturn(): void {
    this.#reclaimNotBefore = this.#options.clock.monotonic() + this.#options.leaseMs;
    for (let partition = 0; partition < this.#client.partitions; partition++) {
      this.#warm(partition);
      this.#timers[partition] = 0;
    }
    this.#tell([{ kind: 'ready' }, { kind: 'timer', inMs: 0 }, { kind: 'outbox' }]);
  }

  /** The store behind the address was emptied: nothing that this host holds counts any more. */
  onLost(): void {
    this.#definitionsSent.clear();
    this.hosts.forget();
    this.#tell([{ kind: 'abort', leases: this.#held.takeAll() }]);
  }

  #durable(): Promise<void> {
    const durable = this.#options.replicated?.() ?? Promise.resolve();
    durable.catch(() => undefined);
    return durable;
  }

  #refuseWhenFull(): void {
    let bytes = 0;
    for (const depth of this.#depths) bytes += depth.bytes;
    if (bytes < this.#options.maxBytes && !this.#options.isShortOfMemory()) return;
    const message =
      bytes >= this.#options.maxBytes
        ? `The hot store holds ${bytes} bytes that have not left it (OUTBOX_MAX_BYTES). Try again once the record has taken some.`
        : 'Redis is short of memory. Try again later, or raise its maxmemory.';
    throw new MillraceError('OVERLOADED', message, { retryAfterSeconds: 5 });
  }

  #count(partition: number, accepted: number): void {
    const depth = this.#depths[partition];
    if (depth) this.#depths[partition] = { ...depth, unfinished: depth.unfinished + accepted };
  }

  #warm(partition: number): void {
    this.#hot.set(partition, ++this.#calls);
  }

  #timerSet(partition: number, at: number, inMs: number): void {
    this.#timers[partition] = Math.min(this.#timers[partition] ?? at, at);
    if (at >= this.#announcedTimerAt) return;
    this.#announcedTimerAt = at;
    this.#tell([{ kind: 'timer', inMs: Math.max(0, inMs) }]);
  }

  #armed(partition: number, reply: ScriptReply, plan: Plan): void {
    if (plan.timeoutMs !== undefined) this.#timerSet(partition, reply.now + plan.timeoutMs, plan.timeoutMs);
  }

  #tell(signals: readonly StoreSignal[]): void {
    if (signals.length > 0) this.#listener(signals);
  }

  /** After a call that leased nothing along. */
  #afterCall(partition: number, reply: ScriptReply): void {
    const signals = this.#endSignals(reply.ended, false);
    if (reply.fresh) {
      this.#warm(partition);
      signals.push({ kind: 'ready' });
    }
    this.#tell(signals);
  }

  #endSignals(ended: readonly unknown[], elsewhere: boolean): StoreSignal[] {
    const signals: StoreSignal[] = [];
    const leases: LeaseRef[] = [];
    for (let at = 0; at + ENDED_FIELDS <= ended.length; at += ENDED_FIELDS) {
      const executionId = String(ended[at]) as ExecutionId;
      const state = EXECUTION_STATES[Number(ended[at + 1])];
      if (state !== 'completed' && state !== 'failed' && state !== 'cancelled') continue;
      leases.push(...this.#held.takeExecution(executionId));
      const startedAt = Number(ended[at + 2]) || undefined;
      const end = { state, startedAt, finishedAt: Number(ended[at + 3]) };
      signals.push({ kind: 'ended', executionId, end, ...(elsewhere && { elsewhere: true }) });
    }
    if (signals.length > 0 && !elsewhere) signals.push({ kind: 'outbox' });
    return leases.length > 0 ? [{ kind: 'abort', leases }, ...signals] : signals;
  }

  /** Makes the calls of a batch together; the room of the request is shared out among them, and what no call took is asked of
   * other partitions by the `ready` signal. */
  async #withLease<B extends { readonly partition: number }>(
    batches: readonly B[],
    request: LeaseRequest | undefined,
    call: (batch: B, leasing: readonly ScriptArgument[]) => Promise<ScriptReply>,
  ): Promise<readonly LeasedTask[]> {
    const shares = request && shareOut(request, batches.length, this.#turn);
    if (request) await this.hosts.learn([request.owner]);
    const tasks = await Promise.all(
      batches.map((batch, index) =>
        this.#takeReply(batch.partition, (leasing) => call(batch, leasing), shares?.[index]),
      ),
    );
    const all = tasks.flat();
    if (request && all.length < request.total && this.#hot.size > 0) this.#tell([{ kind: 'ready' }]);
    return all;
  }

  /** Makes one call that may lease, and turns its tasks into what the engine runs. */
  async #takeReply(
    partition: number,
    call: (leasing: readonly ScriptArgument[]) => Promise<ScriptReply>,
    request: LeaseRequest | undefined,
  ): Promise<readonly LeasedTask[]> {
    const asked =
      request && request.total > 0 ? { ...request, total: Math.min(request.total, MAX_TASKS) } : undefined;
    const calledAt = ++this.#calls;
    const reply = await call(asked ? this.#leaseArguments(asked) : NO_LEASE);
    if (!asked) {
      this.#afterCall(partition, reply);
      return [];
    }
    const wokenAt = this.#hot.get(partition);
    if (reply.more) this.#warm(partition);
    else if (wokenAt !== undefined && wokenAt < calledAt) this.#hot.delete(partition);
    const tasks = await Promise.all(reply.tasks.map((row) => this.#toTask(partition, row)));
    for (const task of tasks) this.#held.add(task);
    this.#tell(this.#endSignals(reply.ended, false));
    return tasks;
  }

  #leaseArguments(request: LeaseRequest): readonly ScriptArgument[] {
    this.#turn = (this.#turn + 1) % 1_000_000;
    return leaseArguments({
      request,
      hostNumber: this.hosts.known(request.owner),
      serves: this.#options.queues,
      handlers: this.#options.handlers(),
      turn: this.#turn,
      pageBytes: PAGE_BYTES,
      maxBytes: MAX_CALL_BYTES,
    });
  }

  async #toTask(partition: number, row: readonly unknown[]): Promise<LeasedTask> {
    const leased = decodeLeased(row);
    const plan = await this.plans.get(leased.workflowId, partition);
    const inputs = leased.isPaged
      ? await this.#reader.outputs(leased.executionId, plan.nodes[leased.node]?.inputs ?? [])
      : undefined;
    return leased.toTask(plan, inputs);
  }

  #grouped<T>(items: readonly T[], partition: (item: T) => number): Map<number, Placed<T>[]> {
    const groups = new Map<number, Placed<T>[]>();
    for (const [index, item] of items.entries()) {
      // An id of another store may carry a partition that there is not: any answers not_found.
      const place = partition(item) % this.#client.partitions;
      const group = groups.get(place);
      if (group) group.push({ item, index });
      else groups.set(place, [{ item, index }]);
    }
    return groups;
  }

  /** Cuts items into calls that are bounded by count, successors and bytes. */
  #cut<T>(
    items: readonly T[],
    sizeOf: (item: T) => { readonly weight: number; readonly bytes: number },
  ): T[][] {
    const cuts: T[][] = [];
    let current: T[] = [];
    let weight = 0;
    let bytes = 0;
    for (const item of items) {
      const size = sizeOf(item);
      const isFull = weight + size.weight > MAX_WEIGHT || bytes + size.bytes > MAX_CALL_BYTES;
      if (current.length > 0 && (current.length >= MAX_ITEMS || isFull)) {
        cuts.push(current);
        current = [];
        weight = 0;
        bytes = 0;
      }
      current.push(item);
      weight += size.weight;
      bytes += size.bytes;
    }
    if (current.length > 0) cuts.push(current);
    return cuts;
  }

  async #eachPartition(run: (partition: number) => Promise<void>): Promise<void> {
    await Promise.all(Array.from({ length: this.#client.partitions }, (_, partition) => run(partition)));
  }
}

interface Placed<T> {
  readonly item: T;
  readonly index: number;
}

const EMPTY = Buffer.alloc(0);

function hashOf(key: string): string {
  return createHash('sha256').update(key).digest('base64url');
}

function submitOutcome(row: readonly unknown[]): SubmitOutcome {
  const kind = SUBMIT_OUTCOMES[Number(row[0])];
  if (kind !== 'duplicate') return { kind: kind ?? 'accepted' };
  return { kind, executionId: String(row[1]) as ExecutionId, workflowId: String(row[2]) as WorkflowId };
}

function lettersOf({ snapshot, plan, deletedLetters }: HotExecution): DeadLetter[] {
  return deadLettersOf(snapshot, plan).filter((letter) => !deletedLetters.has(letter.node));
}

function matches(letter: DeadLetter, query: DeadLetterQuery): boolean {
  const { before, handler, workflowId, errorCode, failedAfter } = query;
  if (
    before !== undefined &&
    Buffer.from(letter.id, 'base64url').compare(Buffer.from(before, 'base64url')) >= 0
  )
    return false;
  if (handler !== undefined && letter.handler !== handler) return false;
  if (workflowId !== undefined && letter.workflowId !== workflowId) return false;
  if (errorCode !== undefined && letter.error.code !== errorCode) return false;
  return failedAfter === undefined || letter.failedAt > failedAfter;
}

function eventOf(hot: HotExecution): OutboxEvent {
  const { snapshot, plan, head } = hot;
  if (hasEnded(snapshot.state)) return { kind: 'ended', snapshot, plan, deadLetters: lettersOf(hot) };
  return { kind: head.kind, snapshot, plan };
}

/** The room of a request, shared out among `count` calls; what cannot be shared evenly begins at `turn`. */
function shareOut(request: LeaseRequest, count: number, turn: number): LeaseRequest[] {
  const share = (whole: number, index: number): number =>
    Math.floor(whole / count) + ((index + turn) % count < whole % count ? 1 : 0);
  return Array.from({ length: count }, (_, index) => ({
    ...request,
    total: share(request.total, index),
    quarantined: share(request.quarantined, index),
    lanes: request.lanes?.map(({ queue, room }) => ({ queue, room: share(room, index) })),
  }));
}

function without(request: LeaseRequest, tasks: readonly LeasedTask[]): LeaseRequest {
  const queueOf = (task: LeasedTask) => task.plan.nodes[task.node]?.queue;
  return {
    ...request,
    total: request.total - tasks.length,
    quarantined: Math.max(0, request.quarantined - tasks.filter((task) => task.deliveries >= 2).length),
    lanes: request.lanes?.map(({ queue, room }) => ({
      queue,
      room: room - tasks.filter((task) => queueOf(task) === queue).length,
    })),
  };
}
