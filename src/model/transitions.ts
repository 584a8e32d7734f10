import type {
  AdvanceOutcome,
  CancelOutcome,
  HeartbeatOutcome,
  IdempotencyClaim,
  LeasedTask,
  LeaseRef,
  LeaseRequest,
  OutboxEvent,
  RedriveCommand,
  RedriveOutcome,
  RestoreCommand,
  RestoreOutcome,
  StartCommand,
  StartOutcome,
  SubmitCommand,
  SubmitOutcome,
  TaskInput,
  TaskOutcome,
  TaskResult,
} from './commands.js';
import { deadLettersOf } from './dead-letter.js';
import type { NodeError } from './errors.js';
import { type Due, type Effects, ExecutionFlow, nodeAt, recount, waitingCount } from './execution-flow.js';
import {
  ExecutionRecord,
  type NodeRecord,
  recordFromSnapshot,
  snapshotExecution,
} from './execution-record.js';
import { type ExecutionId, type HostId, timeOfExecutionId, type WorkflowId } from './ids.js';
import type { Plan } from './plan.js';
import type { ReadyLanes } from './ready-lanes.js';
import type { ExecutionSnapshot } from './snapshot.js';
import { hasEnded } from './states.js';
import { triggeredParams } from './trace-context.js';

/** The first answer to an idempotency key. */
export interface IdempotencyRecord {
  readonly executionId: ExecutionId;
  readonly workflowId: WorkflowId;
  readonly bodyHash: string;
  readonly expiresAt: number;
}

/** Where first answers are kept; the machine only asks and tells. */
export interface IdempotencyIndex {
  get(key: string): IdempotencyRecord | undefined;
  set(key: string, record: IdempotencyRecord): void;
}

export interface MachineOptions {
  readonly idempotency: IdempotencyIndex;
  /** Bytes of outputs that one execution may keep; the node that goes over fails with OUTPUT_TOO_LARGE. */
  readonly maxExecutionBytes: number;
  /** Failed attempts that a node remembers, the latest ones. */
  readonly maxFailuresKept: number;
}

export interface PromoteOutcome {
  promoted: number;
  completed: number;
  expired: number;
}

/** What became of a lease: `over` is one whose owner is known to live, so that nothing is counted against its task. */
export type LeaseVerdict = 'in_force' | 'over' | 'owner_died';

const LEAST_TIMERS_TO_CLEAR = 1024;

/**
 * The state machine of executions: commands and the instant in, one outcome a command and `takeEffects` out. It reads
 * no clock and draws no random number, so the same calls give the same states.
 *
 * An execution is pending until it is started, running until nothing is left to run (completed), a node is dead or the
 * deadline has passed (failed), or it is cancelled. `ExecutionFlow` tells how its nodes move meanwhile. Every lease of a
 * node raises its fence; a result or heartbeat counts only with the fence of the lease that is in force.
 *
 * An ended execution stays until the record has it: the outbox lists what the record has still to learn, and
 * acknowledging an ended execution at its present revision removes it. Dead letters are read from the record.
 */
export class Machine {
  readonly #options: MachineOptions;
  readonly #flow = new ExecutionFlow();
  readonly #executions = new Map<ExecutionId, ExecutionRecord>();
  readonly #outbox = new Map<ExecutionId, OutboxEvent['kind']>();
  #clearTimersAt = LEAST_TIMERS_TO_CLEAR;

  constructor(options: MachineOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#executions.size;
  }
  get readyTasks(): number {
    return this.#flow.lanes.size + this.#flow.quarantine.size;
  }
  get leasedTasks(): number {
    return this.#flow.held.size;
  }
  /** Timers in memory; some may mean nothing any more. */
  get timers(): number {
    return this.#flow.timers.size;
  }

  executions(): Iterable<ExecutionRecord> {
    return this.#executions.values();
  }

  find(id: ExecutionId): ExecutionRecord | undefined {
    return this.#executions.get(id);
  }

  /** Changes that were taken but could not be kept: they are taken again. */
  giveBackChanges(execution: ExecutionRecord, nodes: readonly number[]): void {
    this.#flow.touch(execution);
    for (const index of nodes) this.#flow.touchNode(execution, index, nodeAt(execution, index));
  }

  takeEffects(): Effects {
    this.#clearTimers();
    const effects = this.#flow.takeEffects();
    for (const { executionId } of effects.ended) this.#outbox.set(executionId, 'ended');
    return effects;
  }

  /** Most executions end long before their deadlines. Their timers go each time that the heap has doubled, so that it is at most
   * twice as large as what is awaited, at a cost that is constant for each timer. */
  #clearTimers(): void {
    const { timers } = this.#flow;
    if (timers.size < this.#clearTimersAt) return;
    timers.retain((due) => this.#awaiting(due) !== undefined);
    this.#clearTimersAt = Math.max(LEAST_TIMERS_TO_CLEAR, 2 * timers.size);
  }

  nextTimerAt(): number | undefined {
    return this.#flow.timers.nextDueAt();
  }

  readyByQueue(): ReadonlyMap<string, number> {
    const counts = new Map<string, number>();
    for (const lanes of [this.#flow.lanes, ...this.#flow.quarantine.lanes()]) lanes.countByQueue(counts);
    return counts;
  }

  oldestQueuedAt(): number | undefined {
    let oldest: number | undefined;
    for (const lanes of [this.#flow.lanes, ...this.#flow.quarantine.lanes()]) {
      const queuedAt = lanes.oldestQueuedAt();
      if (queuedAt !== undefined && (oldest === undefined || queuedAt < oldest)) oldest = queuedAt;
    }
    return oldest;
  }

  submit(command: SubmitCommand, now: number): SubmitOutcome {
    const first = command.idempotency && this.#firstAnswer(command.idempotency, now);
    if (first) return first;
    const id = command.executionId;
    if (!this.#executions.has(id)) {
      const execution = new ExecutionRecord(id, command.plan, command.params, timeOfExecutionId(id));
      execution.callbackUrl = command.callbackUrl;
      this.#executions.set(id, execution);
      this.#flow.touch(execution);
      this.#outbox.set(id, 'accepted');
      if (command.trigger) this.#flow.start(execution, now);
    }
    if (command.idempotency) {
      this.#options.idempotency.set(command.idempotency.key, {
        executionId: id,
        workflowId: command.plan.workflowId,
        bodyHash: command.idempotency.bodyHash,
        expiresAt: now + command.idempotency.ttlMs,
      });
    }
    return { kind: 'accepted' };
  }

  #firstAnswer(claim: IdempotencyClaim, now: number): SubmitOutcome | undefined {
    const first = this.#options.idempotency.get(claim.key);
    if (!first || first.expiresAt <= now) return undefined;
    if (first.bodyHash !== claim.bodyHash) return { kind: 'key_reused' };
    return { kind: 'duplicate', executionId: first.executionId, workflowId: first.workflowId };
  }

  start(command: StartCommand, now: number): StartOutcome {
    const execution = this.#executions.get(command.executionId);
    if (!execution) return 'not_found';
    if (execution.state !== 'pending') {
      return execution.state === 'cancelled' && execution.startedAt === undefined
        ? 'cancelled'
        : 'already_started';
    }
    if (command.params) execution.params = triggeredParams(execution.params, command.params);
    this.#flow.start(execution, now);
    this.#outbox.set(execution.executionId, 'started');
    return 'started';
  }

  lease(request: LeaseRequest, now: number): LeasedTask[] {
    const tasks: LeasedTask[] = [];
    const hand = (execution: ExecutionRecord, index: number): void => {
      const node = this.#flow.lease(execution, index, request.owner, now, request.leaseMs);
      tasks.push(leasedTask(execution, index, node));
    };
    const { lanes, quarantine } = this.#flow;
    const room = request.lanes && new Map(request.lanes.map((lane) => [lane.queue, lane.room]));
    const few = Math.min(request.quarantined, request.total);
    for (const rank of quarantine.lanes()) takeFrom(rank, room, few - tasks.length, hand);
    takeFrom(lanes, room, request.total - tasks.length, hand);
    return tasks;
  }

  advance(result: TaskResult, now: number): AdvanceOutcome {
    const { task } = result;
    const execution = this.#executions.get(task.executionId);
    if (execution?.state !== 'running') return 'execution_ended';
    const node = execution.nodes[task.node];
    if (!node || node.fence !== task.fence) return 'stale_lease';
    if (node.state !== 'running') return 'duplicate';
    this.#flow.release(execution, node);
    node.suspect = false;
    this.#apply(execution, task.node, node, result.outcome, now);
    return 'applied';
  }

  #apply(
    execution: ExecutionRecord,
    index: number,
    node: NodeRecord,
    outcome: TaskOutcome,
    now: number,
  ): void {
    switch (outcome.kind) {
      case 'completed':
        if (this.#keepOutput(execution, index, node, outcome.output, now)) {
          this.#flow.satisfy(execution, index, 'completed', now);
        }
        return;
      case 'skipped':
        this.#flow.satisfy(execution, index, 'skipped', now);
        return;
      case 'failed':
        this.#remember(node, outcome.error, now);
        this.#flow.fail(execution, index, outcome.error, now);
        return;
      case 'retry':
        if (!outcome.countsAttempt) forgetRepeated(node, outcome.error);
        this.#remember(node, outcome.error, now);
        if (outcome.countsAttempt) node.attempt += 1;
        this.#flow.delay(execution, index, now + outcome.delayMs);
        return;
      case 'sleep':
        if (this.#keepOutput(execution, index, node, outcome.output, now)) {
          node.sleeping = true;
          this.#flow.delay(execution, index, now + outcome.delayMs);
        }
        return;
      case 'lost':
        node.alone = true;
        this.#redeliver(execution, index, node, outcome, now);
        return;
      case 'released':
        node.startedAt = undefined;
        this.#flow.makeReady(execution, index, now);
        return;
    }
  }

  /** Whether the execution has room for the output; where it has not, the node fails. */
  #keepOutput(
    execution: ExecutionRecord,
    index: number,
    node: NodeRecord,
    output: Uint8Array | undefined,
    now: number,
  ): boolean {
    if (output === undefined) return true;
    const bytes = execution.outputBytes + output.length;
    if (bytes > this.#options.maxExecutionBytes) {
      const error = outputsTooLarge(this.#options.maxExecutionBytes);
      this.#remember(node, error, now);
      this.#flow.fail(execution, index, error, now);
      return false;
    }
    execution.outputBytes = bytes;
    node.output = output;
    return true;
  }

  #remember(node: NodeRecord, error: NodeError, now: number): void {
    node.failures ??= [];
    if (node.failures.length >= this.#options.maxFailuresKept) node.failures.shift();
    const startedAt = node.startedAt ?? now;
    node.failures.push({ attempt: node.attempt, host: node.host ?? '', startedAt, finishedAt: now, error });
  }

  #redeliver(
    execution: ExecutionRecord,
    index: number,
    node: NodeRecord,
    loss: { readonly error: NodeError; readonly maxDeliveries: number },
    now: number,
  ): void {
    node.deliveries += 1;
    if (node.deliveries >= loss.maxDeliveries) {
      const error = deliveriesExhausted(node.deliveries, loss.error);
      this.#remember(node, error, now);
      this.#flow.fail(execution, index, error, now);
      return;
    }
    node.suspect = true;
    this.#flow.makeReady(execution, index, now);
  }

  heartbeat(owner: HostId, lease: LeaseRef, leaseMs: number, now: number): HeartbeatOutcome {
    const execution = this.#executions.get(lease.executionId);
    if (execution?.state !== 'running') return 'ended';
    const node = execution.nodes[lease.node];
    if (!node || node.fence !== lease.fence || node.state !== 'running' || node.host !== owner) return 'lost';
    node.leaseUntil = now + leaseMs;
    return 'kept';
  }

  /** Ends the leases that are not in force; their tasks become ready again or, where the owner died for the `maxDeliveries`th
   * time, dead letters. */
  reclaim(
    judge: (lease: { readonly owner: HostId | undefined; readonly until: number }) => LeaseVerdict,
    maxDeliveries: number,
    now: number,
  ): { reclaimed: number; exhausted: number } {
    let reclaimed = 0;
    let exhausted = 0;
    for (const held of [...this.#flow.held]) {
      const { execution, node: index } = held;
      const node = nodeAt(execution, index);
      if (node.held !== held) continue;
      const verdict = judge({ owner: node.host, until: node.leaseUntil });
      if (verdict === 'in_force') continue;
      this.#flow.release(execution, node);
      const error = hostStoppedAnswering(node.host);
      if (verdict === 'owner_died') this.#redeliver(execution, index, node, { error, maxDeliveries }, now);
      else this.#flow.makeReady(execution, index, now);
      reclaimed += 1;
      if (node.state === 'failed') exhausted += 1;
    }
    return { reclaimed, exhausted };
  }

  /** Timers that are due. */
  promote(now: number): PromoteOutcome {
    const outcome: PromoteOutcome = { promoted: 0, completed: 0, expired: 0 };
    for (let due = this.#flow.timers.popDue(now); due; due = this.#flow.timers.popDue(now)) {
      const execution = this.#awaiting(due);
      if (!execution) continue;
      const { node: index } = due;
      if (index < 0) {
        this.#expire(execution, now);
        outcome.expired += 1;
        continue;
      }
      const node = nodeAt(execution, index);
      execution.delayed -= 1;
      if (node.sleeping) {
        this.#flow.satisfy(execution, index, 'completed', now);
        outcome.completed += 1;
      } else {
        this.#flow.makeReady(execution, index, now);
        outcome.promoted += 1;
      }
    }
    return outcome;
  }

  /** The execution that the timer still means something to. */
  #awaiting({ executionId, node: index, at }: Due): ExecutionRecord | undefined {
    const execution = this.#executions.get(executionId);
    if (execution?.state !== 'running') return undefined;
    if (index < 0) return execution.deadlineAt === at ? execution : undefined;
    const node = execution.nodes[index];
    return node?.state === 'delayed' && node.dueAt === at ? execution : undefined;
  }

  #expire(execution: ExecutionRecord, now: number): void {
    this.#flow.expire(execution, workflowTimeout(execution.plan), now);
  }

  cancel(id: ExecutionId, now: number): CancelOutcome {
    const execution = this.#executions.get(id);
    if (!execution) return 'not_found';
    if (execution.state === 'cancelled') return 'already_cancelled';
    if (hasEnded(execution.state)) return 'ended';
    this.#flow.cancel(execution, now);
    return 'cancelled';
  }

  redrive(command: RedriveCommand, now: number): RedriveOutcome {
    const execution = this.#executions.get(command.executionId);
    if (!execution) return 'not_found';
    if (execution.state === 'completed' || execution.state === 'cancelled') return 'ended';
    const named = execution.nodes[command.node];
    if (execution.state !== 'failed' || named?.state !== 'failed') return 'not_dead';
    if (command.failedAt !== undefined && command.failedAt !== named.finishedAt) return 'not_dead';
    if (command.config) named.configOverride = command.config;
    execution.state = 'running';
    execution.error = undefined;
    execution.finishedAt = undefined;
    execution.revision += 1;
    this.#flow.touch(execution);
    for (const [index, node] of execution.nodes.entries()) {
      if (node.state !== 'failed' && node.state !== 'cancelled') continue;
      node.state = 'pending';
      node.error = undefined;
      node.finishedAt = undefined;
      node.startedAt = undefined;
      node.attempt = 0;
      node.deliveries = 0;
      node.alone = false;
      this.#dropOutput(execution, node);
      this.#flow.touchNode(execution, index, node);
    }
    this.#flow.armDeadline(execution, now);
    for (const [index, node] of execution.nodes.entries()) {
      if (node.state !== 'pending') continue;
      node.waiting = waitingCount(execution, index);
      if (node.waiting === 0) this.#flow.makeReady(execution, index, now);
    }
    this.#outbox.set(execution.executionId, 'redriven');
    return 'redriven';
  }

  /** A sleep that was cut short left the output that it would have ended with. */
  #dropOutput(execution: ExecutionRecord, node: NodeRecord): void {
    execution.outputBytes -= node.output?.length ?? 0;
    node.output = undefined;
  }

  /** Brings an execution in as its snapshot says. Running nodes lost their owner: they are delivered again. */
  restore(
    command: RestoreCommand,
    options: { readonly maxDeliveries: number; readonly now: number },
  ): RestoreOutcome {
    const { snapshot, plan } = command;
    const present = this.#executions.get(snapshot.executionId);
    if (present && present.revision >= snapshot.revision) return 'newer_here';
    if (present) this.#remove(present);
    const execution = recordFromSnapshot(snapshot, plan);
    this.#executions.set(execution.executionId, execution);
    this.#flow.touch(execution);
    if (execution.state !== 'running') {
      recount(execution);
      return 'restored';
    }
    const orphans: number[] = [];
    for (const [index, node] of execution.nodes.entries()) {
      node.suspect = node.state === 'ready' || node.state === 'running';
      if (node.state === 'running') orphans.push(index);
    }
    this.#flow.rebuild(execution, options.now);
    const error: NodeError = {
      code: 'WORKER_CRASHED',
      message: 'the process that ran it ended',
      category: 'infrastructure',
    };
    for (const index of orphans) {
      const node = nodeAt(execution, index);
      if (execution.state === 'running' && node.state === 'running') {
        this.#redeliver(execution, index, node, { error, maxDeliveries: options.maxDeliveries }, options.now);
      }
    }
    return 'restored';
  }

  read(id: ExecutionId): ExecutionSnapshot | undefined {
    const execution = this.#executions.get(id);
    return execution && snapshotExecution(execution);
  }

  takeOutbox(limit: number): OutboxEvent[] {
    const events: OutboxEvent[] = [];
    for (const [id, kind] of this.#outbox) {
      if (events.length >= limit) break;
      const execution = this.#executions.get(id);
      if (!execution) continue;
      const { plan } = execution;
      const snapshot = snapshotExecution(execution);
      if (hasEnded(execution.state)) {
        events.push({ kind: 'ended', snapshot, plan, deadLetters: deadLettersOf(snapshot, plan) });
      } else if (kind !== 'ended') {
        events.push({ kind, snapshot, plan });
      }
    }
    return events;
  }

  /** The record has this revision. An ended execution that has not changed since then goes. */
  acknowledge(id: ExecutionId, revision: number): void {
    const execution = this.#executions.get(id);
    if (!execution || execution.revision !== revision) return;
    this.#outbox.delete(id);
    if (hasEnded(execution.state)) this.#executions.delete(id);
  }

  /** Lets go of an execution that stays pending: the record has it, and `restore` brings it back. */
  park(id: ExecutionId): void {
    const execution = this.#executions.get(id);
    if (execution?.state === 'pending') this.#remove(execution);
  }

  #remove(execution: ExecutionRecord): void {
    this.#flow.dropReady(execution);
    for (const node of execution.nodes) this.#flow.release(execution, node);
    this.#executions.delete(execution.executionId);
    this.#outbox.delete(execution.executionId);
  }

  /** Started executions that nothing would wake, repaired; answers how many there were. */
  reconcile(now: number): number {
    let repaired = 0;
    for (const execution of this.#executions.values()) {
      if (execution.state !== 'running') continue;
      if (execution.leased > 0 || execution.delayed > 0 || execution.readyCount() > 0) continue;
      repaired += 1;
      this.#flow.touch(execution);
      this.#flow.rebuild(execution, now);
      for (const [index, node] of execution.nodes.entries()) {
        if (node.state === 'running') this.#flow.makeReady(execution, index, now);
      }
    }
    return repaired;
  }
}

/** A node that waits for long, tried now and then without an attempt, remembers the last of these tries. */
function forgetRepeated(node: NodeRecord, error: NodeError): void {
  const last = node.failures?.at(-1);
  if (last?.attempt !== node.attempt || JSON.stringify(last.error) !== JSON.stringify(error)) return;
  node.failures?.pop();
}

/** The deadline of the execution has passed. */
export function workflowTimeout(plan: Plan): NodeError {
  const message = `the workflow did not end within its time-out of ${(plan.timeoutMs ?? 0) / 1000} s`;
  return { code: 'WORKFLOW_TIMEOUT', message, category: 'transient' };
}

export function outputsTooLarge(maxExecutionBytes: number): NodeError {
  const message = `with it the execution's outputs would take over ${maxExecutionBytes} bytes`;
  return { code: 'OUTPUT_TOO_LARGE', message, category: 'resource' };
}

/** `deliveries`: leases that ended because their owner died, this one included. */
export function deliveriesExhausted(deliveries: number, last: NodeError): NodeError {
  const message = `its owner died ${deliveries} times while it ran; the last time: ${last.message}`;
  return { code: 'DELIVERIES_EXHAUSTED', message, category: 'infrastructure' };
}

export function hostStoppedAnswering(host: string | undefined): NodeError {
  const message = `host ${host ?? 'unknown'} stopped answering`;
  return { code: 'WORKER_CRASHED', message, category: 'infrastructure' };
}

/** `room`: of each queue, lowered by what is taken; undefined: every queue, the one that was served longest ago first. */
function takeFrom(
  lanes: ReadyLanes,
  room: Map<string, number> | undefined,
  most: number,
  hand: (execution: ExecutionRecord, node: number) => void,
): void {
  let left = most;
  if (!room) {
    lanes.takeInTurns(left, hand);
    return;
  }
  for (const [queue, free] of room) {
    const taken = lanes.take(queue, Math.min(free, left), hand);
    room.set(queue, free - taken);
    left -= taken;
  }
}

function leasedTask(execution: ExecutionRecord, index: number, node: NodeRecord): LeasedTask {
  const inputs: TaskInput[] = [];
  for (const input of execution.plan.nodes[index]?.inputs ?? []) {
    const { output } = nodeAt(execution, input);
    if (output) inputs.push({ node: input, output });
  }
  return {
    executionId: execution.executionId,
    plan: execution.plan,
    node: index,
    fence: node.fence,
    attempt: node.attempt,
    deliveries: node.deliveries,
    alone: node.alone,
    suspect: node.suspect,
    queuedAt: node.queuedAt ?? execution.createdAt,
    params: execution.params,
    inputs,
    ...(node.configOverride && { configOverride: node.configOverride }),
  };
}
