/** What the edge tells of itself and what it shows of the whole. */
export interface HttpTelemetry {
  /** Called once for each route at start: labels are resolved there, not for every request. */
  requestRecorder(endpoint: string, method: string): RequestRecorder;
  /** The Prometheus text and its content type. */
  scrape(): Promise<{ readonly contentType: string; readonly text: string }>;
  /** Totals, rates and latencies for people, as plain JSON. */
  summary(): Readonly<Record<string, unknown>>;
}

export interface RequestRecorder {
  observe(durationMs: number, status: number): void;
}
