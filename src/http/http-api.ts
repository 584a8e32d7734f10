import type { Config } from '../config.js';
import type { Logger } from '../engine/logger.js';
import type { WorkflowEngine } from '../engine/workflow-engine.js';
import type { Clock } from '../model/clock.js';
import { MillraceError } from '../model/errors.js';
import type { SubmissionParser } from '../model/parse-submission.js';
import type { RateStore } from '../store/rate-store.js';
import { AccessControl, type Caller, parseApiKeys, requireScope } from './access.js';
import { connectionCap, createFullLog, openFilesLimit } from './connection-cap.js';
import { errorReply, presentable } from './error-reply.js';
import { EventFeeds } from './events/event-feeds.js';
import type { HttpReply, HttpRequest, HttpServerOptions } from './http-server.js';
import type { HttpTelemetry, RequestRecorder, RequestSpans } from './http-telemetry.js';
import { createLocalRateLimiter } from './local-rate-limit.js';
import { type RateDecision, type RateLimiter, rateLimited } from './rate-limit.js';
import { withHeaders } from './reply.js';
import { requestIdOf } from './request-id.js';
import { RequestTracing } from './request-tracing.js';
import type { Call, Route } from './route.js';
import { type RouteMatch, Router } from './router.js';
import { batchExecutionRoutes } from './routes/batch-executions.js';
import { batchSubmissionRoute } from './routes/batch-submission.js';
import { circuitRoutes } from './routes/circuits.js';
import { consoleRoutes } from './routes/console.js';
import { deadLetterRoutes } from './routes/dead-letters.js';
import { eventRoutes } from './routes/events.js';
import { executionRoutes } from './routes/executions.js';
import { shown } from './routes/identifiers.js';
import { listRoutes } from './routes/lists.js';
import { serviceRoutes } from './routes/service.js';
import { submissionRoutes } from './routes/submissions.js';
import { createSharedRateLimiter } from './shared-rate-limit.js';
import { createSubmissionReader } from './submission-reader.js';

export interface HttpApiOptions {
  readonly engine: WorkflowEngine;
  readonly parser: SubmissionParser;
  readonly config: Config;
  readonly telemetry: HttpTelemetry;
  /** Absent where no spans are collected. */
  readonly spans?: RequestSpans | undefined;
  readonly log: Logger;
  readonly clock: Clock;
  /** Of this program, as /health shows it. */
  readonly version: string;
  /** What clients spend at all hosts; absent where this is the only one. */
  readonly rates?: RateStore | undefined;
  /** Of the built pages of the console. */
  readonly consoleDirectory: string;
}

/** The HTTP interface: all that a server needs to serve it. Throws a ConfigError where API_KEYS is wrong. */
export function createHttpApi(options: HttpApiOptions): HttpServerOptions {
  const { config } = options;
  const maxConnections = connectionCap(config.MAX_CONNECTIONS, openFilesLimit());
  const api = new HttpApi(options, routesOf(options));
  return {
    handler: (request) => api.handle(request),
    maxBodyBytes: (path) => api.maxBodyBytes(path),
    tooLarge: (request) => api.refuseBody(request),
    requestTimeoutMs: config.REQUEST_TIMEOUT_SECONDS * 1000,
    maxConnections,
    onFull: createFullLog({ ...options, maxConnections }),
  };
}

function routesOf(options: HttpApiOptions): Route[] {
  const { engine, parser, config, telemetry, log, clock, version, consoleDirectory } = options;
  const reader = createSubmissionReader(parser);
  const itemError = (thrown: unknown, call: Call) => presentable(thrown, log, call.requestId);
  const batch = { engine, maxBatchBytes: config.MAX_BATCH_BYTES, itemError };
  const feeds = new EventFeeds({
    engine,
    heartbeatMs: config.EVENTS_HEARTBEAT_SECONDS * 1000,
    maxStreams: config.MAX_EVENT_STREAMS,
    monotonicMs: () => clock.monotonic(),
  });
  const service = serviceRoutes({ engine, feeds, telemetry, version, nowMs: clock.now });
  if (!config.roles.api) return service;
  return [
    ...submissionRoutes({ engine, parser, reader }),
    batchSubmissionRoute({ ...batch, reader }),
    ...batchExecutionRoutes(batch),
    ...executionRoutes({ engine, parser }),
    ...eventRoutes({ feeds }),
    ...listRoutes(engine),
    ...deadLetterRoutes({ engine, parser }),
    ...circuitRoutes({ engine, nowMs: clock.now }),
    ...service,
    ...consoleRoutes(consoleDirectory),
  ];
}

function createRateLimiter({ config, clock, rates }: HttpApiOptions): RateLimiter {
  const limitPerMinute = config.RATE_LIMIT_REQUESTS_PER_MINUTE;
  if (rates) return createSharedRateLimiter({ limitPerMinute, store: rates, clock });
  return createLocalRateLimiter({ limitPerMinute, nowMs: clock.now });
}

class HttpApi {
  readonly #router: Router<Route>;
  readonly #recorders = new Map<Route, RequestRecorder>();
  /** Of requests that no route takes. */
  readonly #unmatched: RequestRecorder;
  readonly #access: AccessControl;
  readonly #limiter: RateLimiter | undefined;
  readonly #spans: RequestSpans | undefined;
  readonly #clock: Clock;
  readonly #log: Logger;
  /** Whether each request is logged: nothing is made for a line that nobody writes. */
  readonly #logsRequests: boolean;
  readonly #defaultMaxBodyBytes: number;

  constructor(options: HttpApiOptions, routes: readonly Route[]) {
    const { config, telemetry, clock, log } = options;
    this.#router = new Router(routes);
    for (const route of routes) {
      this.#recorders.set(route, telemetry.requestRecorder(route.pattern, route.method));
    }
    this.#unmatched = telemetry.requestRecorder('unmatched', 'any');
    this.#access = new AccessControl(parseApiKeys(config.API_KEYS));
    this.#limiter = config.RATE_LIMIT_ENABLED ? createRateLimiter(options) : undefined;
    this.#spans = options.spans;
    this.#clock = clock;
    this.#log = log;
    this.#logsRequests = config.LOG_LEVEL === 'debug' || config.LOG_LEVEL === 'trace';
    this.#defaultMaxBodyBytes = config.MAX_BODY_BYTES;
  }

  handle(request: HttpRequest): Promise<HttpReply> {
    return this.#respond(request, (route, call) => route.handle(call));
  }

  maxBodyBytes(path: string): number {
    const match = this.#router.match('POST', path);
    return (match.kind === 'found' ? match.route.maxBodyBytes : undefined) ?? this.#defaultMaxBodyBytes;
  }

  refuseBody(request: HttpRequest): Promise<HttpReply> {
    return this.#respond(request, async (route, call) => {
      if (route.cost === 'each_item') await call.spend(1);
      const limitBytes = this.maxBodyBytes(request.path);
      throw new MillraceError('PAYLOAD_TOO_LARGE', `The body is over ${limitBytes} bytes`, {
        context: { limit_bytes: limitBytes },
      });
    });
  }

  /** Authenticates, finds the route, and makes a reply of whatever comes of `act`. */
  async #respond(
    request: HttpRequest,
    act: (route: Route, call: Call) => HttpReply | Promise<HttpReply>,
  ): Promise<HttpReply> {
    const startedMs = this.#clock.monotonic();
    const tracing = new RequestTracing(request, this.#spans);
    const call = new OpenCall({ request, tracing, requestId: requestIdOf(request), limiter: this.#limiter });
    const match = this.#router.match(request.method, request.path);
    let reply: HttpReply;
    try {
      const route = this.#admit(request, match, call);
      if (route.cost === 'one') await call.spend(1);
      reply = await act(route, call);
    } catch (thrown) {
      reply = errorReply(presentable(thrown, this.#log, call.requestId));
    }
    const recorder = match.kind === 'found' ? this.#recorders.get(match.route) : undefined;
    if (match.kind === 'found' && match.route.cost !== undefined) call.tellRate();
    const tookMs = this.#clock.monotonic() - startedMs;
    (recorder ?? this.#unmatched).observe(tookMs, reply.status);
    if (this.#spans && match.kind === 'found') {
      const name = `${match.route.method} ${match.route.pattern}`;
      tracing.end({ name, status: reply.status, durationMs: tookMs });
    }
    if (this.#logsRequests) this.#logRequest(request, { call, status: reply.status, tookMs });
    return withHeaders(reply, call.headers());
  }

  #logRequest(
    { method, path, remoteAddress }: HttpRequest,
    { call, status, tookMs }: { readonly call: OpenCall; readonly status: number; readonly tookMs: number },
  ): void {
    const { requestId, client } = call;
    this.#log.debug('request', {
      ...{
        request_id: requestId,
        method,
        path: shown(path),
        status,
        took_ms: Math.round(tookMs * 1000) / 1000,
      },
      ...{ client, remote_address: remoteAddress },
    });
  }

  /** Who has no key learns nothing, not even which paths there are. */
  #admit(request: HttpRequest, match: RouteMatch<Route>, call: OpenCall): Route {
    const isOpen = match.kind === 'found' && match.route.access === 'open';
    call.client = request.remoteAddress;
    const caller: Caller | undefined = isOpen ? undefined : this.#access.identify(request);
    if (caller) call.client = caller.client;
    if (match.kind === 'not_found')
      throw new MillraceError('NOT_FOUND', `There is nothing at ${shown(request.path)}`);
    if (match.kind === 'wrong_method') {
      const { allowed } = match;
      const message = `${shown(request.path)} does not take ${shown(request.method)}, only ${allowed.join(', ')}`;
      throw new MillraceError('METHOD_NOT_ALLOWED', message, { context: { allowed } });
    }
    if (caller && match.route.access !== 'open') requireScope(caller, match.route.access);
    call.params = match.params;
    return match.route;
  }
}

class OpenCall implements Call {
  readonly request: HttpRequest;
  readonly requestId: string;
  readonly tracing: RequestTracing;
  params: readonly string[] = [];
  client = '';
  rate: RateDecision | undefined;
  readonly #limiter: RateLimiter | undefined;

  constructor(from: {
    readonly request: HttpRequest;
    readonly requestId: string;
    readonly tracing: RequestTracing;
    readonly limiter: RateLimiter | undefined;
  }) {
    this.request = from.request;
    this.requestId = from.requestId;
    this.tracing = from.tracing;
    this.#limiter = from.limiter;
  }

  async spend(cost: number): Promise<number> {
    if (!this.#limiter) return cost;
    this.rate = await this.#limiter.take(this.client, cost);
    if (this.rate.granted === 0) throw rateLimited(this.rate);
    return this.rate.granted;
  }

  /** Notes what is left, for the reply's headers, where nothing was spent. */
  tellRate(): void {
    this.rate ??= this.#limiter?.peek(this.client);
  }

  headers(): (readonly [string, string])[] {
    const headers: (readonly [string, string])[] = [['X-Request-Id', this.requestId]];
    if (this.rate) {
      headers.push(['X-RateLimit-Limit', String(this.rate.limit)]);
      headers.push(['X-RateLimit-Remaining', String(this.rate.remaining)]);
    }
    return headers;
  }
}
