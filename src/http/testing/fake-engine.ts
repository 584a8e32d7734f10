import { explainNodes } from '../../engine/explain.js';
import type {
  EngineHealth,
  EngineStats,
  ExecutionView,
  ExecutionWatch,
  Explanation,
  Submission,
  Submitted,
  WatchListener,
  WorkflowEngine,
} from '../../engine/workflow-engine.js';
import { MillraceError } from '../../model/errors.js';
import { createExecutionIdSource, type ExecutionId, type WorkflowId } from '../../model/ids.js';
import type { Plan } from '../../model/plan.js';
import type { DeadLetter, ExecutionSnapshot, ExecutionSummary } from '../../model/snapshot.js';
import type { CircuitStatus } from '../../runner/task-runner.js';
import type { ExecutionPage, ExecutionQuery } from '../../store/history-store.js';
import type { DeadLetterQuery } from '../../store/state-store.js';

interface Held {
  snapshot: ExecutionSnapshot;
  readonly plan: Plan;
}

/** An engine in memory that runs nothing, answers as the real one would, and fails where a test asks it to. */
export class FakeEngine implements WorkflowEngine {
  readonly executions = new Map<ExecutionId, Held>();
  readonly submissions: Submission[] = [];
  readonly queries: ExecutionQuery[] = [];
  deadLetters: DeadLetter[] = [];
  openCircuits: readonly CircuitStatus[] = [];
  readonly redriven: { id: string; config: string | undefined }[] = [];
  /** Thrown by every call while it is set. */
  fault: unknown;
  /** The signal of the last `waitForEnd`. */
  waiting: AbortSignal | undefined;
  state: EngineHealth = {
    ready: true,
    mode: 'embedded',
    durability: 'synced before the answer',
    dependencies: { store: 'healthy' },
  };
  readonly #ids = createExecutionIdSource(
    () => 1_700_000_000_000,
    (count) => new Uint8Array(count),
  );
  readonly #keys = new Map<string, { readonly bodyHash: string; readonly answer: Submitted }>();
  readonly #waiters = new Map<ExecutionId, () => void>();
  /** Watches that were ever begun, and those that are open. */
  watches = 0;
  readonly watching = new Map<ExecutionId, Set<WatchListener>>();

  async submit(items: readonly Submission[]): Promise<readonly (Submitted | MillraceError)[]> {
    this.#throwFault();
    return items.map((item) => this.#submitOne(item));
  }

  async plan(workflowId: WorkflowId): Promise<Plan> {
    this.#throwFault();
    for (const { plan } of this.executions.values()) if (plan.workflowId === workflowId) return plan;
    throw new MillraceError('WORKFLOW_NOT_FOUND', `Workflow ${workflowId} not found`);
  }

  async trigger(executionId: ExecutionId, params?: Uint8Array): Promise<void> {
    this.#throwFault();
    const held = this.#get(executionId);
    if (held.snapshot.state === 'cancelled') {
      throw new MillraceError('INVALID_STATUS_TRANSITION', `Execution ${executionId} was cancelled`);
    }
    if (held.snapshot.state !== 'pending') return;
    this.change(executionId, { state: 'running', startedAt: 1_700_000_000_500, ...(params && { params }) });
  }

  async read(executionId: ExecutionId): Promise<ExecutionView> {
    this.#throwFault();
    return this.#get(executionId);
  }

  async waitForEnd(
    executionId: ExecutionId,
    timeoutMs: number,
    signal?: AbortSignal,
  ): Promise<ExecutionView> {
    this.#throwFault();
    this.waiting = signal;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      this.#waiters.set(executionId, () => {
        clearTimeout(timer);
        resolve();
      });
    });
    return this.#get(executionId);
  }

  async explain(executionId: ExecutionId): Promise<Explanation> {
    this.#throwFault();
    const view = this.#get(executionId);
    return { ...view, reasons: explainNodes({ ...view, hosts: [], readyByQueue: new Map() }) };
  }

  async watch(executionId: ExecutionId, listener: WatchListener): Promise<ExecutionWatch> {
    this.#throwFault();
    const first = this.#get(executionId);
    this.watches += 1;
    const listeners = this.watching.get(executionId) ?? new Set();
    this.watching.set(executionId, listeners.add(listener));
    return { first: { ...first }, close: () => void listeners.delete(listener) };
  }

  async cancel(executionId: ExecutionId): Promise<void> {
    this.#throwFault();
    const { state } = this.#get(executionId).snapshot;
    if (state === 'completed' || state === 'failed') {
      throw new MillraceError('INVALID_STATUS_TRANSITION', `Execution ${executionId} is ${state}`);
    }
    this.change(executionId, { state: 'cancelled' });
  }

  async list(query: ExecutionQuery): Promise<ExecutionPage> {
    this.#throwFault();
    this.queries.push(query);
    const newestFirst = [...this.executions.values()]
      .map(({ snapshot }): ExecutionSummary => snapshot)
      .reverse();
    const matching = newestFirst.filter(
      (row) =>
        (query.before === undefined || row.executionId < query.before) &&
        (query.state === undefined || row.state === query.state),
    );
    const executions = matching.slice(0, query.limit);
    return { executions, next: matching.length > query.limit ? executions.at(-1)?.executionId : undefined };
  }

  async listDead(query: DeadLetterQuery): Promise<readonly DeadLetter[]> {
    const { limit, before, handler, workflowId, errorCode, failedAfter = Number.NEGATIVE_INFINITY } = query;
    this.#throwFault();
    const from = before === undefined ? 0 : this.deadLetters.findIndex(({ id }) => id === before) + 1;
    return this.deadLetters
      .slice(from)
      .filter((letter) => handler === undefined || letter.handler === handler)
      .filter((letter) => workflowId === undefined || letter.workflowId === workflowId)
      .filter((letter) => errorCode === undefined || letter.error.code === errorCode)
      .filter((letter) => letter.failedAt > failedAfter)
      .slice(0, limit);
  }

  async redrive(deadLetterId: string, config?: Record<string, unknown>): Promise<DeadLetter> {
    this.#throwFault();
    const letter = this.#dead(deadLetterId);
    this.deadLetters = this.deadLetters.filter(({ executionId }) => executionId !== letter.executionId);
    this.redriven.push({ id: deadLetterId, config: config && JSON.stringify(config) });
    return letter;
  }

  async deleteDead(deadLetterId: string): Promise<void> {
    this.#throwFault();
    const letter = this.#dead(deadLetterId);
    this.deadLetters = this.deadLetters.filter((other) => other !== letter);
  }

  circuits(): readonly CircuitStatus[] {
    return this.openCircuits;
  }

  resetCircuit(name: string): void {
    if (!this.openCircuits.some((circuit) => circuit.name === name))
      throw new MillraceError('CIRCUIT_NOT_FOUND', `No circuit named ${name}`);
    this.openCircuits = this.openCircuits.filter((circuit) => circuit.name !== name);
  }

  health(): EngineHealth {
    return this.state;
  }

  async stats(): Promise<EngineStats> {
    this.#throwFault();
    return {
      store: {
        pending: 1,
        running: 2,
        readyTasks: 3,
        readyByQueue: new Map([['default', 3]]),
        leasedTasks: 4,
        delayedTasks: 5,
        outbox: 6,
        oldestReadyMs: 7,
      },
      runner: {
        threads: 1,
        capacity: 16,
        running: 4,
        replaced: { timeout: 0, crash: 0 },
        circuits: { closed: 0, open: 1, half_open: 0, opened: 1, refused: 0 },
      },
      hosts: [],
      callbacks: 8,
    };
  }

  /** Puts fields of an execution's snapshot in place of those it has, and wakes whoever waits for its end. */
  change(executionId: ExecutionId, fields: Partial<ExecutionSnapshot>): void {
    const held = this.#get(executionId);
    held.snapshot = { ...held.snapshot, ...fields };
    for (const listener of this.watching.get(executionId) ?? []) listener.changed({ ...held });
    if (held.snapshot.state !== 'running' && held.snapshot.state !== 'pending')
      this.#waiters.get(executionId)?.();
  }

  #submitOne(item: Submission): Submitted | MillraceError {
    const { idempotency, plan, params, trigger } = item;
    const claim = idempotency && `${idempotency.client}\n${idempotency.key}`;
    const earlier = claim === undefined ? undefined : this.#keys.get(claim);
    if (earlier && earlier.bodyHash !== idempotency?.bodyHash) {
      return new MillraceError('IDEMPOTENCY_KEY_REUSED', 'The Idempotency-Key was used for another body');
    }
    if (earlier) return earlier.answer;
    this.submissions.push(item);
    const executionId = this.#ids.next(0);
    const answer = { workflowId: plan.workflowId, executionId };
    if (claim !== undefined && idempotency) this.#keys.set(claim, { bodyHash: idempotency.bodyHash, answer });
    const snapshot: ExecutionSnapshot = {
      ...answer,
      name: plan.name,
      state: trigger ? 'running' : 'pending',
      revision: 1,
      createdAt: 1_700_000_000_000,
      params,
      nodes: [],
    };
    this.executions.set(executionId, { snapshot, plan });
    return answer;
  }

  #get(executionId: ExecutionId): Held {
    const held = this.executions.get(executionId);
    if (held) return held;
    throw new MillraceError('EXECUTION_NOT_FOUND', `Execution ${executionId} not found`);
  }

  #dead(id: string): DeadLetter {
    const letter = this.deadLetters.find((other) => other.id === id);
    if (letter) return letter;
    throw new MillraceError('DLQ_ENTRY_NOT_FOUND', `DLQ entry ${id} not found`);
  }

  #throwFault(): void {
    if (this.fault !== undefined) throw this.fault;
  }
}
