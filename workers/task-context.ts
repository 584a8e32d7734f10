import { type TraceContext, traceIdOf, traceOf } from '../src/model/trace-context.js';
import type { AbortReason, TaskOrder } from '../src/runner/frames/task-frame.js';
import type { HandlerContext, HandlerLogger } from './define-handler.js';
import type { LogPort } from './log-port.js';
import type { Program } from './program.js';
import { sleep } from './sleep.js';
import { TaskInputs } from './task-inputs.js';
import { createTaskLogger } from './task-logger.js';
import { type SecretBook, TaskSecrets } from './task-secrets.js';

/** What the tasks of a thread share. */
export interface TaskParts {
  readonly logPort: LogPort;
  readonly secrets: SecretBook;
}

/**
 * What a handler is given. Most handlers use little of it, so that outputs, signal and logger are made when they are
 * first asked for. Functions are bound, because handlers take the context apart.
 */
export class TaskContext implements HandlerContext<unknown> {
  /** Set before the handler runs. */
  config: unknown = undefined;
  readonly inputs: TaskInputs;
  readonly secrets: TaskSecrets;
  readonly #order: TaskOrder;
  readonly #program: Program;
  readonly #logPort: LogPort;
  #outputs: Readonly<Record<string, unknown>> | undefined = undefined;
  #log: HandlerLogger | undefined = undefined;
  #controller: AbortController | undefined = undefined;

  constructor(order: TaskOrder, program: Program, parts: TaskParts) {
    this.#order = order;
    this.#program = program;
    this.#logPort = parts.logPort;
    this.secrets = new TaskSecrets(parts.secrets);
    this.inputs = new TaskInputs(order, this.secrets);
  }

  get params(): unknown {
    return this.inputs.params;
  }

  get outputs(): Readonly<Record<string, unknown>> {
    this.#outputs ??= this.inputs.ofDependencies(this.#program);
    return this.#outputs;
  }

  get attempt(): number {
    return this.#order.attempt;
  }

  get executionId(): string {
    return this.#order.executionId;
  }

  get nodeId(): string {
    return this.#program.source.nodeId;
  }

  get workflowName(): string {
    return this.#program.source.workflowName;
  }

  get idempotencyKey(): string {
    return this.#order.idempotencyKey;
  }

  get traceparent(): string | undefined {
    return this.#trace()?.traceparent;
  }

  get tracestate(): string | undefined {
    return this.#trace()?.tracestate || undefined;
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    return this.#controller.signal;
  }

  get log(): HandlerLogger {
    if (this.#log) return this.#log;
    const { nodeId, handler } = this.#program.source;
    const { executionId, attempt } = this.#order;
    const trace = this.#trace();
    const traceId = trace && traceIdOf(trace);
    const task = { executionId, nodeId, handler, attempt, ...(traceId !== undefined && { traceId }) };
    this.#log = createTaskLogger(this.#logPort, task, this.secrets);
    return this.#log;
  }

  get sleep(): (ms: number) => Promise<void> {
    return (ms) => sleep(ms, this.signal);
  }

  #trace(): TraceContext | undefined {
    return traceOf(this.#order.params);
  }

  /** Fires the signal, also for a handler that asks for it only later. */
  abort(reason: AbortReason): void {
    this.#controller ??= new AbortController();
    this.#controller.abort(
      reason === 'timeout'
        ? new DOMException('The attempt outlasted its time-out', 'TimeoutError')
        : new DOMException('The execution has ended, or another host has the task', 'AbortError'),
    );
  }
}
