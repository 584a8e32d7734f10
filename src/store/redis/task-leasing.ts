import type { LeasedTask, LeaseRequest } from '../../model/commands.js';
import { decodeLeased, type LeasedRow, leaseArguments, leasedTask, NO_LEASE } from './lease-wire.js';
import { MAX_CALL_BYTES } from './partition-batches.js';
import type { ScriptReply } from './partition-client.js';
import type { ScriptArgument } from './script-registry.js';
import type { StoreContext } from './store-context.js';

const MAX_TASKS = 64;
/** Inputs of executions with more bytes of outputs are read apart from the lease. */
const PAGE_BYTES = 256 << 10;

/** Hands tasks to this host, in a call of their own or along with another verb. */
export class TaskLeasing {
  readonly #context: StoreContext;
  #turn = 0;
  /** Calls that may lease, until this host holds their tasks. */
  readonly #underWay = new Set<Promise<unknown>>();
  /** Whether a call failed that may have leased all the same. */
  hasLost = false;

  constructor(context: StoreContext) {
    this.#context = context;
  }

  async lease(request: LeaseRequest): Promise<readonly LeasedTask[]> {
    const { hosts, wakeUps } = this.#context;
    const { turns } = wakeUps;
    const tasks: LeasedTask[] = [];
    await hosts.learn([request.owner]);
    let left = request;
    // As long as something is found, and then until each partition has had its turn.
    let rounds = turns.size;
    while (left.total > 0 && turns.size > 0 && rounds > 0) {
      const partitions = turns.current(left.total, MAX_TASKS).slice(0, left.total);
      const shares = shareOut(left, partitions.length, rounds);
      const replies = await this.#allOrNone(
        partitions.map((partition, index) => this.#leaseFrom(partition, shares[index] as LeaseRequest)),
        tasks,
      );
      const taken = replies.flat();
      for (const [at, partition] of partitions.entries()) if (!replies[at]?.length) turns.pass(partition);
      tasks.push(...taken);
      left = without(left, taken);
      rounds = taken.length > 0 ? turns.size : rounds - 1;
    }
    if (left.total <= 0 && wakeUps.hotPartitions > 0) wakeUps.tell([{ kind: 'ready' }]);
    return tasks;
  }

  async #leaseFrom(partition: number, request: LeaseRequest): Promise<readonly LeasedTask[]> {
    if (request.total <= 0) return [];
    const { client } = this.#context;
    return this.#takeReply(partition, (leasing) => client.call('lease', partition, leasing), request);
  }

  /**
   * Makes the calls of a batch together. The room of the request is shared out among them and the partitions that have their turn,
   * which are asked beside the batch where it does not call them; while others wait for a turn, among those that have it only. What no
   * call took is asked for by the `ready` signal.
   */
  async along<B extends { readonly partition: number }>(
    batches: readonly B[],
    request: LeaseRequest | undefined,
    call: (batch: B, leasing: readonly ScriptArgument[]) => Promise<ScriptReply>,
  ): Promise<readonly LeasedTask[]> {
    const { hosts, wakeUps } = this.#context;
    if (request) await hosts.learn([request.owner]);
    const { leasing, beside } = this.#places(batches, request);
    const shares = request && shareOut(request, leasing.size + beside.length, this.#turn);
    let next = 0;
    const calls = batches.map((batch) => {
      const share = leasing.has(batch) ? shares?.[next++] : undefined;
      return this.#takeReply(batch.partition, (terms) => call(batch, terms), share);
    });
    const others = beside.map((partition) =>
      // What cannot be leased now is leased later; what the batch did stands.
      this.#leaseFrom(partition, shares?.[next++] as LeaseRequest).catch(() => []),
    );
    const all = (await this.#allOrNone([...calls, ...others])).flat();
    if (request && all.length < request.total && wakeUps.hotPartitions > 0) wakeUps.tell([{ kind: 'ready' }]);
    return all;
  }

  /** Which calls of a batch lease along, and which partitions are asked beside them. */
  #places<B extends { readonly partition: number }>(
    batches: readonly B[],
    request: LeaseRequest | undefined,
  ): { readonly leasing: ReadonlySet<B>; readonly beside: readonly number[] } {
    const { turns } = this.#context.wakeUps;
    if (!request || request.total <= 0) return { leasing: new Set(), beside: [] };
    const current = turns.current(request.total, MAX_TASKS);
    if (!turns.isContended) {
      const called = new Set(batches.map((batch) => batch.partition));
      return { leasing: new Set(batches), beside: current.filter((partition) => !called.has(partition)) };
    }
    const leasing = new Map<number, B>();
    for (const batch of batches) if (turns.has(batch.partition)) leasing.set(batch.partition, batch);
    const beside = current.filter((partition) => !leasing.has(partition));
    return { leasing: new Set(leasing.values()), beside };
  }

  /** The tasks of several calls. Where one fails, so does the verb, and nobody hears of the tasks of the others (`before`: of
   * earlier calls of the verb): this host does not hold them, so that they are handed back. */
  async #allOrNone(
    calls: readonly Promise<readonly LeasedTask[]>[],
    before: readonly LeasedTask[] = [],
  ): Promise<readonly (readonly LeasedTask[])[]> {
    try {
      return await Promise.all(calls);
    } catch (error) {
      const settled = await Promise.allSettled(calls);
      const taken = settled.flatMap((each) => (each.status === 'fulfilled' ? each.value : []));
      for (const task of [...before, ...taken]) this.#context.held.remove(task);
      this.hasLost = true;
      throw error;
    }
  }

  /** Resolves once this host holds, or has been told that it does not get, what the calls under way lease. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#underWay);
  }

  /** Makes one call that may lease, and turns its tasks into what the engine runs. */
  async #takeReply(
    partition: number,
    call: (leasing: readonly ScriptArgument[]) => Promise<ScriptReply>,
    request: LeaseRequest | undefined,
  ): Promise<readonly LeasedTask[]> {
    const asked =
      request && request.total > 0 ? { ...request, total: Math.min(request.total, MAX_TASKS) } : undefined;
    const taking = this.#take(partition, call, asked);
    this.#underWay.add(taking);
    try {
      return await taking;
    } catch (error) {
      if (asked) this.hasLost = true;
      throw error;
    } finally {
      this.#underWay.delete(taking);
    }
  }

  async #take(
    partition: number,
    call: (leasing: readonly ScriptArgument[]) => Promise<ScriptReply>,
    asked: LeaseRequest | undefined,
  ): Promise<readonly LeasedTask[]> {
    const { held, wakeUps } = this.#context;
    const calledAt = wakeUps.beginLease();
    const reply = await call(asked ? this.#leaseArguments(asked) : NO_LEASE);
    if (!asked) {
      wakeUps.afterCall(partition, reply);
      return [];
    }
    wakeUps.leasedFrom(partition, calledAt, reply.more);
    const tasks = await this.#tasksOf(partition, decodeLeased(reply.leased));
    for (const task of tasks) held.add(task);
    wakeUps.endedHere(partition, reply);
    return tasks;
  }

  #leaseArguments(request: LeaseRequest): readonly ScriptArgument[] {
    const { hosts, options } = this.#context;
    this.#turn = (this.#turn + 1) % 1_000_000;
    return leaseArguments({
      request,
      hostNumber: hosts.known(request.owner),
      serves: options.queues,
      handlers: options.handlers(),
      turn: this.#turn,
      pageBytes: PAGE_BYTES,
      maxBytes: MAX_CALL_BYTES,
    });
  }

  /** Nearly all plans are known, and those tasks are made without a promise each. */
  async #tasksOf(partition: number, rows: readonly LeasedRow[]): Promise<LeasedTask[]> {
    const { plans } = this.#context;
    const tasks: LeasedTask[] = [];
    const others: Promise<LeasedTask | undefined>[] = [];
    for (const row of rows) {
      const [, , , , , , , workflowId, , , isPaged] = row.task;
      const plan = isPaged === 1 ? undefined : plans.peek(workflowId);
      if (plan) tasks.push(leasedTask(row, plan));
      else others.push(this.#toTask(partition, row));
    }
    if (others.length === 0) return tasks;
    return [...tasks, ...(await Promise.all(others)).filter((task) => task !== undefined)];
  }

  /** undefined: the plan cannot be read; the lease runs out, and is held up for as long as that is so. */
  async #toTask(partition: number, leased: LeasedRow): Promise<LeasedTask | undefined> {
    const { planOf, plans, reader } = this.#context;
    const [executionId, node, , , , , , workflowId, , , isPaged] = leased.task;
    const plan = plans.peek(workflowId) ?? (await planOf(executionId, workflowId, partition));
    if (!plan) return undefined;
    const inputs =
      isPaged === 1 ? await reader.outputs(executionId, plan.nodes[node]?.inputs ?? []) : undefined;
    return leasedTask(leased, plan, inputs);
  }
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
