import { hasTrace, traceOf, underSpan, withoutTrace, withTrace } from '../model/trace-context.js';
import type { RunnerResult, RunnerTask, TaskRunner } from '../runner/task-runner.js';

const SPAN_ID_BYTES = 8;

/** A runner that gives each attempt of an execution in a trace a span of its own there. */
export class TracedRunner implements TaskRunner {
  readonly #runner: TaskRunner;
  readonly #randomBytes: (count: number) => Uint8Array;

  constructor(runner: TaskRunner, randomBytes: (count: number) => Uint8Array) {
    this.#runner = runner;
    this.#randomBytes = randomBytes;
  }

  run(tasks: readonly RunnerTask[]): void {
    const isAnyTraced = tasks.some((task) => hasTrace(task.params));
    this.#runner.run(isAnyTraced ? tasks.map((task) => this.#traced(task)) : tasks);
  }

  #traced(task: RunnerTask): RunnerTask {
    const trace = traceOf(task.params);
    if (!trace) return task;
    const ofAttempt = underSpan(trace, this.#randomBytes(SPAN_ID_BYTES));
    return { ...task, params: withTrace(withoutTrace(task.params), ofAttempt) };
  }

  start() {
    return this.#runner.start();
  }
  get handlers() {
    return this.#runner.handlers;
  }
  room() {
    return this.#runner.room();
  }
  abort(keys: readonly number[]) {
    this.#runner.abort(keys);
  }
  onResults(listener: (results: readonly RunnerResult[]) => void) {
    this.#runner.onResults(listener);
  }
  stats() {
    return this.#runner.stats();
  }
  get circuits() {
    return this.#runner.circuits;
  }
  close() {
    return this.#runner.close();
  }
}
