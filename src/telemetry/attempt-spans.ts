import type { Clock } from '../model/clock.js';
import type { RunnerOutcome, RunnerResult, RunnerTask } from '../runner/task-runner.js';
import type { ExecutionSpan, FinishedSpan, SpanSink } from './spans.js';

interface Attempt {
  readonly task: RunnerTask;
  readonly span: ExecutionSpan;
  readonly spanId: string;
  readonly givenAt: number;
}

/** Tells of attempts on the host that ran them. */
export class AttemptSpans {
  readonly #sink: SpanSink;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #underWay = new Map<number, Attempt>();

  constructor(sink: SpanSink, clock: Pick<Clock, 'now'>) {
    this.#sink = sink;
    this.#clock = clock;
  }

  /** `span`: of its execution. */
  begin(task: RunnerTask, span: ExecutionSpan, spanId: string): void {
    this.#underWay.set(task.key, { task, span, spanId, givenAt: this.#clock.now() });
  }

  end(results: readonly RunnerResult[]): void {
    const endedAt = this.#clock.now();
    for (const { key, outcome, runMs } of results) {
      const attempt = this.#take(key);
      if (!attempt) continue;
      const fault = faultOf(outcome);
      this.#record(attempt, {
        startedAt: endedAt - runMs,
        endedAt,
        outcome: outcome.kind,
        ...(fault && { error: fault }),
      });
    }
  }

  /** They answer no result: their execution has ended, or another host has the task. */
  abort(keys: readonly number[]): void {
    const endedAt = this.#clock.now();
    for (const key of keys) {
      const attempt = this.#take(key);
      if (!attempt) continue;
      const error = { code: 'ABORTED', message: 'the attempt was aborted: nobody waits for its result' };
      this.#record(attempt, { startedAt: attempt.givenAt, endedAt, outcome: 'aborted', error });
    }
  }

  #take(key: number): Attempt | undefined {
    const attempt = this.#underWay.get(key);
    this.#underWay.delete(key);
    return attempt;
  }

  #record(
    { task, span, spanId }: Attempt,
    end: Pick<FinishedSpan, 'startedAt' | 'endedAt' | 'error'> & { readonly outcome: string },
  ): void {
    const { outcome, ...times } = end;
    const node = task.plan.nodes[task.node];
    const handler = node?.handler ?? '';
    this.#sink.record({
      ...{ name: `${handler} ${node?.id ?? task.node}`, kind: 'internal', ...times },
      ...{ traceId: span.traceId, spanId, parent: span },
      attributes: {
        'millrace.execution_id': task.executionId,
        'millrace.node_id': node?.id ?? String(task.node),
        'millrace.handler': handler,
        'millrace.attempt': task.attempt,
        'millrace.outcome': outcome,
        'millrace.queue_wait_ms': Math.max(0, end.startedAt - task.queuedAt),
      },
    });
  }
}

function faultOf(outcome: RunnerOutcome): FinishedSpan['error'] {
  switch (outcome.kind) {
    case 'failed':
      return { code: outcome.fault.code, message: outcome.fault.message };
    case 'crashed':
      return { code: 'WORKER_CRASHED', message: outcome.reason };
    case 'refused':
      return { code: 'CIRCUIT_OPEN', message: `the circuit ${outcome.circuit} is open` };
    default:
      return undefined;
  }
}
