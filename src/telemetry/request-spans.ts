import type { Clock } from '../model/clock.js';
import type { ExecutionId } from '../model/ids.js';
import { NO_PARAMS, type TraceContext, underSpan } from '../model/trace-context.js';
import { executionSpan, type ParentSpan, type SpanSink, spanOf } from './spans.js';

const SPAN_ID_BYTES = 8;
const TRACE_ID_BYTES = 16;
const FIRST_SERVER_ERROR = 500;

/** How a request went, and the executions that it brought. */
interface RequestAnswer {
  readonly name: string;
  readonly status: number;
  readonly durationMs: number;
  readonly executionIds: readonly ExecutionId[];
}

/**
 * Spans of requests that bring executions. In a trace they stand between the caller and the executions. Without one, the span stands below
 * the only execution that it brought, in the trace that begins there; a batch begins a trace of its own.
 */
export function createRequestSpans(sink: SpanSink, clock: Pick<Clock, 'now' | 'randomBytes'>) {
  const randomHex = (bytes: number) => Buffer.from(clock.randomBytes(bytes)).toString('hex');
  return {
    begin(given: TraceContext | undefined) {
      const spanId = randomHex(SPAN_ID_BYTES);
      return {
        trace: given && underSpan(given, Buffer.from(spanId, 'hex')),
        end({ name, status, durationMs, executionIds }: RequestAnswer): void {
          const [only] = executionIds.length === 1 ? executionIds : [];
          const root = only && executionSpan(only, NO_PARAMS, sink);
          const parent: ParentSpan | undefined = given ? spanOf(given) : root;
          const traceId = (given ? spanOf(given).traceId : root?.traceId) ?? randomHex(TRACE_ID_BYTES);
          const endedAt = clock.now();
          sink.record({
            ...{ name, kind: 'server', traceId, spanId, parent },
            ...{ startedAt: endedAt - durationMs, endedAt },
            attributes: {
              'http.response.status_code': status,
              'millrace.executions': executionIds.length,
              ...(only && { 'millrace.execution_id': only }),
            },
            ...(status >= FIRST_SERVER_ERROR && {
              error: { code: String(status), message: `answered ${status}` },
            }),
          });
        },
      };
    },
  };
}
