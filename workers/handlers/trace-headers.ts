import type { HandlerContext } from '../define-handler.js';

/** The headers by which a called service takes its place in the trace of the execution (W3C Trace Context). */
export function traceHeaders({
  traceparent,
  tracestate,
}: Pick<HandlerContext, 'traceparent' | 'tracestate'>): Readonly<Record<string, string>> {
  if (traceparent === undefined) return {};
  return { traceparent, ...(tracestate !== undefined && { tracestate }) };
}
