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

export interface RequestRecorder {
  observe(durationMs: number, status: number): void;
}
