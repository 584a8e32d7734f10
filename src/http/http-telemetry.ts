import type { ExecutionId } from '../model/ids.js';
import type { TraceContext } from '../model/trace-context.js';

/** What the edge tells of itself and what it shows of the whole. */
export interface HttpTelemetry {
  /** Called once for each route at start: labels are resolved there, not for every request. */
  requestRecorder(endpoint: string, method: string): RequestRecorder;
  /** The Prometheus text and its content type. */
  scrape(): Promise<{ readonly contentType: string; readonly text: string }>;
  /** Totals, rates and latencies for people, as plain JSON. */
  summary(): Readonly<Record<string, unknown>>;
  /** Percentiles of each stage by window, as plain JSON. */
  latencies(query: LatencyQuery): Readonly<Record<string, unknown>>;
}

/** `window` undefined: all of them. */
export interface LatencyQuery {
  readonly window: '1m' | '5m' | 'start' | undefined;
  readonly include: 'histogram' | undefined;
}

/** Spans of requests that bring executions, where spans are collected. */
export interface RequestSpans {
  /** `trace`: that of the caller. */
  begin(trace: TraceContext | undefined): RequestSpan;
}

export interface RequestSpan {
  /** What the executions are handed: the caller's trace, under this span. */
  readonly trace: TraceContext | undefined;
  end(answer: RequestAnswer): void;
}

export interface RequestAnswer {
  readonly name: string;
  readonly status: number;
  readonly durationMs: number;
  /** Those that it brought. */
  readonly executionIds: readonly ExecutionId[];
}

export interface RequestRecorder {
  observe(durationMs: number, status: number): void;
}
