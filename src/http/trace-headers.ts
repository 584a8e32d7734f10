import { NO_PARAMS, parseTraceContext, type TraceContext, withTrace } from '../model/trace-context.js';
import type { HttpRequest } from './http-server.js';
import { TRACEPARENT, TRACESTATE } from './openapi/parameters.js';

/** The trace that the caller is in; undefined where it names none, or none that is valid. */
export function traceOfRequest(request: HttpRequest): TraceContext | undefined {
  const traceparent = request.header(TRACEPARENT.name);
  return traceparent === undefined
    ? undefined
    : parseTraceContext(traceparent.trim(), request.header(TRACESTATE.name));
}

/** The params as the engine takes them. */
export function traced(params: Uint8Array, trace: TraceContext | undefined): Uint8Array {
  return trace ? withTrace(params, trace) : params;
}

/** The same for a trigger, which may have neither. */
export function tracedTrigger(
  params: Uint8Array | undefined,
  trace: TraceContext | undefined,
): Uint8Array | undefined {
  return trace ? withTrace(params ?? NO_PARAMS, trace) : params;
}
