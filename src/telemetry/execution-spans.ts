import type { ExecutionId } from '../model/ids.js';
import type { ExecutionSnapshot } from '../model/snapshot.js';
import { executionSpan, type SpanSink } from './spans.js';

export interface ExecutionSpansOptions {
  readonly sink: SpanSink;
  /** Where the end of an execution and its record are one: reads what ended. undefined: the record is told of ends in its own time. */
  readonly readEnded:
    | ((ids: readonly ExecutionId[]) => Promise<readonly (ExecutionSnapshot | undefined)[]>)
    | undefined;
}

/** Tells of executions once their end is in the record, on the host that put it there. */
export class ExecutionSpans {
  readonly #sink: SpanSink;
  readonly #readEnded: ExecutionSpansOptions['readEnded'];
  readonly #reads = new Set<Promise<void>>();

  constructor({ sink, readEnded }: ExecutionSpansOptions) {
    this.#sink = sink;
    this.#readEnded = readEnded;
  }

  ended(ids: readonly ExecutionId[]): void {
    const read = this.#readEnded?.(ids).then(
      (snapshots) => {
        for (const snapshot of snapshots) if (snapshot) this.recorded(snapshot);
      },
      // A span is no reason to stop; the store tells of its own faults.
      () => undefined,
    );
    if (!read) return;
    this.#reads.add(read);
    void read.then(() => this.#reads.delete(read));
  }

  /** Resolves once all that has ended is told of. */
  async settled(): Promise<void> {
    await Promise.all(this.#reads);
  }

  recorded(snapshot: ExecutionSnapshot): void {
    const { executionId, workflowId, name, state, startedAt, finishedAt, error } = snapshot;
    if (startedAt === undefined || finishedAt === undefined) return;
    const span = executionSpan(executionId, snapshot.params, this.#sink);
    this.#sink.record({
      ...{ name: `workflow ${name}`, kind: 'internal', startedAt, endedAt: finishedAt },
      ...{ traceId: span.traceId, spanId: span.spanId, parent: span.parent },
      attributes: {
        'millrace.execution_id': executionId,
        'millrace.workflow_id': workflowId,
        'millrace.workflow_name': name,
        'millrace.status': state,
      },
      ...(state === 'failed' && {
        error: { code: error?.code ?? 'FAILED', message: error?.message ?? 'the execution failed' },
      }),
    });
  }
}
