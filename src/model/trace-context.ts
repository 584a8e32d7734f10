/**
 * Where an execution stands in a trace that began before it (W3C Trace Context, https://www.w3.org/TR/trace-context/).
 *
 * It is kept behind the params, in the same bytes: NUL, traceparent, tracestate, NUL. JSON text has no NUL, so the last byte tells whether
 * there is one; stores copy it along unread, and an execution without a trace pays for that one look.
 */
export interface TraceContext {
  /** In version 00: 55 characters. */
  readonly traceparent: string;
  /** Of other tracing systems; at most 512 characters, '' where there is none. */
  readonly tracestate: string;
}

const MARK = 0;
const TRACEPARENT_LENGTH = 55;
const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const ALL_ZERO = /^0+$/;
/** `sampled` of level 1 and `random` of level 2; the others have no meaning yet, and are not passed on. */
const KNOWN_FLAGS = 0x03;
const MAX_TRACESTATE_LENGTH = 512;
const MAX_TRACESTATE_MEMBERS = 32;
const TRACESTATE_MEMBER =
  /^[a-z0-9][a-z0-9_\-*/@]{0,255}=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/;

/**
 * From the two headers; undefined where traceparent is not valid, and without tracestate where that is not. A later version is read as far as
 * version 00 goes, and passed on as that.
 */
export function parseTraceContext(traceparent: string, tracestate = ''): TraceContext | undefined {
  const [, version, traceId = '', spanId = '', flags = '', rest] = TRACEPARENT.exec(traceparent) ?? [];
  if (version === undefined || version === 'ff' || (version === '00' && rest !== undefined)) return undefined;
  if (ALL_ZERO.test(traceId) || ALL_ZERO.test(spanId)) return undefined;
  const known = (Number.parseInt(flags, 16) & KNOWN_FLAGS).toString(16).padStart(2, '0');
  return { traceparent: `00-${traceId}-${spanId}-${known}`, tracestate: checkedTracestate(tracestate) };
}

/** Members from the left, where the most recent ones stand, as many as fit; '' where one is not valid. */
function checkedTracestate(text: string): string {
  const members = text
    .split(',')
    .map((member) => member.trim())
    .filter((member) => member !== '');
  if (members.length > MAX_TRACESTATE_MEMBERS) return '';
  let kept = '';
  for (const member of members) {
    if (!TRACESTATE_MEMBER.test(member)) return '';
    const longer = kept === '' ? member : `${kept},${member}`;
    if (longer.length > MAX_TRACESTATE_LENGTH) break;
    kept = longer;
  }
  return kept;
}

/** 32 hexadecimal digits. */
export function traceIdOf({ traceparent }: TraceContext): string {
  return traceparent.slice(3, 35);
}

/** The same trace, with another span as the parent. `spanId`: 8 bytes. */
export function underSpan(trace: TraceContext, spanId: Uint8Array): TraceContext {
  const { traceparent, tracestate } = trace;
  const id = Buffer.from(spanId.buffer, spanId.byteOffset, spanId.length).toString('hex');
  return { traceparent: `${traceparent.slice(0, 36)}${id}${traceparent.slice(52)}`, tracestate };
}

/** Of a trigger that gives a trace alone. */
export const NO_PARAMS: Uint8Array = new Uint8Array(0);

export function hasTrace(params: Uint8Array): boolean {
  return params.length > 0 && params[params.length - 1] === MARK;
}

/** `params`: JSON text, or empty: those that are known already. */
export function withTrace(params: Uint8Array, { traceparent, tracestate }: TraceContext): Uint8Array {
  return Buffer.concat([params, Buffer.from(`\0${traceparent}${tracestate}\0`, 'latin1')]);
}

/** The JSON text alone, not copied. */
export function withoutTrace(params: Uint8Array): Uint8Array {
  return hasTrace(params) ? params.subarray(0, markOf(params)) : params;
}

export function traceOf(params: Uint8Array): TraceContext | undefined {
  if (!hasTrace(params)) return undefined;
  const text = Buffer.from(params.subarray(markOf(params) + 1, -1)).toString('latin1');
  return {
    traceparent: text.slice(0, TRACEPARENT_LENGTH),
    tracestate: text.slice(TRACEPARENT_LENGTH),
  };
}

/** What a trigger gives replaces what the submission gave: the JSON text, the trace, or both. */
export function triggeredParams(submitted: Uint8Array, given: Uint8Array): Uint8Array {
  const text = withoutTrace(given);
  const traced = hasTrace(given) ? given : submitted;
  const params = text.length > 0 ? text : withoutTrace(submitted);
  return hasTrace(traced) ? Buffer.concat([params, traced.subarray(markOf(traced))]) : params;
}

/** Where the trace begins. */
function markOf(params: Uint8Array): number {
  return params.lastIndexOf(MARK, params.length - 2);
}
