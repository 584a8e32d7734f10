import { ROOT_CONTEXT, SpanKind, SpanStatusCode, TraceFlags, type Tracer, trace } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import {
  defaultResource,
  detectResources,
  envDetector,
  resourceFromAttributes,
} from '@opentelemetry/resources';
import {
  BasicTracerProvider,
  BatchSpanProcessor,
  type ReadableSpan,
  type SpanExporter,
} from '@opentelemetry/sdk-trace-base';
import type { FinishedSpan, SpanSink } from './spans.js';

/* The only file that imports OpenTelemetry; it is imported itself only where an endpoint is set. The packages read the other OTEL_ variables. */

export interface OtlpSpansOptions {
  /** Where spans are posted, as OTLP over HTTP in JSON. */
  readonly url: string;
  /** Spans that wait or are under way at most; those after them are dropped and counted. */
  readonly maxQueued: number;
  /** How long `close` waits for the collector. */
  readonly closeWithinMs: number;
  readonly version: string;
  readonly host: string;
  readonly after: (ms: number, callback: () => void) => unknown;
}

const DEFAULT_SERVICE_NAME = 'millrace';
const RANDOM = '1'.repeat(16);

/** Spans sent by the OpenTelemetry SDK, in batches, in the background. */
export function openOtlpSpans(options: OtlpSpansOptions): SpanSink {
  const counts = { exported: 0, dropped: 0, failed: 0 };
  let queued = 0;
  const exporter = counting(new OTLPTraceExporter({ url: options.url }), (spans, isTaken) => {
    queued -= spans;
    counts[isTaken ? 'exported' : 'failed'] += spans;
  });
  // The SDK asks for ids where it starts a span; these are the next ones that it gets.
  const next = { traceId: '', spanId: '' };
  const provider = new BasicTracerProvider({
    resource: resourceOf(options),
    idGenerator: { generateTraceId: () => next.traceId, generateSpanId: () => next.spanId },
    spanProcessors: [new BatchSpanProcessor(exporter, { maxQueueSize: options.maxQueued })],
  });
  const tracer = provider.getTracer('millrace', options.version);
  return {
    counts,
    record(finished) {
      if (queued >= options.maxQueued) {
        counts.dropped += 1;
        return;
      }
      next.traceId = finished.traceId;
      next.spanId = finished.spanId;
      if (recordWith(tracer, finished)) queued += 1;
    },
    isRootSampled(traceId) {
      next.traceId = traceId;
      next.spanId = RANDOM;
      const { traceFlags } = tracer.startSpan('root', { root: true }).spanContext();
      return (traceFlags & TraceFlags.SAMPLED) !== 0;
    },
    async close() {
      const late = new Promise<void>((resolve) => void options.after(options.closeWithinMs, resolve));
      await Promise.race([provider.shutdown().catch(() => undefined), late]);
    },
  };
}

/** false: the sampler leaves it out. */
function recordWith(tracer: Tracer, finished: FinishedSpan): boolean {
  const { name, kind, traceId, parent, startedAt, endedAt, attributes, error } = finished;
  const context = parent
    ? trace.setSpanContext(ROOT_CONTEXT, {
        ...{ traceId, spanId: parent.spanId, isRemote: true },
        traceFlags: parent.isSampled ? TraceFlags.SAMPLED : TraceFlags.NONE,
      })
    : ROOT_CONTEXT;
  const span = tracer.startSpan(
    name,
    {
      kind: kind === 'server' ? SpanKind.SERVER : SpanKind.INTERNAL,
      startTime: new Date(startedAt),
      attributes,
    },
    context,
  );
  if (!span.isRecording()) return false;
  const end = new Date(Math.max(startedAt, endedAt));
  if (error) {
    span.setStatus({ code: SpanStatusCode.ERROR, message: error.message });
    span.setAttribute('error.type', error.code);
    span.recordException({ name: error.code, message: error.message }, end);
  }
  span.end(end);
  return (span.spanContext().traceFlags & TraceFlags.SAMPLED) !== 0;
}

/** OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES go before what is told here. */
function resourceOf({ version, host }: OtlpSpansOptions) {
  return defaultResource()
    .merge(
      resourceFromAttributes({
        'service.name': DEFAULT_SERVICE_NAME,
        'service.version': version,
        'service.instance.id': host,
      }),
    )
    .merge(detectResources({ detectors: [envDetector] }));
}

function counting(exporter: SpanExporter, tell: (spans: number, isTaken: boolean) => void): SpanExporter {
  return {
    export(spans: ReadableSpan[], resolve) {
      exporter.export(spans, (result) => {
        tell(spans.length, result.code === 0);
        resolve(result);
      });
    },
    shutdown: () => exporter.shutdown(),
    ...(exporter.forceFlush && { forceFlush: () => exporter.forceFlush?.() ?? Promise.resolve() }),
  };
}
