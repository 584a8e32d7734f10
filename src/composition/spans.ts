import type { Config } from '../config.js';
import type { Clock } from '../model/clock.js';
import type { SpanSink } from '../telemetry/spans.js';

/** How long a stop waits for the collector of spans. */
const SPANS_CLOSE_MS = 3000;

/** OpenTelemetry is loaded only where there is somebody to send spans to. */
export async function openSpans(from: {
  readonly config: Config;
  readonly clock: Clock;
  readonly version: string;
  readonly host: string;
}): Promise<SpanSink | undefined> {
  const { config, clock, version, host } = from;
  if (config.spansUrl === undefined) return undefined;
  const { openOtlpSpans } = await import('../telemetry/otlp-spans.js');
  return openOtlpSpans({
    ...{ url: config.spansUrl, maxQueued: config.OTEL_BSP_MAX_QUEUE_SIZE, version, host },
    closeWithinMs: SPANS_CLOSE_MS,
    after: (ms, callback) => clock.after(ms, callback),
  });
}
