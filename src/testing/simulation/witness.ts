import type {
  AdvanceOutcome,
  HeartbeatOutcome,
  LeasedTask,
  LeaseRef,
  RedriveCommand,
  RedriveOutcome,
  SubmitCommand,
  SubmitOutcome,
  TaskResult,
} from '../../model/commands.js';
import type { ExecutionRecord, NodeRecord } from '../../model/execution-record.js';
import type { ExecutionId, HostId } from '../../model/ids.js';
import { type RetryPolicy, resolveRetryPolicy } from '../../model/retry-policy.js';
import { hasEnded, isSatisfied } from '../../model/states.js';
import type { RunnerTask } from '../../runner/task-runner.js';
import { ExecutionBook, fingerprintOf, type NodeBook } from './books.js';

/** The call of the store that changed something. */
export type Cause =
  | 'submit'
  | 'start'
  | 'lease'
  | 'advance'
  | 'reclaim'
  | 'promote'
  | 'cancel'
  | 'redrive'
  | 'restore'
  | 'reconcile';

export interface WitnessOptions {
  readonly maxDeliveries: number;
  readonly retryDefaults: RetryPolicy;
  readonly tell: (line: string) => void;
}

/** A deadline that passes while all hosts live ends its execution within so long. */
const DEADLINE_LATE_MS = 5000;
const VIOLATIONS_KEPT = 20;

/**
 * Keeps books of its own on what it sees: each call of the store with its answer, each change of an execution, each start of a
 * handler. It knows the rules of DESIGN 4 and none of the machine's code, and holds one against the other.
 */
export class Witness {
  readonly violations: string[] = [];
  readonly books = new Map<ExecutionId, ExecutionBook>();
  /** What was counted, by name: shows that a run did what it is for. */
  readonly counts: Record<string, number> = {};
  /** The store's instant since when nothing is broken on purpose. */
  calmSince: number | undefined;
  /** Nothing is broken, and nothing that was is still felt. */
  isUndisturbed = false;
  /** Executions whose submission the store is known to have kept. */
  readonly kept = new Set<ExecutionId>();
  readonly #options: WitnessOptions;
  readonly #executionByKey = new Map<string, ExecutionId>();

  constructor(options: WitnessOptions) {
    this.#options = options;
  }

  violate(what: string): void {
    this.#options.tell(`VIOLATION ${what}`);
    if (this.violations.length < VIOLATIONS_KEPT) this.violations.push(what);
  }

  expect(holds: boolean, what: () => string): void {
    if (!holds) this.violate(what());
  }

  count(what: string, by = 1): void {
    this.counts[what] = (this.counts[what] ?? 0) + by;
  }

  submitted({ executionId, idempotency }: SubmitCommand, outcome: SubmitOutcome): void {
    this.count(`submit ${outcome.kind}`);
    if (!idempotency || outcome.kind === 'key_reused') return;
    const first = this.#executionByKey.get(idempotency.key);
    const made = outcome.kind === 'duplicate' ? outcome.executionId : executionId;
    if (first === undefined) this.#executionByKey.set(idempotency.key, made);
    else this.expect(first === made, () => `key ${idempotency.key} stands for ${first} and for ${made}`);
  }

  /** `execution` as it was changed by one call. */
  changed(execution: ExecutionRecord, touched: readonly number[], cause: Cause, now: number): void {
    const { executionId, plan, params } = execution;
    const book = this.books.get(executionId) ?? new ExecutionBook(executionId, plan, params);
    this.books.set(executionId, book);
    if (cause === 'start') book.params = params;
    this.expect(
      execution.revision >= book.revision,
      () => `${executionId} came back as of revision ${execution.revision} after ${book.revision} (${cause})`,
    );
    this.expect(
      mayBecome(book.state, execution.state, cause),
      () => `${executionId} went from ${book.state} to ${execution.state} by ${cause}`,
    );
    const nodes = cause === 'restore' ? execution.nodes.keys() : touched;
    for (const index of nodes) this.#nodeChanged(book, execution, index, cause, now);
    this.#timed(book, execution, now);
    book.state = execution.state;
    book.revision = Math.max(book.revision, execution.revision);
  }

  #timed(book: ExecutionBook, execution: ExecutionRecord, now: number): void {
    if (book.state !== 'running' && execution.state === 'running') book.armedAt = now;
    if (!hasEnded(execution.state) || hasEnded(book.state)) return;
    this.count(`ended ${execution.state}`);
    book.wasEnded = true;
    const { timeoutMs } = execution.plan;
    if (timeoutMs === undefined || book.armedAt === undefined) return;
    const deadline = book.armedAt + timeoutMs;
    const isExpired = execution.error?.code === 'WORKFLOW_TIMEOUT';
    this.expect(!isExpired || now >= deadline, () => `${book.id} expired ${deadline - now} ms too early`);
    if (this.calmSince === undefined) return;
    const late = now - Math.max(deadline, this.calmSince);
    this.expect(late <= DEADLINE_LATE_MS, () => `${book.id} ended ${late} ms after its deadline`);
  }

  #nodeChanged(
    book: ExecutionBook,
    execution: ExecutionRecord,
    index: number,
    cause: Cause,
    now: number,
  ): void {
    const node = execution.nodes[index];
    const known = book.node(index);
    if (!node) return;
    const name = `${book.id}/${index}`;
    this.expect(
      node.state === known.state || mayMove(known.state, cause),
      () => `${name} went from ${known.state} to ${node.state} by ${cause}`,
    );
    if (node.state !== 'pending' && node.state !== 'cancelled') this.#inOrder(execution, index, name);
    this.#leaseEnds(known, node, { name, cause, now, isOver: execution.state !== 'running' });
    if (node.state === 'running' && node.fence !== known.fence)
      this.#leased(book, execution, index, known, node);
    if (node.state === 'completed' && known.state !== 'completed') {
      this.expect(sameBytes(node.output, known.answer), () => `${name} has another output than its result`);
      known.output = node.output;
    }
    known.state = node.state;
    known.fence = node.fence;
  }

  #inOrder(execution: ExecutionRecord, index: number, name: string): void {
    for (const dependency of execution.plan.nodes[index]?.dependencies ?? []) {
      const state = execution.nodes[dependency]?.state ?? 'pending';
      this.expect(isSatisfied(state), () => `${name} went before ${dependency}, which is ${state}`);
    }
  }

  /** A lease ends by its own result, by its time, or with its execution. */
  #leaseEnds(
    known: NodeBook,
    node: NodeRecord,
    at: { readonly name: string; readonly cause: Cause; readonly now: number; readonly isOver: boolean },
  ): void {
    const { lease } = known;
    if (!lease || (node.state === 'running' && node.fence === known.fence)) return;
    const isExpired = at.cause === 'reclaim' && lease.until <= at.now;
    if (isExpired) this.count('lease reclaimed');
    this.expect(at.isOver || isExpired, () => `${at.name} lost its lease ${known.fence} by ${at.cause}`);
    known.lease = undefined;
  }

  #leased(
    book: ExecutionBook,
    execution: ExecutionRecord,
    index: number,
    known: NodeBook,
    node: NodeRecord,
  ): void {
    const name = `${book.id}/${index}`;
    const { retryDefaults, maxDeliveries } = this.#options;
    const { maxAttempts } = resolveRetryPolicy(retryDefaults, execution.plan.nodes[index]?.retry);
    this.count('lease');
    this.expect(node.fence === known.fence + 1, () => `${name}: fence ${node.fence} after ${known.fence}`);
    this.expect(execution.state === 'running', () => `${name} was leased though it is ${execution.state}`);
    this.expect(node.attempt <= maxAttempts, () => `${name}: attempt ${node.attempt} of ${maxAttempts}`);
    this.expect(
      node.attempt === known.attempt,
      () => `${name}: attempt ${node.attempt}, not ${known.attempt}`,
    );
    this.expect(node.deliveries < maxDeliveries, () => `${name}: delivery ${node.deliveries}`);
    this.expect(
      sameBytes(node.configOverride, known.config),
      () => `${name} has another config than was set`,
    );
    known.lease = { owner: node.host, until: node.leaseUntil };
  }

  /** Makes the call, and holds its answer against the lease in force. */
  advancing(
    { task, outcome: result }: TaskResult,
    execution: ExecutionRecord | undefined,
    apply: () => AdvanceOutcome,
  ): AdvanceOutcome {
    const known = this.books.get(task.executionId)?.node(task.node);
    const isInForce = execution?.state === 'running' && known?.lease && known.fence === task.fence;
    const before = execution && fingerprintOf(execution);
    const outcome = apply();
    const name = `${task.executionId}/${task.node}: ${result.kind} of lease ${task.fence}`;
    this.count(`advance ${outcome}`);
    if (outcome !== 'applied') {
      this.expect(!isInForce, () => `${name} was refused as ${outcome}`);
      const isSame = before === (execution && fingerprintOf(execution));
      this.expect(isSame, () => `${name} was refused as ${outcome} and changed something`);
      return outcome;
    }
    this.count(`result ${result.kind}`);
    this.expect(Boolean(isInForce), () => `${name} was recorded without the lease in force`);
    if (known) this.#answered(known, result, name);
    return outcome;
  }

  #answered(known: NodeBook, result: TaskResult['outcome'], name: string): void {
    known.lease = undefined;
    if (result.kind === 'retry' && result.countsAttempt) known.attempt += 1;
    const isOutcome = result.kind !== 'retry' && result.kind !== 'lost' && result.kind !== 'released';
    if (!isOutcome) return;
    this.expect(!known.isAnswered, () => `${name}: a second outcome was recorded`);
    known.isAnswered = true;
    known.answer = result.kind === 'completed' || result.kind === 'sleep' ? result.output : undefined;
  }

  beaten(owner: HostId, lease: LeaseRef, outcome: HeartbeatOutcome, until: number): void {
    const book = this.books.get(lease.executionId);
    const known = book?.node(lease.node);
    const isInForce =
      book?.state === 'running' && known?.fence === lease.fence && known.lease?.owner === owner;
    this.count(`heartbeat ${outcome}`);
    this.expect(
      (outcome === 'kept') === isInForce,
      () =>
        `${lease.executionId}/${lease.node}: heartbeat of ${owner} for lease ${lease.fence} answered ${outcome}`,
    );
    if (outcome === 'kept' && known?.lease) known.lease.until = until;
  }

  /** A host that was asked to stop, and reaches the store, has handed back what it could not finish. */
  stopped(host: string): void {
    this.count('host stopped');
    if (!this.isUndisturbed) return;
    for (const { id, nodes } of this.books.values()) {
      const kept = nodes.findIndex((node) => node.lease?.owner === host);
      this.expect(kept < 0, () => `${host} stopped and kept its lease of ${id}/${kept}`);
    }
  }

  redriving({ executionId, node, failedAt, config }: RedriveCommand, outcome: RedriveOutcome): void {
    this.count(`redrive ${outcome}`);
    const book = this.books.get(executionId);
    if (outcome !== 'redriven' || !book) return;
    this.expect(book.state === 'failed', () => `${executionId} was redriven though it is ${book.state}`);
    const failure = `${node} that failed at ${failedAt}`;
    this.expect(
      !book.redrives.has(failure),
      () => `${executionId} was redriven twice for its node ${failure}`,
    );
    book.redrives.add(failure);
    if (config) book.node(node).config = config;
    for (const each of book.nodes) {
      if (isSatisfied(each.state)) continue;
      each.isAnswered = false;
      each.attempt = 1;
    }
  }

  /** A handler starts. */
  ran(task: RunnerTask, lease: LeasedTask): void {
    const book = this.books.get(lease.executionId);
    const name = `${lease.executionId}/${lease.node}`;
    if (!book) {
      this.violate(`${name} runs, and nothing is known of it`);
      return;
    }
    const known = book.node(lease.node);
    this.count('run');
    this.expect(!known.runs.has(lease.fence), () => `${name} runs twice under lease ${lease.fence}`);
    this.expect(lease.fence <= known.fence, () => `${name} runs under lease ${lease.fence}, never given`);
    known.runs.add(lease.fence);
    this.expect(sameBytes(task.params, book.params), () => `${name} has other params than its execution`);
    const given = new Map(task.inputs.map((input) => [input.node, input.output]));
    for (const dependency of lease.plan.nodes[lease.node]?.dependencies ?? []) {
      const before = book.node(dependency);
      this.expect(isSatisfied(before.state), () => `${name} runs while ${dependency} is ${before.state}`);
      this.expect(
        sameBytes(given.get(dependency), before.output),
        () => `${name} is handed another output of ${dependency} than was recorded`,
      );
    }
  }
}

function mayBecome(from: ExecutionRecord['state'], to: ExecutionRecord['state'], cause: Cause): boolean {
  if (from === to) return cause !== 'reconcile';
  switch (cause) {
    case 'submit':
    case 'start':
      return from === 'pending' && to === 'running';
    case 'cancel':
      return !hasEnded(from) && to === 'cancelled';
    case 'redrive':
      return from === 'failed' && to === 'running';
    case 'advance':
    case 'promote':
    case 'reclaim':
      return from === 'running' && (to === 'completed' || to === 'failed');
    default:
      return false;
  }
}

function mayMove(from: NodeRecord['state'], cause: Cause): boolean {
  if (isSatisfied(from) || cause === 'restore') return false;
  return (from !== 'failed' && from !== 'cancelled') || cause === 'redrive';
}

function sameBytes(one: Uint8Array | undefined, other: Uint8Array | undefined): boolean {
  if (one === other) return true;
  return one !== undefined && other !== undefined && Buffer.compare(one, other) === 0;
}
