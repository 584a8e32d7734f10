import assert from 'node:assert/strict';
import type {
  AdvanceOutcome,
  CancelOutcome,
  HeartbeatOutcome,
  LeasedTask,
  LeaseRef,
  LeaseRequest,
  RedriveCommand,
  RedriveOutcome,
  StartOutcome,
  SubmitCommand,
  SubmitOutcome,
  TaskOutcome,
  TaskResult,
} from '../model/commands.js';
import type { ExecutionId, HostId } from '../model/ids.js';
import type { Plan } from '../model/plan.js';
import type { ExecutionState, NodeState } from '../model/states.js';
import { triggeredParams } from '../model/trace-context.js';

export interface NaiveNode {
  state: NodeState;
  fence: number;
  attempt: number;
  deliveries: number;
  sleeping: boolean;
  alone: boolean;
  /** An owner may have run it whose lease nobody is sure of. */
  doubtful: boolean;
  dueAt: number | undefined;
  output: Uint8Array | undefined;
  errorCode: string | undefined;
  config: Uint8Array | undefined;
  /** `place`: its place among all leases, oldest first. */
  lease: { readonly owner: HostId; readonly place: number; until: number } | undefined;
}

export interface NaiveExecution {
  readonly plan: Plan;
  state: ExecutionState;
  params: Uint8Array;
  startedAt: number | undefined;
  finishedAt: number | undefined;
  deadlineAt: number | undefined;
  nodes: NaiveNode[];
}

/**
 * The rules of DESIGN 4 a second time, in the plainest words that there are: no counters, no lists of what is ready, no
 * timers; after each step every node is looked at again. It is slow, and right on inspection, and so it is what
 * faster machines and stores are compared with. Which ready tasks a lease picks is theirs to choose; `accept` checks
 * that the choice was allowed.
 */
export class NaiveMachine {
  readonly executions = new Map<ExecutionId, NaiveExecution>();
  #leases = 0;
  readonly #keys = new Map<string, { id: ExecutionId; bodyHash: string; expiresAt: number }>();

  submit(command: SubmitCommand, now: number): SubmitOutcome['kind'] {
    const { executionId, plan, params, idempotency } = command;
    const first = idempotency && this.#keys.get(idempotency.key);
    if (idempotency && first && first.expiresAt > now) {
      return first.bodyHash === idempotency.bodyHash ? 'duplicate' : 'key_reused';
    }
    if (idempotency) {
      const { key, bodyHash, ttlMs } = idempotency;
      this.#keys.set(key, { id: executionId, bodyHash, expiresAt: now + ttlMs });
    }
    const execution: NaiveExecution = {
      plan,
      params,
      state: 'pending',
      startedAt: undefined,
      finishedAt: undefined,
      deadlineAt: undefined,
      nodes: [],
    };
    this.executions.set(executionId, execution);
    if (command.trigger) this.#begin(execution, now);
    return 'accepted';
  }

  start(id: ExecutionId, params: Uint8Array | undefined, now: number): StartOutcome {
    const execution = this.executions.get(id);
    if (!execution) return 'not_found';
    if (execution.state === 'cancelled' && execution.startedAt === undefined) return 'cancelled';
    if (execution.state !== 'pending') return 'already_started';
    if (params) execution.params = triggeredParams(execution.params, params);
    this.#begin(execution, now);
    return 'started';
  }

  #begin(execution: NaiveExecution, now: number): void {
    execution.state = 'running';
    execution.startedAt = now;
    this.#arm(execution, now);
    execution.nodes = execution.plan.nodes.map(() => freshNode());
    settle(execution, now);
  }

  #arm(execution: NaiveExecution, now: number): void {
    const { timeoutMs } = execution.plan;
    execution.deadlineAt = timeoutMs === undefined ? undefined : now + timeoutMs;
  }

  /** Checks that each of these tasks could be leased, and takes them as leased. */
  accept(tasks: readonly LeasedTask[], request: LeaseRequest, now: number): void {
    assert.ok(tasks.length <= request.total, 'no more tasks than were asked for');
    const quarantined = tasks.filter((task) => task.deliveries >= 2).length;
    assert.ok(quarantined <= request.quarantined, 'no more quarantined tasks than were asked for');
    for (const lane of request.lanes ?? []) {
      const taken = tasks.filter((task) => task.plan.nodes[task.node]?.queue === lane.queue);
      assert.ok(taken.length <= lane.room, `no more of queue ${lane.queue} than there is room for`);
    }
    const queues = request.lanes?.map((lane) => lane.queue);
    for (const task of tasks) {
      const execution = this.#existing(task.executionId);
      const node = nodeOf(execution, task.node);
      const where = `${task.executionId} node ${task.node}`;
      assert.equal(execution.state, 'running', `${where}: leased of an execution that is ${execution.state}`);
      assert.equal(node.state, 'ready', `${where}: leased while ${node.state}`);
      const vertex = execution.plan.nodes[task.node];
      assert.ok(!queues || queues.includes(vertex?.queue ?? ''), `${where}: of a queue that was not named`);
      for (const parent of vertex?.dependencies ?? []) {
        assert.ok(satisfied(nodeOf(execution, parent)), `${where}: leased before its parent ${parent}`);
      }
      node.fence += 1;
      node.state = 'running';
      this.#leases += 1;
      node.lease = { owner: request.owner, place: this.#leases, until: now + request.leaseMs };
      assert.equal(task.fence, node.fence, `${where}: the fence grows by one with each lease`);
      assert.equal(task.attempt, node.attempt, `${where}: attempt`);
      assert.equal(task.deliveries, node.deliveries, `${where}: deliveries`);
      assert.equal(task.alone, node.alone, `${where}: alone`);
      if (node.doubtful) assert.ok(task.suspect, `${where}: an earlier owner may have run it`);
      assert.deepEqual(task.params, execution.params, `${where}: params`);
      assert.deepEqual(task.configOverride, node.config, `${where}: config`);
      const inputs = (vertex?.inputs ?? []).flatMap((input) => {
        const { output } = nodeOf(execution, input);
        return output ? [{ node: input, output }] : [];
      });
      assert.deepEqual(task.inputs, inputs, `${where}: inputs`);
    }
  }

  /** Ready tasks that a lease of all queues could take, quarantined ones apart. */
  readyCount(): { readonly free: number; readonly quarantined: number } {
    let free = 0;
    let quarantined = 0;
    for (const { nodes, state } of this.executions.values()) {
      if (state !== 'running') continue;
      for (const node of nodes) {
        if (node.state !== 'ready') continue;
        if (node.deliveries >= 2) quarantined += 1;
        else free += 1;
      }
    }
    return { free, quarantined };
  }

  advance({ task, outcome }: TaskResult, now: number): AdvanceOutcome {
    const execution = this.executions.get(task.executionId);
    if (execution?.state !== 'running') return 'execution_ended';
    const node = nodeOf(execution, task.node);
    if (node.fence !== task.fence) return 'stale_lease';
    if (!node.lease) return 'duplicate';
    node.lease = undefined;
    node.doubtful = false;
    this.#apply(execution, node, outcome, now);
    settle(execution, now);
    return 'applied';
  }

  #apply(execution: NaiveExecution, node: NaiveNode, outcome: TaskOutcome, now: number): void {
    switch (outcome.kind) {
      case 'completed':
        node.output = outcome.output ?? node.output;
        node.state = 'completed';
        return;
      case 'skipped':
        node.state = 'skipped';
        return;
      case 'failed':
        kill(execution, node, outcome.error.code, now);
        return;
      case 'retry':
        node.attempt += outcome.countsAttempt ? 1 : 0;
        node.state = 'delayed';
        node.dueAt = now + outcome.delayMs;
        return;
      case 'sleep':
        node.output = outcome.output ?? node.output;
        node.state = 'delayed';
        node.sleeping = true;
        node.dueAt = now + outcome.delayMs;
        return;
      case 'lost':
        node.alone = true;
        loseOwner(execution, node, outcome.maxDeliveries, now);
        return;
      case 'released':
        node.state = 'ready';
        return;
    }
  }

  heartbeat(owner: HostId, ref: LeaseRef, leaseMs: number, now: number): HeartbeatOutcome {
    const execution = this.executions.get(ref.executionId);
    if (execution?.state !== 'running') return 'ended';
    const node = nodeOf(execution, ref.node);
    if (!node.lease || node.lease.owner !== owner || node.fence !== ref.fence) return 'lost';
    node.lease.until = now + leaseMs;
    return 'kept';
  }

  /** `order`: the leases as they were looked at, since a node that is dead ends what else runs; by default the oldest first.
   * Answers how many leases were ended. */
  reclaim(
    maxDeliveries: number,
    now: number,
    order?: readonly { readonly executionId: ExecutionId; readonly node: number }[],
  ): number {
    const placeOf = (id: ExecutionId, index: number, { lease }: NaiveNode): number =>
      order?.findIndex(({ executionId, node }) => executionId === id && node === index) ?? lease?.place ?? 0;
    const expired = [...this.executions]
      .flatMap(([id, execution]) =>
        execution.nodes.map((node, index) => ({ execution, node, place: placeOf(id, index, node) })),
      )
      .filter(({ node }) => node.lease && node.lease.until <= now)
      .sort((one, other) => one.place - other.place);
    if (order) assert.equal(order.length, expired.length, 'each lease that is over is looked at once');
    let reclaimed = 0;
    for (const { execution, node } of expired) {
      if (!node.lease) continue;
      node.lease = undefined;
      loseOwner(execution, node, maxDeliveries, now);
      settle(execution, now);
      reclaimed += 1;
    }
    return reclaimed;
  }

  /** Nodes of an execution whose leases are over. */
  expiredNodes(id: ExecutionId, now: number): { readonly node: number; readonly deliveries: number }[] {
    const nodes = this.executions.get(id)?.nodes ?? [];
    return nodes.flatMap(({ lease, deliveries }, node) =>
      lease && lease.until <= now ? [{ node, deliveries }] : [],
    );
  }

  promote(now: number): { promoted: number; completed: number; expired: number } {
    const counts = { promoted: 0, completed: 0, expired: 0 };
    for (const execution of this.executions.values()) {
      if (execution.state !== 'running') continue;
      const beforeDeadline = (node: NaiveNode): boolean =>
        node.state === 'delayed' &&
        (node.dueAt ?? 0) <= now &&
        (execution.deadlineAt === undefined || (node.dueAt ?? 0) < execution.deadlineAt);
      for (const node of execution.nodes.filter(beforeDeadline)) {
        node.dueAt = undefined;
        if (node.sleeping) {
          node.state = 'completed';
          node.sleeping = false;
          counts.completed += 1;
        } else {
          node.state = 'ready';
          counts.promoted += 1;
        }
      }
      settle(execution, now);
      if (execution.state !== 'running' || (execution.deadlineAt ?? Number.POSITIVE_INFINITY) > now) continue;
      for (const node of execution.nodes) {
        if (node.state === 'ready' || node.state === 'running' || node.state === 'delayed') {
          dead(node, 'WORKFLOW_TIMEOUT');
        }
      }
      end(execution, 'failed', now);
      counts.expired += 1;
    }
    return counts;
  }

  cancel(id: ExecutionId, now: number): CancelOutcome {
    const execution = this.executions.get(id);
    if (!execution) return 'not_found';
    if (execution.state === 'cancelled') return 'already_cancelled';
    if (execution.state !== 'pending' && execution.state !== 'running') return 'ended';
    end(execution, 'cancelled', now);
    return 'cancelled';
  }

  redrive({ executionId, node: index, failedAt, config }: RedriveCommand, now: number): RedriveOutcome {
    const execution = this.executions.get(executionId);
    if (!execution) return 'not_found';
    if (execution.state === 'completed' || execution.state === 'cancelled') return 'ended';
    const named = execution.nodes[index];
    if (execution.state !== 'failed' || named?.state !== 'failed') return 'not_dead';
    if (failedAt !== undefined && failedAt !== execution.finishedAt) return 'not_dead';
    named.config = config ?? named.config;
    execution.state = 'running';
    execution.finishedAt = undefined;
    this.#arm(execution, now);
    for (const node of execution.nodes) {
      if (satisfied(node)) continue;
      const { fence, config: kept } = node;
      Object.assign(node, freshNode(), { fence, config: kept });
    }
    settle(execution, now);
    return 'redriven';
  }

  /** The machine's process dies and another one takes up what was kept. */
  restart(maxDeliveries: number, now: number): void {
    for (const execution of this.executions.values()) {
      if (execution.state !== 'running') continue;
      const held = execution.nodes.filter((node) => node.lease !== undefined);
      for (const node of execution.nodes) if (node.state === 'ready') node.doubtful = true;
      for (const node of held) {
        if (execution.state !== 'running') continue;
        node.lease = undefined;
        loseOwner(execution, node, maxDeliveries, now);
      }
      if (execution.state === 'running') settle(execution, now);
    }
  }

  #existing(id: ExecutionId): NaiveExecution {
    const execution = this.executions.get(id);
    assert.ok(execution, `execution ${id} exists`);
    return execution;
  }
}

function freshNode(): NaiveNode {
  return {
    state: 'pending',
    fence: 0,
    attempt: 0,
    deliveries: 0,
    sleeping: false,
    alone: false,
    doubtful: false,
    dueAt: undefined,
    output: undefined,
    errorCode: undefined,
    config: undefined,
    lease: undefined,
  };
}

function nodeOf(execution: NaiveExecution, index: number): NaiveNode {
  const node = execution.nodes[index];
  assert.ok(node, `node ${index} exists`);
  return node;
}

function satisfied(node: NaiveNode): boolean {
  return node.state === 'completed' || node.state === 'skipped';
}

/** What follows from the states of the nodes alone. */
function settle(execution: NaiveExecution, now: number): void {
  if (execution.state !== 'running') return;
  for (const [index, node] of execution.nodes.entries()) {
    const dependencies = execution.plan.nodes[index]?.dependencies ?? [];
    const open = dependencies.every((parent) => satisfied(nodeOf(execution, parent)));
    if (node.state === 'pending' && open) node.state = 'ready';
    if (node.state === 'ready' && node.attempt === 0) node.attempt = 1;
  }
  if (execution.nodes.every(satisfied)) end(execution, 'completed', now);
}

function end(execution: NaiveExecution, state: 'completed' | 'failed' | 'cancelled', now: number): void {
  execution.state = state;
  execution.finishedAt = now;
  for (const node of execution.nodes) {
    if (satisfied(node) || node.state === 'failed') continue;
    node.state = 'cancelled';
    node.sleeping = false;
    node.dueAt = undefined;
    node.lease = undefined;
  }
}

function dead(node: NaiveNode, code: string): void {
  node.state = 'failed';
  node.errorCode = code;
  node.sleeping = false;
  node.dueAt = undefined;
  node.lease = undefined;
}

function kill(execution: NaiveExecution, node: NaiveNode, code: string, now: number): void {
  dead(node, code);
  end(execution, 'failed', now);
}

function loseOwner(execution: NaiveExecution, node: NaiveNode, maxDeliveries: number, now: number): void {
  node.deliveries += 1;
  if (node.deliveries >= maxDeliveries) {
    kill(execution, node, 'DELIVERIES_EXHAUSTED', now);
    return;
  }
  node.state = 'ready';
  node.doubtful = true;
}
