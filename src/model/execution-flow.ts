import type { LeaseRef } from './commands.js';
import type { NodeError } from './errors.js';
import { type ExecutionRecord, type Held, NodeRecord } from './execution-record.js';
import type { ExecutionId, HostId } from './ids.js';
import { QUARANTINE_DELIVERIES, Quarantine } from './quarantine.js';
import { ReadyLanes } from './ready-lanes.js';
import { isSatisfied, type NodeState } from './states.js';
import { TimerHeap } from './timer-heap.js';

/** What a timer is for: a delayed node, or (node -1) the deadline of an execution. Timers outlast what they were set
 * for, so they name the execution and do not hold it. */
export interface Due {
  readonly executionId: ExecutionId;
  readonly node: number;
  readonly at: number;
}
const DEADLINE = -1;

/** What a call did beside its outcomes. */
export interface Effects {
  /** Some node became ready. */
  ready: boolean;
  /** Leases that became void while they ran. */
  aborted: LeaseRef[];
  ended: ExecutionRecord[];
  /** Executions with changes (`touched`, `touchedNodes`), each once. */
  touched: ExecutionRecord[];
}

/**
 * The primitive transitions. Each keeps these true of a running execution:
 *
 *   pending node    waiting > 0
 *   ready node      stands in exactly one lane, of `lanes` or of `quarantine`
 *   running node    stands in `held`; `execution.leased` counts it
 *   delayed node    has a timer; `execution.delayed` counts it
 *   unsatisfied     nodes neither completed nor skipped; at 0 the execution is completed
 *
 *     pending ──► ready ──► running ──► completed | skipped | failed
 *                   ▲          │
 *                   └─ delayed ◄┘          any ──► cancelled, when the execution fails or is cancelled
 */
export class ExecutionFlow {
  readonly lanes = new ReadyLanes();
  /** Ready nodes whose owners died more than once: handed out few at a time. */
  readonly quarantine = new Quarantine();
  readonly timers = new TimerHeap<Due>();
  readonly held = new Set<Held>();
  effects: Effects = emptyEffects();

  takeEffects(): Effects {
    const effects = this.effects;
    this.effects = emptyEffects();
    return effects;
  }

  touch(execution: ExecutionRecord): void {
    if (execution.touched) return;
    execution.touched = true;
    this.effects.touched.push(execution);
  }

  touchNode(execution: ExecutionRecord, index: number, node: NodeRecord): void {
    if (node.touched) return;
    node.touched = true;
    execution.touchedNodes.push(index);
    this.touch(execution);
  }

  start(execution: ExecutionRecord, now: number): void {
    execution.state = 'running';
    execution.startedAt = now;
    execution.revision += 1;
    execution.nodes = execution.plan.nodes.map((vertex) => {
      const node = new NodeRecord();
      node.waiting = vertex.dependencies.length;
      return node;
    });
    this.touch(execution);
    this.armDeadline(execution, now);
    for (const root of execution.plan.roots) this.makeReady(execution, root, now);
  }

  armDeadline(execution: ExecutionRecord, now: number): void {
    const { timeoutMs } = execution.plan;
    execution.deadlineAt = timeoutMs === undefined ? undefined : now + timeoutMs;
    this.scheduleDeadline(execution);
  }

  scheduleDeadline(execution: ExecutionRecord): void {
    if (execution.deadlineAt === undefined) return;
    const { executionId, deadlineAt } = execution;
    this.timers.push(deadlineAt, { executionId, node: DEADLINE, at: deadlineAt });
  }

  /** A first attempt, or the next one, may be leased. */
  makeReady(execution: ExecutionRecord, index: number, now: number): void {
    const node = nodeAt(execution, index);
    node.state = 'ready';
    node.dueAt = undefined;
    if (node.queuedAt !== undefined) node.firstQueuedAt ??= node.queuedAt;
    node.queuedAt = now;
    if (node.attempt === 0) node.attempt = 1;
    this.touchNode(execution, index, node);
    this.enqueue(execution, index);
  }

  enqueue(execution: ExecutionRecord, index: number): void {
    const { deliveries } = nodeAt(execution, index);
    const queue = execution.plan.nodes[index]?.queue ?? 'default';
    if (deliveries < QUARANTINE_DELIVERIES) this.lanes.push(execution, index, queue);
    else this.quarantine.push(execution, index, queue, deliveries);
    this.effects.ready = true;
  }

  dropReady(execution: ExecutionRecord): void {
    this.lanes.drop(execution);
    this.quarantine.drop(execution);
  }

  lease(execution: ExecutionRecord, index: number, owner: HostId, now: number, leaseMs: number): NodeRecord {
    const node = nodeAt(execution, index);
    node.state = 'running';
    node.fence += 1;
    node.host = owner;
    node.startedAt = now;
    node.leaseUntil = now + leaseMs;
    execution.leased += 1;
    node.held = { execution, node: index, fence: node.fence };
    this.held.add(node.held);
    this.touchNode(execution, index, node);
    return node;
  }

  /** The lease ends, whatever becomes of the node. */
  release(execution: ExecutionRecord, node: NodeRecord): void {
    if (!node.held) return;
    this.held.delete(node.held);
    node.held = undefined;
    execution.leased -= 1;
  }

  delay(execution: ExecutionRecord, index: number, dueAt: number): void {
    const node = nodeAt(execution, index);
    node.state = 'delayed';
    node.dueAt = dueAt;
    execution.delayed += 1;
    this.touchNode(execution, index, node);
    this.scheduleDelayed(execution, index, dueAt);
  }

  scheduleDelayed(execution: ExecutionRecord, index: number, dueAt: number): void {
    this.timers.push(dueAt, { executionId: execution.executionId, node: index, at: dueAt });
  }

  /** completed or skipped: counts for every successor, and may end the execution. */
  satisfy(execution: ExecutionRecord, index: number, state: 'completed' | 'skipped', now: number): void {
    const node = nodeAt(execution, index);
    node.state = state;
    node.sleeping = false;
    node.dueAt = undefined;
    node.finishedAt = now;
    this.touchNode(execution, index, node);
    execution.unsatisfied -= 1;
    for (const successor of execution.plan.nodes[index]?.successors ?? []) {
      const next = nodeAt(execution, successor);
      next.waiting -= 1;
      if (next.waiting === 0 && next.state === 'pending') this.makeReady(execution, successor, now);
    }
    if (execution.unsatisfied === 0) this.#end(execution, 'completed', now);
  }

  /** The node is dead, and with it the execution. */
  fail(execution: ExecutionRecord, index: number, error: NodeError, now: number): void {
    this.#setDead(execution, index, error, now);
    execution.error = {
      ...error,
      message: `Node ${execution.plan.nodes[index]?.id} failed: ${error.message}`,
    };
    this.#end(execution, 'failed', now);
  }

  /** The deadline passed: what was under way is dead, what never began is cancelled. */
  expire(execution: ExecutionRecord, error: NodeError, now: number): void {
    for (const [index, node] of execution.nodes.entries()) {
      if (node.state !== 'running' && node.state !== 'delayed' && node.state !== 'ready') continue;
      if (node.state === 'running') this.#abort(execution, index, node);
      this.#setDead(execution, index, error, now);
    }
    execution.error = error;
    this.#end(execution, 'failed', now);
  }

  cancel(execution: ExecutionRecord, now: number, error?: NodeError): void {
    execution.error = error;
    this.#end(execution, 'cancelled', now);
  }

  /** Sets right all that the machine derives, for an execution that comes from a store or from its end. `running` nodes are
   * left alone: their leases are the caller's to settle first. */
  rebuild(execution: ExecutionRecord, now: number): void {
    recount(execution);
    execution.delayed = 0;
    for (const [index, node] of execution.nodes.entries()) node.waiting = waitingCount(execution, index);
    this.dropReady(execution);
    for (const [index, node] of execution.nodes.entries()) {
      if (node.state === 'ready') this.enqueue(execution, index);
      else if (node.state === 'pending' && node.waiting === 0) this.makeReady(execution, index, now);
      else if (node.state === 'delayed') {
        execution.delayed += 1;
        node.dueAt ??= now;
        this.scheduleDelayed(execution, index, node.dueAt);
      }
    }
    this.scheduleDeadline(execution);
    if (execution.unsatisfied === 0) this.#end(execution, 'completed', now);
  }

  #setDead(execution: ExecutionRecord, index: number, error: NodeError, now: number): void {
    const node = nodeAt(execution, index);
    node.state = 'failed';
    node.sleeping = false;
    node.dueAt = undefined;
    node.error = error;
    node.finishedAt = now;
    this.touchNode(execution, index, node);
  }

  #abort(execution: ExecutionRecord, index: number, node: NodeRecord): void {
    this.release(execution, node);
    this.effects.aborted.push({ executionId: execution.executionId, node: index, fence: node.fence });
  }

  #end(execution: ExecutionRecord, state: 'completed' | 'failed' | 'cancelled', now: number): void {
    if (state !== 'completed') {
      for (const [index, node] of execution.nodes.entries()) {
        if (isTerminal(node.state)) continue;
        if (node.state === 'running') this.#abort(execution, index, node);
        node.state = 'cancelled';
        node.sleeping = false;
        node.dueAt = undefined;
        node.finishedAt = now;
        this.touchNode(execution, index, node);
      }
      this.dropReady(execution);
    }
    execution.delayed = 0;
    execution.state = state;
    execution.finishedAt = now;
    execution.revision += 1;
    this.touch(execution);
    this.effects.ended.push(execution);
  }
}

export function nodeAt(execution: ExecutionRecord, index: number): NodeRecord {
  const node = execution.nodes[index];
  if (!node) throw new RangeError(`execution ${execution.executionId} has no node ${index}`);
  return node;
}

/** Counts anew what an execution keeps of its nodes in sum. Before the start it has no nodes, and all are to come. */
export function recount(execution: ExecutionRecord): void {
  execution.unsatisfied = execution.plan.nodes.length;
  execution.outputBytes = 0;
  for (const node of execution.nodes) {
    execution.outputBytes += node.output?.length ?? 0;
    if (isSatisfied(node.state)) execution.unsatisfied -= 1;
  }
}

/** Dependencies that are not satisfied. */
export function waitingCount(execution: ExecutionRecord, index: number): number {
  let waiting = 0;
  for (const dependency of execution.plan.nodes[index]?.dependencies ?? []) {
    if (!isSatisfied(nodeAt(execution, dependency).state)) waiting += 1;
  }
  return waiting;
}

function isTerminal(state: NodeState): boolean {
  return isSatisfied(state) || state === 'failed' || state === 'cancelled';
}

function emptyEffects(): Effects {
  return { ready: false, aborted: [], ended: [], touched: [] };
}
