import type { ExecutionId } from '../model/ids.js';
import { type TraceContext, traceOf } from '../model/trace-context.js';

/** A span that is over. Ids as hexadecimal digits, times in milliseconds since the epoch. */
export interface FinishedSpan {
  readonly name: string;
  readonly kind: 'internal' | 'server';
  readonly traceId: string;
  readonly spanId: string;
  /** undefined: it is the first of its trace. */
  readonly parent: ParentSpan | undefined;
  readonly startedAt: number;
  readonly endedAt: number;
  readonly attributes: Readonly<Record<string, string | number>>;
  readonly error?: { readonly code: string; readonly message: string };
}

export interface ParentSpan {
  readonly spanId: string;
  readonly isSampled: boolean;
}

/** Where finished spans go. Never throws, and never waits for where they are sent. */
export interface SpanSink {
  record(span: FinishedSpan): void;
  /** Whether a trace that begins here is sampled: every host says the same of the same id. */
  isRootSampled(traceId: string): boolean;
  readonly counts: SpanCounts;
  /** Sends what there is, within a bound. */
  close(): Promise<void>;
}

/** Since the start. */
export interface SpanCounts {
  readonly exported: number;
  /** The queue was full. */
  readonly dropped: number;
  /** Their batch was not taken. */
  readonly failed: number;
}

export interface SpanPlace {
  readonly traceId: string;
  readonly spanId: string;
  readonly isSampled: boolean;
}

const SAMPLED = 0x01;

/** The span that a traceparent names. */
export function spanOf({ traceparent }: TraceContext): SpanPlace {
  const flags = Number.parseInt(traceparent.slice(53), 16);
  return {
    traceId: traceparent.slice(3, 35),
    spanId: traceparent.slice(36, 52),
    isSampled: (flags & SAMPLED) !== 0,
  };
}

export interface ExecutionSpan extends SpanPlace {
  /** Of the request that the execution came with; undefined: its trace begins with it. */
  readonly parent: ParentSpan | undefined;
  readonly tracestate: string;
}

/**
 * The span of an execution: every host derives the same one from its id and params. Without a trace of its own it begins the one
 * whose id is its own; its span id is the random half of that.
 */
export function executionSpan(
  id: ExecutionId,
  params: Uint8Array,
  sink: Pick<SpanSink, 'isRootSampled'>,
): ExecutionSpan {
  const digits = id.replaceAll('-', '');
  const spanId = digits.slice(16);
  const trace = traceOf(params);
  if (!trace) {
    const isSampled = sink.isRootSampled(digits);
    return { traceId: digits, spanId, isSampled, parent: undefined, tracestate: '' };
  }
  const parent = spanOf(trace);
  const { traceId, isSampled } = parent;
  return { traceId, spanId, isSampled, parent, tracestate: trace.tracestate };
}

export function traceparentOf({ traceId, spanId, isSampled }: SpanPlace): string {
  return `00-${traceId}-${spanId}-${isSampled ? '01' : '00'}`;
}
