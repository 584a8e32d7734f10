import type { MessagePort } from 'node:worker_threads';
import { evaluateCondition } from '../src/model/condition.js';
import { countReferences, renderTemplate, type Template } from '../src/model/template.js';
import { ResultFrameWriter, type ThreadOutcome } from '../src/runner/frames/result-frame.js';
import { readTaskFrame, type TaskFrame, type TaskOrder } from '../src/runner/frames/task-frame.js';
import { monotonicMs } from '../src/runner/frames/thread-clock.js';
import { setCurrentSlot, startTask, type ThreadMemory } from '../src/runner/frames/thread-memory.js';
import { type CircuitGate, CircuitOpen } from './circuit-gate.js';
import { DurableSleep } from './durable-sleep.js';
import { HandlerFault, invalidConfig } from './handler-fault.js';
import { checkConditionSubstitutes, checkSubstitutes } from './input-limit.js';
import type { LoadedHandler, LoadedHandlers } from './loaded-handler.js';
import type { LogPort } from './log-port.js';
import { compileOverride, compileProgram, type Program } from './program.js';
import { TaskContext } from './task-context.js';
import { toTaskFault } from './task-fault.js';
import { encodeOutput } from './task-output.js';
import type { SecretBook } from './task-secrets.js';

export interface TaskLoopOptions {
  readonly port: MessagePort;
  readonly memory: ThreadMemory;
  readonly handlers: LoadedHandlers;
  readonly logPort: LogPort;
  readonly circuits: CircuitGate;
  readonly secrets: SecretBook;
  readonly maxOutputBytes: number;
}

/** After this much work in one turn results are sent, and timers, sockets and aborts have their turn. */
const SLICE_MS = 4;
/** A larger output travels in a frame of its own: a small one that is kept would keep its whole frame in memory. */
const LARGE_OUTPUT_BYTES = 16_384;

/** A task that the thread has started and that has not returned. */
interface RunningTask {
  readonly order: TaskOrder;
  readonly context: TaskContext;
  readonly startedAt: number;
}

interface QueuedTask {
  readonly order: TaskOrder;
  readonly program: Program;
}

/**
 * Runs the tasks of one thread: starts them in the order in which they came, lets what is asynchronous overlap, and
 * sends results when there is nothing more to start, or when a slice of work is over.
 */
export class TaskLoop {
  readonly #options: TaskLoopOptions;
  readonly #programs = new Map<number, Program>();
  readonly #running = new Map<number, RunningTask>();
  readonly #results = new ResultFrameWriter();
  #queue: QueuedTask[] = [];
  #next = 0;
  #isTurnDue = false;

  constructor(options: TaskLoopOptions) {
    this.#options = options;
  }

  /** Takes a frame from the main thread. */
  receive(bytes: Uint8Array): void {
    const frame = readTaskFrame(bytes);
    this.#learn(frame);
    for (const { slot, ticket, reason } of frame.aborts) {
      const running = this.#running.get(slot);
      if (running?.order.ticket === ticket) running.context.abort(reason);
    }
    if (frame.ping > 0) this.#results.answer(frame.ping);
    this.#turn();
  }

  /** Sends what is finished. */
  flush(): void {
    for (const report of this.#options.circuits.takeReports()) this.#results.addCall(report);
    if (this.#results.isEmpty) return;
    const frame = this.#results.take();
    this.#options.port.postMessage(frame, [frame.buffer]);
  }

  #learn(frame: TaskFrame): void {
    for (const { id, source } of frame.programs)
      this.#programs.set(id, compileProgram(source, this.#options.handlers.get(source.handler)?.secrets));
    for (const order of frame.tasks) {
      const program = this.#programs.get(order.programId);
      if (program === undefined) throw new RangeError(`the thread was never told program ${order.programId}`);
      this.#queue.push({ order, program });
    }
    for (const id of frame.forgottenPrograms) this.#programs.delete(id);
  }

  #turn(): void {
    const sliceEnd = monotonicMs() + SLICE_MS;
    while (this.#next < this.#queue.length) {
      const task = this.#queue[this.#next++];
      if (task !== undefined && this.#start(task) > sliceEnd) break;
    }
    if (this.#next === this.#queue.length) {
      this.#queue = [];
      this.#next = 0;
    } else {
      this.#turnSoon();
    }
    this.flush();
  }

  /** Once for all that finishes, or is left over, in this turn of the event loop. */
  #turnSoon(): void {
    if (this.#isTurnDue) return;
    this.#isTurnDue = true;
    setImmediate(() => {
      this.#isTurnDue = false;
      this.#turn();
    });
  }

  /** Answers when the task's first synchronous stretch was over. */
  #start(task: QueuedTask): number {
    const { order, program } = task;
    const { memory } = this.#options;
    const startedAt = monotonicMs();
    if (!startTask(memory, order.slot, order.ticket, startedAt)) return startedAt;
    const running = { order, context: new TaskContext(order, program, this.#options), startedAt };
    setCurrentSlot(memory, order.slot);
    try {
      const returned = this.#run(running, program);
      if (isThenable(returned)) {
        this.#await(running, returned);
        return monotonicMs();
      }
      return this.#add(running, this.#outcomeOf(running, returned));
    } catch (error) {
      return this.#add(running, failed(running, error));
    } finally {
      setCurrentSlot(memory, undefined);
    }
  }

  /** What the handler returned, a promise perhaps; SKIPPED where the condition is false. */
  #run(running: RunningTask, program: Program): unknown {
    const { order, context } = running;
    if (program.fault !== undefined) throw program.fault;
    if (program.condition !== undefined) {
      checkConditionSubstitutes(program.condition, program.references, context.inputs);
      if (!evaluateCondition(program.condition, context.inputs)) return SKIPPED;
    }
    const handler = this.#handler(program.source.handler);
    context.config = renderConfig(order, program, context);
    handler.checkConfig?.(context.config);
    return handler.run(context);
  }

  #handler(name: string): LoadedHandler {
    const handler = this.#options.handlers.get(name);
    if (handler !== undefined) return handler;
    throw new HandlerFault('UNKNOWN_HANDLER', `No handler is named ${name}`, { category: 'validation' });
  }

  #await(running: RunningTask, returned: PromiseLike<unknown>): void {
    this.#running.set(running.order.slot, running);
    Promise.resolve(returned).then(
      (value) => this.#settle(running, this.#outcomeOf(running, value)),
      (error: unknown) => this.#settle(running, failed(running, error)),
    );
  }

  #settle(running: RunningTask, outcome: ThreadOutcome): void {
    this.#running.delete(running.order.slot);
    this.#add(running, outcome);
    this.#turnSoon();
  }

  #outcomeOf(running: RunningTask, value: unknown): ThreadOutcome {
    if (value === SKIPPED) return { kind: 'skipped' };
    try {
      const isSleep = value instanceof DurableSleep;
      const output = encodeOutput(
        isSleep ? value.output : value,
        this.#options.maxOutputBytes,
        running.context.secrets.redactor,
      );
      const outputField = output === undefined ? {} : { output };
      return isSleep
        ? { kind: 'sleep', delayMs: value.delayMs, ...outputField }
        : { kind: 'completed', ...outputField };
    } catch (error) {
      return failed(running, error);
    }
  }

  #add(running: RunningTask, outcome: ThreadOutcome): number {
    const { slot, ticket } = running.order;
    const now = monotonicMs();
    const isLarge =
      'output' in outcome && outcome.output !== undefined && outcome.output.length > LARGE_OUTPUT_BYTES;
    if (isLarge) this.flush();
    this.#results.add({ slot, ticket, runMs: now - running.startedAt, outcome });
    if (isLarge) this.flush();
    return now;
  }
}

const SKIPPED = Symbol('skipped');

function renderConfig(order: TaskOrder, program: Program, context: TaskContext): unknown {
  const { configOverride } = order;
  const { inputs } = context;
  if (configOverride === undefined) {
    checkSubstitutes(program.template, program.references, inputs);
    return renderTemplate(program.template, inputs);
  }
  const template = readOverride(program, configOverride);
  checkSubstitutes(template, countReferences(template), inputs);
  return renderTemplate(template, inputs);
}

function readOverride(program: Program, text: Uint8Array): Template {
  try {
    return compileOverride(program, text);
  } catch (error) {
    if (error instanceof HandlerFault) throw error;
    throw invalidConfig(`The config that stands in for this run cannot be read: ${String(error)}`);
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}

function failed({ context }: RunningTask, error: unknown): ThreadOutcome {
  if (error instanceof CircuitOpen)
    return { kind: 'refused', circuit: error.circuit, retryInMs: error.retryInMs };
  return { kind: 'failed', fault: toTaskFault(error, context.secrets.redactor) };
}
