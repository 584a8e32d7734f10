import type { Clock } from '../model/clock.js';
import { hasTrace, traceOf, underSpan, withoutTrace, withTrace } from '../model/trace-context.js';
import type { RunnerResult, RunnerTask, TaskRunner } from '../runner/task-runner.js';
import { AttemptSpans } from './attempt-spans.js';
import { executionSpan, type SpanSink, traceparentOf } from './spans.js';

export interface TracedRunnerOptions {
  readonly clock: Pick<Clock, 'now' | 'randomBytes'>;
  /** undefined: nobody collects spans; executions in a trace are passed on all the same. */
  readonly spans: SpanSink | undefined;
}

const SPAN_ID_BYTES = 8;

/** A runner that gives each attempt of an execution in a trace a span of its own there; where spans are collected, every execution is in one. */
export class TracedRunner implements TaskRunner {
  readonly #runner: TaskRunner;
  readonly #clock: TracedRunnerOptions['clock'];
  readonly #spans: SpanSink | undefined;
  readonly #attempts: AttemptSpans | undefined;

  constructor(runner: TaskRunner, { clock, spans }: TracedRunnerOptions) {
    this.#runner = runner;
    this.#clock = clock;
    this.#spans = spans;
    this.#attempts = spans && new AttemptSpans(spans, clock);
  }

  run(tasks: readonly RunnerTask[]): void {
    const isAnyTraced = this.#spans !== undefined || tasks.some((task) => hasTrace(task.params));
    this.#runner.run(isAnyTraced ? tasks.map((task) => this.#traced(task)) : tasks);
  }

  #traced(task: RunnerTask): RunnerTask {
    const trace = this.#spans ? this.#attempt(task, this.#spans) : this.#passedOn(task);
    return trace ? { ...task, params: withTrace(withoutTrace(task.params), trace) } : task;
  }

  #passedOn({ params }: RunnerTask) {
    const trace = traceOf(params);
    return trace && underSpan(trace, this.#clock.randomBytes(SPAN_ID_BYTES));
  }

  #attempt(task: RunnerTask, spans: SpanSink) {
    const span = executionSpan(task.executionId, task.params, spans);
    const spanId = Buffer.from(this.#clock.randomBytes(SPAN_ID_BYTES)).toString('hex');
    this.#attempts?.begin(task, span, spanId);
    return { traceparent: traceparentOf({ ...span, spanId }), tracestate: span.tracestate };
  }

  abort(keys: readonly number[]) {
    this.#attempts?.abort(keys);
    this.#runner.abort(keys);
  }
  onResults(listener: (results: readonly RunnerResult[]) => void) {
    const attempts = this.#attempts;
    if (!attempts) return this.#runner.onResults(listener);
    this.#runner.onResults((results) => {
      attempts.end(results);
      listener(results);
    });
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
