import type { ExecutionId } from '../model/ids.js';
import type { TraceContext } from '../model/trace-context.js';
import type { HttpRequest } from './http-server.js';
import type { RequestAnswer, RequestSpan, RequestSpans } from './http-telemetry.js';
import { traceOfRequest } from './trace-headers.js';

const NONE: readonly ExecutionId[] = [];

/** The trace of one request: nothing is read or begun until a route asks for it. */
export class RequestTracing {
  readonly #request: HttpRequest;
  readonly #spans: RequestSpans | undefined;
  #span: RequestSpan | undefined;
  #executionIds: ExecutionId[] | undefined;

  constructor(request: HttpRequest, spans: RequestSpans | undefined) {
    this.#request = request;
    this.#spans = spans;
  }

  /** What the executions of this request are handed. Asked for once. */
  trace(): TraceContext | undefined {
    const given = traceOfRequest(this.#request);
    if (!this.#spans) return given;
    this.#span = this.#spans.begin(given);
    return this.#span.trace;
  }

  /** It brought this execution. */
  brought(id: ExecutionId): void {
    if (!this.#spans) return;
    this.#executionIds ??= [];
    this.#executionIds.push(id);
  }

  end(answer: Omit<RequestAnswer, 'executionIds'>): void {
    this.#span?.end({ ...answer, executionIds: this.#executionIds ?? NONE });
  }
}
