import type { NodeError } from './errors.js';
import type { ExecutionId, HostId } from './ids.js';
import type { Plan } from './plan.js';
import type { ExecutionSnapshot, FailedAttempt, NodeSnapshot } from './snapshot.js';
import type { ExecutionState, NodeState } from './states.js';

/** The state of one node inside the machine. All fields are set at birth, so that every record has one shape. */
export class NodeRecord {
  state: NodeState = 'pending';
  fence = 0;
  attempt = 0;
  deliveries = 0;
  /** Dependencies that are not satisfied yet. */
  waiting = 0;
  /** delayed because the handler asked for it: at its time the node is completed, not ready. */
  sleeping = false;
  /** A worker thread died under it: it shares its next thread with no other task. */
  alone = false;
  /** Held or perhaps held by an owner that is gone: its next lease is synced before it is handed out. */
  suspect = false;
  /** In the list of changes that is being collected. */
  touched = false;
  leaseUntil = 0;
  /** The lease that runs it, in the list of leases. */
  held: Held | undefined = undefined;
  host: HostId | undefined = undefined;
  queuedAt: number | undefined = undefined;
  /** Where it became ready more than once: the first time. */
  firstQueuedAt: number | undefined = undefined;
  startedAt: number | undefined = undefined;
  finishedAt: number | undefined = undefined;
  dueAt: number | undefined = undefined;
  error: NodeError | undefined = undefined;
  output: Uint8Array | undefined = undefined;
  failures: FailedAttempt[] | undefined = undefined;
  configOverride: Uint8Array | undefined = undefined;
}

/** A node that is leased: kept until its lease ends. */
export interface Held {
  readonly execution: ExecutionRecord;
  readonly node: number;
  readonly fence: number;
}

/** Ready nodes of one execution in one lane: first in, first out. */
export class ReadyGroup {
  readonly execution: ExecutionRecord;
  readonly lane: object;
  /** Whether its lane has it in line. */
  inLane = false;
  #nodes: number[] = [];
  #head = 0;

  constructor(execution: ExecutionRecord, lane: object) {
    this.execution = execution;
    this.lane = lane;
  }

  get size(): number {
    return this.#nodes.length - this.#head;
  }

  push(node: number): void {
    this.#nodes.push(node);
  }

  first(): number | undefined {
    return this.#nodes[this.#head];
  }

  shift(): number | undefined {
    const node = this.#nodes[this.#head];
    if (node === undefined) return undefined;
    this.#head += 1;
    if (this.#head === this.#nodes.length) this.clear();
    return node;
  }

  clear(): void {
    this.#nodes.length = 0;
    this.#head = 0;
  }
}

/** How far a store that writes behind the machine has come with an execution. */
export interface StoredMarks {
  /** Rows written of it since it came into the machine. */
  rows: number;
  /** The revision whose head is written. */
  revision: number;
  /** The last commit that carried a change of it. */
  commit: number;
  /** Whether the record holds it. */
  recorded: boolean;
}

/** The state of one execution inside the machine. */
export class ExecutionRecord {
  readonly executionId: ExecutionId;
  readonly plan: Plan;
  readonly createdAt: number;
  state: ExecutionState = 'pending';
  revision = 1;
  startedAt: number | undefined = undefined;
  finishedAt: number | undefined = undefined;
  deadlineAt: number | undefined = undefined;
  error: NodeError | undefined = undefined;
  callbackUrl: string | undefined = undefined;
  params: Uint8Array;
  /** Empty until the execution starts. */
  nodes: NodeRecord[] = [];
  /** Nodes that are neither completed nor skipped. */
  unsatisfied: number;
  /** Bytes of all outputs. */
  outputBytes = 0;
  readonly readyGroups: ReadyGroup[] = [];
  leased = 0;
  delayed = 0;
  /** Nodes changed since the changes were last taken. */
  touchedNodes: number[] = [];
  touched = false;
  /** What the store that owns the machine has kept of it; the machine leaves this alone. */
  readonly stored: StoredMarks = { rows: 0, revision: 0, commit: 0, recorded: false };

  constructor(executionId: ExecutionId, plan: Plan, params: Uint8Array, createdAt: number) {
    this.executionId = executionId;
    this.plan = plan;
    this.params = params;
    this.createdAt = createdAt;
    this.unsatisfied = plan.nodes.length;
  }

  readyGroup(lane: object): ReadyGroup {
    for (const group of this.readyGroups) if (group.lane === lane) return group;
    const group = new ReadyGroup(this, lane);
    this.readyGroups.push(group);
    return group;
  }

  readyCount(): number {
    let count = 0;
    for (const group of this.readyGroups) count += group.size;
    return count;
  }

  /** The nodes that have changed since this was asked last. */
  takeTouchedNodes(): readonly number[] {
    const nodes = this.touchedNodes;
    for (const index of nodes) {
      const node = this.nodes[index];
      if (node) node.touched = false;
    }
    this.touchedNodes = [];
    this.touched = false;
    return nodes;
  }
}

export function snapshotNode(node: NodeRecord): NodeSnapshot {
  return {
    state: node.state,
    fence: node.fence,
    attempt: node.attempt,
    deliveries: node.deliveries,
    ...(node.sleeping && { sleeping: true }),
    ...(node.alone && { alone: true }),
    ...(node.host !== undefined && { host: node.host }),
    ...(node.queuedAt !== undefined && { queuedAt: node.queuedAt }),
    ...(node.firstQueuedAt !== undefined && { firstQueuedAt: node.firstQueuedAt }),
    ...(node.startedAt !== undefined && { startedAt: node.startedAt }),
    ...(node.finishedAt !== undefined && { finishedAt: node.finishedAt }),
    ...(node.dueAt !== undefined && { dueAt: node.dueAt }),
    ...(node.error !== undefined && { error: node.error }),
    ...(node.output !== undefined && { output: node.output }),
    ...(node.failures !== undefined && { failures: [...node.failures] }),
    ...(node.configOverride !== undefined && { configOverride: node.configOverride }),
  };
}

export function snapshotExecution(execution: ExecutionRecord): ExecutionSnapshot {
  return {
    executionId: execution.executionId,
    workflowId: execution.plan.workflowId,
    name: execution.plan.name,
    state: execution.state,
    revision: execution.revision,
    createdAt: execution.createdAt,
    ...(execution.startedAt !== undefined && { startedAt: execution.startedAt }),
    ...(execution.finishedAt !== undefined && { finishedAt: execution.finishedAt }),
    ...(execution.deadlineAt !== undefined && { deadlineAt: execution.deadlineAt }),
    ...(execution.error !== undefined && { error: execution.error }),
    ...(execution.callbackUrl !== undefined && { callbackUrl: execution.callbackUrl }),
    params: execution.params,
    nodes: execution.nodes.map(snapshotNode),
  };
}

/** The record that a snapshot was taken of, without what the machine derives (waiting counts, queues, timers). */
export function recordFromSnapshot(snapshot: ExecutionSnapshot, plan: Plan): ExecutionRecord {
  const execution = new ExecutionRecord(snapshot.executionId, plan, snapshot.params, snapshot.createdAt);
  execution.state = snapshot.state;
  execution.revision = snapshot.revision;
  execution.startedAt = snapshot.startedAt;
  execution.finishedAt = snapshot.finishedAt;
  execution.deadlineAt = snapshot.deadlineAt;
  execution.error = snapshot.error;
  execution.callbackUrl = snapshot.callbackUrl;
  execution.nodes = snapshot.nodes.map(nodeFromSnapshot);
  return execution;
}

export function nodeFromSnapshot(snapshot: NodeSnapshot): NodeRecord {
  const node = new NodeRecord();
  node.state = snapshot.state;
  node.fence = snapshot.fence;
  node.attempt = snapshot.attempt;
  node.deliveries = snapshot.deliveries;
  node.sleeping = snapshot.sleeping ?? false;
  node.alone = snapshot.alone ?? false;
  node.host = snapshot.host as HostId | undefined;
  node.queuedAt = snapshot.queuedAt;
  node.firstQueuedAt = snapshot.firstQueuedAt;
  node.startedAt = snapshot.startedAt;
  node.finishedAt = snapshot.finishedAt;
  node.dueAt = snapshot.dueAt;
  node.error = snapshot.error;
  node.output = snapshot.output;
  node.failures = snapshot.failures ? [...snapshot.failures] : undefined;
  node.configOverride = snapshot.configOverride;
  return node;
}
