import type { ThreadSettings } from '../../src/runner/frames/thread-protocol.js';
import type { CircuitGate } from '../circuit-gate.js';
import { defineHandler, type Handler, type HandlerContext } from '../define-handler.js';
import { HandlerFault, invalidConfig } from '../handler-fault.js';
import { callHttp, type HttpAnswer, type HttpCall } from './http-call.js';
import { httpStatusFault } from './http-status-fault.js';
import { createNetworkPolicy } from './network-policy.js';
import { createSimulation, SIMULATION_PROPERTIES, type SimulationConfig } from './simulation.js';
import { traceHeaders } from './trace-headers.js';

export interface ExternalServiceConfig extends SimulationConfig {
  readonly url?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string | number | boolean>>;
  /** Text is sent as it is, anything else as JSON. */
  readonly body?: unknown;
  readonly query?: Readonly<Record<string, QueryValue | readonly QueryValue[]>>;
  readonly expected_status?: number | readonly number[];
}
type QueryValue = string | number | boolean | null;

const NAME = 'call_external_service';
const SIMULATED_LATENCY_MS = [1000, 2000] as const;
const SCALAR = { type: ['string', 'number', 'boolean', 'null'] };
const STATUS = { type: 'integer', minimum: 100, maximum: 599 };
/** RFC 9110, section 5.6.2. */
const TOKEN = "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$";

const CONFIG_SCHEMA = {
  type: 'object',
  properties: {
    url: { type: 'string', minLength: 1 },
    method: { type: 'string', pattern: TOKEN },
    headers: {
      type: 'object',
      propertyNames: { pattern: TOKEN },
      additionalProperties: { type: ['string', 'number', 'boolean'] },
      'x-secret': true,
    },
    body: { 'x-secret': true },
    query: {
      type: 'object',
      'x-secret': true,
      additionalProperties: { anyOf: [SCALAR, { type: 'array', items: SCALAR }] },
    },
    expected_status: { anyOf: [STATUS, { type: 'array', items: STATUS, minItems: 1 }] },
    ...SIMULATION_PROPERTIES,
  },
};

/** An HTTP call to any service, or the pretence of one. */
export function createCallExternalService(
  settings: ThreadSettings,
  circuits: CircuitGate,
): Handler<ExternalServiceConfig> {
  const policy = createNetworkPolicy(settings.outbound);
  const simulation = createSimulation({
    simulateServices: settings.simulateServices,
    simulatedLatency: settings.simulatedLatency,
    latencyMs: SIMULATED_LATENCY_MS,
  });
  return defineHandler<ExternalServiceConfig>({
    name: NAME,
    configSchema: CONFIG_SCHEMA,
    async run(context) {
      const { config } = context;
      simulation.failIfAsked(config);
      if (simulation.isSimulated(config)) {
        await simulation.wait(config, context.signal);
        return simulatedAnswer(config);
      }
      const call = toHttpCall(context, settings.maxOutputBytes);
      const guarded = { handler: NAME, origin: call.url.origin, signal: context.signal };
      const answer = await circuits.pass(guarded, async () => {
        const received = await callHttp(call, policy);
        checkStatus(received, config);
        return received;
      });
      return {
        status_code: answer.statusCode,
        url: answer.url,
        data: dataOf(answer),
        headers: answer.headers,
      };
    },
  });
}

function simulatedAnswer(config: ExternalServiceConfig): Readonly<Record<string, unknown>> {
  const data = { message: 'Simulated response', method: methodOf(config) };
  return { status_code: 200, url: config.url ?? '', data, headers: {}, simulated: true };
}

function toHttpCall(context: HandlerContext<ExternalServiceConfig>, maxResponseBytes: number): HttpCall {
  const { config, signal, idempotencyKey } = context;
  const body = bodyOf(config);
  const headers: Record<string, string> = {
    'idempotency-key': idempotencyKey,
    accept: 'application/json, */*',
  };
  if (body !== undefined && typeof config.body !== 'string') headers['content-type'] = 'application/json';
  for (const [name, value] of Object.entries(config.headers ?? {}))
    headers[name.toLowerCase()] = String(value);
  // A tracestate without its own traceparent would say something of another trace.
  if (headers.traceparent === undefined) Object.assign(headers, traceHeaders(context));
  return { url: urlOf(config), method: methodOf(config), headers, body, signal, maxResponseBytes };
}

function methodOf(config: ExternalServiceConfig): string {
  return (config.method ?? 'GET').toUpperCase();
}

function bodyOf({ body }: ExternalServiceConfig): string | undefined {
  if (body === undefined || body === null) return undefined;
  return typeof body === 'string' ? body : JSON.stringify(body);
}

function urlOf({ url, query }: ExternalServiceConfig): URL {
  if (url === undefined) throw invalidConfig('config/url: is required');
  if (!URL.canParse(url)) throw invalidConfig('config/url: is no absolute URL');
  const parsed = new URL(url);
  for (const [name, value] of Object.entries(query ?? {})) {
    for (const item of Array.isArray(value) ? value : [value]) {
      if (item !== null) parsed.searchParams.append(name, String(item));
    }
  }
  return parsed;
}

/** Without `expected_status` anything below 400 will do. */
function checkStatus(answer: HttpAnswer, { expected_status }: ExternalServiceConfig): void {
  const { statusCode } = answer;
  const what = new URL(answer.url).origin;
  if (expected_status === undefined) {
    if (statusCode >= 400) throw httpStatusFault(answer, what);
    return;
  }
  const expected = Array.isArray(expected_status) ? expected_status : [expected_status];
  if (expected.includes(statusCode)) return;
  if (statusCode >= 500) throw httpStatusFault(answer, what);
  const message = `${what} answered HTTP ${statusCode}, expected ${expected.join(' or ')}`;
  throw new HandlerFault('HTTP_STATUS', message, { category: 'handler', retryable: false });
}

/** The JSON value where the body is JSON, else its text; null where there is none. */
function dataOf({ body }: HttpAnswer): unknown {
  if (body.length === 0) return null;
  const text = body.toString('utf8');
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
