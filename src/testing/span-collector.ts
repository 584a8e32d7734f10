import { text } from 'node:stream/consumers';
import { HttpService } from './http-service.js';

export interface CollectedSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  /** Nanoseconds since the epoch. */
  readonly startedAt: bigint;
  readonly endedAt: bigint;
  readonly isError: boolean;
  readonly attributes: Readonly<Record<string, unknown>>;
}

interface OtlpAttribute {
  readonly key: string;
  readonly value: {
    readonly stringValue?: string;
    readonly intValue?: number;
    readonly doubleValue?: number;
  };
}

interface OtlpSpan extends Pick<CollectedSpan, 'name' | 'traceId' | 'spanId' | 'parentSpanId'> {
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly status: { readonly code: number };
  readonly attributes: readonly OtlpAttribute[];
}

interface OtlpRequest {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly OtlpAttribute[] };
    readonly scopeSpans: readonly { readonly spans: readonly OtlpSpan[] }[];
  }[];
}

const ERROR = 2;

/** A collector of OTLP over HTTP in JSON, on a free port of the loopback. */
export class SpanCollector {
  readonly spans: CollectedSpan[] = [];
  resource: Readonly<Record<string, unknown>> = {};
  readonly #service: HttpService;

  private constructor(service: HttpService) {
    this.#service = service;
    service.answer = async (request, response) => {
      this.#take(JSON.parse(await text(request)) as OtlpRequest);
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    };
  }

  static async start(): Promise<SpanCollector> {
    return new SpanCollector(await HttpService.start());
  }

  get origin(): string {
    return this.#service.origin;
  }

  /** Those of one execution, in the order in which they began. */
  of(executionId: string): {
    readonly all: readonly CollectedSpan[];
    named(name: string): readonly CollectedSpan[];
  } {
    const all = this.spans
      .filter((span) => span.attributes['millrace.execution_id'] === executionId)
      .toSorted((a, b) => Number(a.startedAt - b.startedAt));
    return { all, named: (name) => all.filter((span) => span.name === name) };
  }

  close(): void {
    this.#service.close();
  }

  #take({ resourceSpans }: OtlpRequest): void {
    for (const { resource, scopeSpans } of resourceSpans) {
      this.resource = valuesOf(resource.attributes);
      for (const { spans } of scopeSpans) this.spans.push(...spans.map(spanOf));
    }
  }
}

function spanOf(span: OtlpSpan): CollectedSpan {
  const { name, traceId, spanId, parentSpanId } = span;
  return {
    ...{ name, traceId, spanId, parentSpanId },
    startedAt: BigInt(span.startTimeUnixNano),
    endedAt: BigInt(span.endTimeUnixNano),
    isError: span.status.code === ERROR,
    attributes: valuesOf(span.attributes),
  };
}

function valuesOf(attributes: readonly OtlpAttribute[]): Readonly<Record<string, unknown>> {
  const entries = attributes.map(({ key, value }) => [
    key,
    value.stringValue ?? value.intValue ?? value.doubleValue,
  ]);
  return Object.fromEntries(entries);
}
