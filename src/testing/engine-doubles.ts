import type { LogFields, Logger } from '../engine/logger.js';
import type { Telemetry } from '../engine/telemetry.js';
import type { HandlerCatalog } from '../model/builtin-handlers.js';
import type { AdvanceOutcome, LeasedTask, LeaseRequest, TaskResult } from '../model/commands.js';
import type { ExecutionId } from '../model/ids.js';
import type { Plan } from '../model/plan.js';
import type {
  CircuitCounts,
  Circuits,
  RunnerOutcome,
  RunnerResult,
  RunnerStats,
  RunnerTask,
  TaskRunner,
} from '../runner/task-runner.js';
import type { StateStore, StoreReply } from '../store/state-store.js';
import { NO_PARAMS } from './machine-fixture.js';
import { rowOf } from './plan-fixtures.js';

export const NO_CIRCUITS: CircuitCounts = { closed: 0, open: 0, half_open: 0, opened: 0, refused: 0 };

/** A runner whose tasks end when the test says so. It has the handler `work`. */
export class RunnerDouble implements TaskRunner {
  readonly handlers: HandlerCatalog = new Map([['work', { name: 'work', builtin: false }]]);
  readonly circuits: Circuits = { list: () => [], reset: () => false };
  capacity: number;
  /** Tasks that were given to it and are not answered. */
  readonly running = new Map<number, RunnerTask>();
  /** Every task that it was ever given. */
  readonly given: RunnerTask[] = [];
  readonly aborted: number[] = [];
  #listener: (results: readonly RunnerResult[]) => void = () => undefined;

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  async start(): Promise<void> {}
  async close(): Promise<void> {}

  room(): number {
    return Math.max(0, this.capacity - this.running.size);
  }

  run(tasks: readonly RunnerTask[]): void {
    for (const task of tasks) {
      this.running.set(task.key, task);
      this.given.push(task);
    }
  }

  abort(keys: readonly number[]): void {
    for (const key of keys) this.running.delete(key);
    this.aborted.push(...keys);
  }

  onResults(listener: (results: readonly RunnerResult[]) => void): void {
    this.#listener = listener;
  }

  stats(): RunnerStats {
    return {
      threads: 1,
      capacity: this.capacity,
      running: this.running.size,
      replaced: { timeout: 0, crash: 0 },
      circuits: NO_CIRCUITS,
    };
  }

  /** Ends these tasks, all in one turn. */
  finish(keys: readonly number[], outcome: RunnerOutcome = { kind: 'completed' }): void {
    for (const key of keys) this.running.delete(key);
    this.#listener(keys.map((key) => ({ key, outcome, queuedMs: 0, runMs: 1 })));
  }

  /** Has more room from now on, and tells so. */
  widen(capacity: number): void {
    this.capacity = capacity;
    this.#listener([]);
  }
}

/** A call of the store that waits for its answer. */
export interface StoreCall {
  readonly kind: 'lease' | 'advance';
  readonly results: readonly TaskResult[];
  readonly request: LeaseRequest | undefined;
  answer(tasks?: readonly LeasedTask[]): void;
  fail(error: Error): void;
}

/** A store whose answers the test gives, call by call. */
export class StoreDouble implements Pick<StateStore, 'lease' | 'advance'> {
  readonly calls: StoreCall[] = [];

  lease(request: LeaseRequest): Promise<StoreReply<never>> {
    return this.#call<never>('lease', [], request);
  }

  advance(results: readonly TaskResult[], request?: LeaseRequest): Promise<StoreReply<AdvanceOutcome>> {
    return this.#call<AdvanceOutcome>('advance', results, request);
  }

  #call<T>(
    kind: StoreCall['kind'],
    results: readonly TaskResult[],
    request: LeaseRequest | undefined,
  ): Promise<StoreReply<T>> {
    return new Promise((resolve, reject) => {
      const answer = (tasks: readonly LeasedTask[] = []): void =>
        resolve({ outcomes: [], tasks, durable: Promise.resolve() });
      this.calls.push({ kind, results, request, answer, fail: reject });
    });
  }
}

const LARGE_ROW: Plan = rowOf(100);

/** A lease of one node of a plan of a hundred that do not depend on each other. */
export function leasedTask(node: number, rest: Partial<LeasedTask> = {}): LeasedTask {
  return {
    executionId: '0190c5a8-7a3b-7000-8000-000000000001' as ExecutionId,
    plan: LARGE_ROW,
    node,
    fence: 1,
    attempt: 1,
    deliveries: 0,
    alone: false,
    suspect: false,
    queuedAt: 0,
    params: NO_PARAMS,
    inputs: [],
    ...rest,
  };
}

export interface LoggedLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly message: string;
  readonly fields: LogFields | undefined;
}

/** A logger that keeps its lines. */
export function recordingLogger(): { readonly log: Logger; readonly lines: LoggedLine[] } {
  const lines: LoggedLine[] = [];
  const at = (level: LoggedLine['level']) => (message: string, fields?: LogFields) => {
    lines.push({ level, message, fields });
  };
  const log: Logger = {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: () => log,
  };
  return { log, lines };
}

/** Telemetry that keeps what it is told, each as the name of the method and its arguments without times. */
export function recordingTelemetry(): { readonly telemetry: Telemetry; readonly told: string[] } {
  const told: string[] = [];
  const telemetry: Telemetry = {
    submitted: (count) => void told.push(`submitted ${count}`),
    ended: (state) => void told.push(`ended ${state}`),
    queueWaited: () => undefined,
    nodeEnded: (handler, status) => void told.push(`${handler} ${status}`),
    calledBack: (outcome) => void told.push(`callback ${outcome}`),
    slept: (count) => void told.push(`slept ${count}`),
    reconciled: (count) => void told.push(`reconciled ${count}`),
  };
  return { telemetry, told };
}
