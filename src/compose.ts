import { randomUUID } from 'node:crypto';
import { availableParallelism, hostname } from 'node:os';
import { join, resolve } from 'node:path';
import { type Config, ConfigError } from './config.js';
import { consoleDirectory } from './console-directory.js';
import type { CallbackOptions } from './engine/callback-deliverer.js';
import { createSystemClock } from './engine/clock.js';
import { Engine } from './engine/engine.js';
import type { Logger } from './engine/logger.js';
import { checkBindPolicy } from './http/access.js';
import { createHttpApi } from './http/http-api.js';
import type { HttpServer, HttpServerOptions } from './http/http-server.js';
import { createNodeServer } from './http/node-server.js';
import { createUwsServer } from './http/uws-server.js';
import { statusText } from './http/views/execution-view.js';
import type { Clock } from './model/clock.js';
import { compilePlan } from './model/compile-plan.js';
import { MillraceError } from './model/errors.js';
import type { HostId, WorkflowId } from './model/ids.js';
import { createOutboundRules } from './model/outbound-rules.js';
import { createSubmissionParser } from './model/parse-submission.js';
import { createCallbackSender } from './outbound/callback-sender.js';
import { createGuardedAgent } from './outbound/guarded-agent.js';
import type { HandlerLogLine } from './runner/frames/thread-protocol.js';
import { createPiscinaRunner } from './runner/piscina-runner.js';
import type { TaskRunner } from './runner/task-runner.js';
import { HandlersBroken } from './runner/thread-crew.js';
import type { CallbackOutbox } from './store/callback-outbox.js';
import { lockDirectory } from './store/embedded/directory-lock.js';
import { EmbeddedHistoryStore } from './store/embedded/embedded-history-store.js';
import { EmbeddedStateStore } from './store/embedded/embedded-state-store.js';
import { openEnvironment } from './store/embedded/environment.js';
import type { HistoryStore } from './store/history-store.js';
import type { HostInfo, HostRegistry } from './store/host-registry.js';
import { openPostgresHistory } from './store/postgres/postgres-history-store.js';
import type { RateStore } from './store/rate-store.js';
import { type OpenRedisStore, openRedisStore } from './store/redis/open-redis-store.js';
import type { StateStore } from './store/state-store.js';
import { BoundedLog } from './telemetry/bounded-logger.js';
import { ExecutionSpans } from './telemetry/execution-spans.js';
import { FailureLog } from './telemetry/failure-log.js';
import { createLogger } from './telemetry/log.js';
import { MeasuredStore } from './telemetry/measured-store.js';
import { createMetrics } from './telemetry/metrics.js';
import { createRequestSpans } from './telemetry/request-spans.js';
import type { SpanSink } from './telemetry/spans.js';
import { TracedRunner } from './telemetry/traced-runner.js';

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
/** For what goes on around an attempt of a callback: reading the record before it, settling it after. */
const CLAIM_MARGIN_MS = 5000;
const START_RETRY_MS = 500;
/** How long a stop waits for the collector of spans. */
const SPANS_CLOSE_MS = 3000;

/** A host that serves. */
export interface Millrace {
  /** http://host:port */
  readonly address: string;
  /** One line for people: address, store, durability, HTTP backend. */
  readonly description: string;
  readonly log: Logger;
  /** Finishes what runs, within DRAIN_MS, and closes everything. */
  stop(): Promise<void>;
}

/** Something to be closed; the last opened goes first. */
type Closer = () => Promise<void>;

/** Builds a host from its parts and starts it. Rejects with a ConfigError or a MillraceError that tells what to do. */
export async function compose(config: Config, version: string): Promise<Millrace> {
  checkBindPolicy(config);
  const closers: Closer[] = [];
  try {
    return await build(config, version, closers);
  } catch (error) {
    for (const close of closers.reverse()) await close().catch(() => undefined);
    throw error;
  }
}

async function build(config: Config, version: string, closers: Closer[]): Promise<Millrace> {
  const clock = createSystemClock();
  const { log, handlerLog, bounded } = createLogs(config, clock);
  const host = `${hostname()}-${process.pid}-${randomUUID().slice(0, 8)}` as HostId;
  const spans = await openSpans({ config, clock, version, host });
  if (spans) closers.push(() => spans.close());
  const runner = new TracedRunner(createRunner(config, handlerLog), { clock, spans });
  closers.push(() => runner.close());
  await runner.start().catch(explainBrokenHandlers);
  // Metrics ask the engine for its depths, and the engine tells the metrics what it does.
  const metrics = createMetrics({
    knowsHandler: (handler) => runner.handlers.has(handler),
    stats: () => engine.stats(),
    clock,
    spans: spans && (() => spans.counts),
    suppressedLines: () => bounded.reduce((sum, each) => sum + each.suppressed, 0),
    processMetrics: true,
  });
  const open = config.isDistributed ? openDistributed : openEmbedded;
  const {
    place,
    rates,
    store: unmeasured,
    ...stores
  } = await open({
    ...{ config, clock, log, closers, host, runner, startedAt: clock.now() },
    onScript: (name, ms) => metrics.script(name, ms),
    onSetAside: () => metrics.recordSetAside(),
  });
  const parser = createSubmissionParser({
    limits: { maxNodes: config.MAX_NODES, maxParamsBytes: config.MAX_PARAMS_BYTES },
    catalog: () => runner.handlers,
    refusalOfCallback: callbackRefusals(config),
  });
  const { history } = stores;
  const readEnded = config.isDistributed ? undefined : history.read.bind(history);
  const executions = spans && new ExecutionSpans({ sink: spans, readEnded });
  if (executions) closers.push(() => executions.settled());
  const store = new MeasuredStore(unmeasured, {
    observer: metrics,
    failures: new FailureLog(log),
    executions,
    elapsed: () => clock.monotonic(),
  });
  const engine: Engine = new Engine({
    ...stores,
    store,
    runner,
    clock,
    log,
    telemetry: metrics,
    host,
    mode: config.isDistributed ? 'distributed' : 'embedded',
    partitions: config.isDistributed ? config.PARTITIONS : 1,
    works: config.roles.worker,
    archiveIntervalMs: config.ARCHIVE_INTERVAL_MS,
    watchIntervalMs: config.EVENTS_INTERVAL_MS,
    leaseMs: config.LEASE_MS,
    maxDeliveries: config.MAX_DELIVERIES,
    onCircuitOpen: config.CIRCUIT_BREAKER_ON_OPEN,
    checkOverride: (override) => parser.checkOverride(override),
    maxBacklog: config.MAX_BACKLOG,
    queues: config.queues,
    retryDefaults: config.retryDefaults,
    nodeTimeoutMs: config.NODE_TIMEOUT_SECONDS * 1000,
    maxInputBytes: config.MAX_INPUT_BYTES,
    idempotencyTtlMs: config.IDEMPOTENCY_TTL_SECONDS * 1000,
    planCacheBytes: config.PLAN_CACHE_BYTES,
    callbacks: callbackOptions({ config, clock, version, closers, outbox: stores.callbacks }),
    reconcileMs: config.RECONCILE_SECONDS * 1000,
    sweepMs: config.SWEEP_SECONDS * 1000,
  });
  const server = await createServer(
    config,
    createHttpApi({
      ...{ engine, parser, config, telemetry: metrics, log, clock, version, rates },
      consoleDirectory: consoleDirectory(),
      spans: spans && createRequestSpans(spans, clock),
    }),
  );
  const bound = config.HOST || '127.0.0.1';
  // Before anything runs: a start that fails for its address is to leave the tasks alone.
  const port = await listen(server, bound, config.PORT);
  engine.start();
  const address = `http://${bound.includes(':') ? `[${bound}]` : bound}:${port}`;
  return {
    address,
    description: `Millrace ${version} is ready at ${address} (${place}; ${stores.durability}; HTTP by ${server.backend})`,
    log,
    stop: () => stop({ config, clock, engine, server, log, bounded, closers }),
  };
}

/** What the engine needs of a pair of stores. */
interface Stores {
  readonly store: StateStore;
  readonly history: HistoryStore;
  readonly hosts: HostRegistry;
  /** What clients spend at all hosts; undefined where there is one. */
  readonly rates: RateStore | undefined;
  readonly callbacks: CallbackOutbox;
  readonly durability: string;
  readonly dependencies: () => Readonly<Record<string, 'healthy' | 'unhealthy'>>;
  /** Of these, those without which nothing can be accepted. */
  readonly needs: readonly string[];
  /** For people. */
  readonly place: string;
}

interface StoresOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly log: Logger;
  readonly closers: Closer[];
  readonly host: HostId;
  readonly runner: TaskRunner;
  readonly startedAt: number;
  readonly onScript: (name: string, ms: number) => void;
  readonly onSetAside: () => void;
}

function describeHost({ config, host, runner, startedAt, clock }: StoresOptions): HostInfo {
  const { threads, running } = runner.stats();
  return {
    host,
    roles: [...(config.roles.api ? ['api'] : []), ...(config.roles.worker ? ['worker'] : [])],
    queues: config.queues && [...config.queues.keys()],
    handlers: config.roles.worker
      ? [...runner.handlers.values()].filter((each) => !each.builtin).map((each) => each.name)
      : [],
    threads,
    running,
    startedAt,
    lastSeenAt: clock.now(),
  };
}

/** Servers that are still starting are waited for. */
async function patiently<T>(what: string, options: StoresOptions, open: () => Promise<T>): Promise<T> {
  const { clock, config, log } = options;
  const deadline = clock.monotonic() + config.START_TIMEOUT_SECONDS * 1000;
  for (let tries = 1; ; tries++) {
    try {
      return await open();
    } catch (error) {
      if (error instanceof MillraceError && error.code === 'STORE_UNSUITABLE') throw error;
      const why = error instanceof Error ? error.message || error.name : String(error);
      if (clock.monotonic() >= deadline) throw new ConfigError(`${what} cannot be reached: ${why}`);
      if (tries === 1) log.warn(`${what} is not reached yet; waiting for it`, { error: why });
      await new Promise<void>((resolve) => clock.after(START_RETRY_MS, resolve));
    }
  }
}

async function openDistributed(options: StoresOptions): Promise<Stores> {
  const { config, clock, log, closers, host, onScript, onSetAside } = options;
  let redis: OpenRedisStore | undefined;
  const record = await patiently('PostgreSQL (DATABASE_URL)', options, () =>
    openPostgresHistory({
      databaseUrl: config.DATABASE_URL,
      clock,
      retentionMs: config.RETENTION_DAYS * DAY_MS,
      pendingTtlMs: config.PENDING_TTL_DAYS * DAY_MS,
      maxBatchBytes: config.ARCHIVE_BATCH_BYTES,
      hot: async (ids) => (await redis?.summaries(ids)) ?? ids.map(() => undefined),
      onSetAside(executionId, reason) {
        onSetAside();
        log.error('the record refused an execution; it is kept in the table set_aside', {
          executionId,
          reason,
        });
      },
      onHealth: (healthy, error) =>
        healthy ? log.info('PostgreSQL is back') : log.error('PostgreSQL is away', { error }),
    }),
  );
  closers.push(() => record.close());
  const definition = async (workflowId: WorkflowId) =>
    redis?.definition(workflowId) ?? (await record.definition(workflowId));
  const opened = await patiently('Redis (REDIS_URL)', options, () =>
    openRedisStore({
      url: config.REDIS_URL,
      partitions: config.PARTITIONS,
      host,
      clock,
      leaseMs: config.LEASE_MS,
      maxDeliveries: config.MAX_DELIVERIES,
      maxExecutionBytes: config.MAX_EXECUTION_BYTES,
      planCacheBytes: config.PLAN_CACHE_BYTES,
      hotGraceMs: config.HOT_GRACE_SECONDS * 1000,
      parkAfterMs: config.PARK_SECONDS * 1000,
      outboxMaxBytes: config.OUTBOX_MAX_BYTES,
      waitReplicas: config.REDIS_WAIT_REPLICAS,
      unknownHandlerGraceMs: config.UNKNOWN_HANDLER_GRACE_MS,
      recover: config.RECOVER,
      works: config.roles.worker,
      self: () => describeHost(options),
      onUnreadable(executionId, error) {
        onSetAside();
        log.error('an execution of the hot store cannot be read; it stays there, and the others go on', {
          executionId,
          error,
        });
      },
      record: {
        deadLetters: record.deadLetters,
        epoch: record.epoch,
        unfinished: (after, limit) => record.unfinished(after, limit),
        unfinishedRows: (after, createdBefore, limit) => record.unfinishedRows(after, createdBefore, limit),
        read: (ids) => record.read(ids),
        async plan(workflowId) {
          const found = await definition(workflowId);
          if (!found)
            throw new MillraceError('STORE_DAMAGED', `PostgreSQL has no definition of ${workflowId}`);
          return compilePlan(found);
        },
      },
      log: (level, message, fields) => log[level](message, fields),
      onScript,
    }),
  );
  redis = opened;
  closers.push(() => opened.close());
  const history: HistoryStore = {
    record: (events) => record.record(events),
    definition,
    read: (ids) => record.read(ids),
    list: (query) => record.list(query),
    sweep: () => record.sweep(),
    close: () => record.close(),
  };
  return {
    store: opened.store,
    history,
    hosts: opened.registry,
    rates: opened.rates,
    callbacks: record.callbacks,
    durability: opened.durability,
    dependencies: () => ({
      redis: opened.healthy() ? 'healthy' : 'unhealthy',
      postgres: record.healthy ? 'healthy' : 'unhealthy',
    }),
    needs: ['redis'],
    place: `distributed store, ${config.PARTITIONS} partitions`,
  };
}

async function openEmbedded(options: StoresOptions): Promise<Stores> {
  const { config, clock, log, closers } = options;
  const lock = await lockDirectory(config.DATA_DIR);
  closers.push(() => lock.release());
  const birth = { storeId: randomUUID(), now: clock.now() };
  const environment = await openEnvironment(join(config.DATA_DIR, 'store'), birth);
  let opened = false;
  closers.push(() => (opened ? store.close() : environment.close()));
  const store = new EmbeddedStateStore({
    environment,
    clock,
    leaseMs: config.LEASE_MS,
    maxDeliveries: config.MAX_DELIVERIES,
    maxExecutionBytes: config.MAX_EXECUTION_BYTES,
    parkAfterMs: config.PARK_SECONDS * 1000,
    commitRetryMs: config.COMMIT_RETRY_MS,
    onCommitFailure: (error) =>
      log.error('the store cannot write; nothing new is accepted until it can', { error }),
    onCommitRecovery: () => log.info('the store writes again'),
  });
  opened = true;
  const history = new EmbeddedHistoryStore({
    environment,
    clock,
    state: store,
    retentionMs: config.RETENTION_DAYS * DAY_MS,
    pendingTtlMs: config.PENDING_TTL_DAYS * DAY_MS,
  });
  return {
    store,
    history,
    hosts: { living: async () => [describeHost(options)] },
    rates: undefined,
    callbacks: history.callbacks,
    durability: 'an answer follows the sync of its LMDB commit',
    dependencies: () => ({ store: store.failing ? 'unhealthy' : 'healthy' }),
    needs: ['store'],
    place: `embedded store in ${resolve(config.DATA_DIR)}`,
  };
}

export function createRunner(config: Config, log: Logger): TaskRunner {
  return createPiscinaRunner({
    threads: config.WORKER_THREADS || Math.max(1, availableParallelism() - 1),
    concurrency: config.WORKER_CONCURRENCY,
    memoryLimitMb: config.WORKER_MEMORY_MB,
    abortGraceMs: config.ABORT_GRACE_MS,
    maxOutputBytes: config.MAX_OUTPUT_BYTES,
    secrets: config.secrets,
    handlersDir: config.HANDLERS_DIR ? resolve(config.HANDLERS_DIR) : undefined,
    services: {
      simulateServices: config.SIMULATE_SERVICES,
      simulatedLatency: config.SIMULATED_LATENCY,
      llmBaseUrl: config.LLM_BASE_URL,
      llmApiKey: config.LLM_API_KEY,
      llmModel: config.LLM_MODEL,
      outbound: config.outbound,
    },
    circuits: {
      failureThreshold: config.CIRCUIT_BREAKER_FAILURE_THRESHOLD,
      resetTimeoutMs: config.CIRCUIT_BREAKER_RESET_TIMEOUT_SECONDS * 1000,
      halfOpenMaxCalls: config.CIRCUIT_BREAKER_HALF_OPEN_MAX_CALLS,
    },
    onLog: (line) => writeHandlerLine(log, line),
  });
}

/** OpenTelemetry is loaded only where there is somebody to send spans to. */
async function openSpans(from: {
  readonly config: Config;
  readonly clock: Clock;
  readonly version: string;
  readonly host: string;
}): Promise<SpanSink | undefined> {
  const { config, clock, version, host } = from;
  if (config.spansUrl === undefined) return undefined;
  const { openOtlpSpans } = await import('./telemetry/otlp-spans.js');
  return openOtlpSpans({
    ...{ url: config.spansUrl, maxQueued: config.OTEL_BSP_MAX_QUEUE_SIZE, version, host },
    closeWithinMs: SPANS_CLOSE_MS,
    after: (ms, callback) => clock.after(ms, callback),
  });
}

interface Logs {
  readonly log: Logger;
  readonly handlerLog: Logger;
  readonly bounded: readonly BoundedLog[];
}

/** Handlers write what they like and as often: they have a bound of their own, for all of their messages together. */
function createLogs(config: Config, clock: Clock): Logs {
  const target = createLogger({ level: config.LOG_LEVEL });
  const own = new BoundedLog(target, { clock, burst: config.LOG_BURST });
  const handlers = new BoundedLog(target, { clock, burst: config.LOG_HANDLER_BURST });
  return { log: own.logger(), handlerLog: handlers.logger('lines of handlers'), bounded: [own, handlers] };
}

function writeHandlerLine(log: Logger, line: HandlerLogLine): void {
  const { level, message, fields, executionId, nodeId, handler, attempt, traceId } = line;
  log[level](message, {
    ...(fields && { fields }),
    ...(executionId !== undefined && { execution_id: executionId, node_id: nodeId, handler, attempt }),
    ...(traceId !== undefined && { trace_id: traceId }),
  });
}

/** Callbacks may go where call_external_service may, to the private addresses of its exceptions too. */
function callbackRefusals(config: Config): (url: URL) => string | undefined {
  const rules = createOutboundRules(config.outbound);
  if (config.CALLBACK_SECRET !== '') return (url) => rules.refusalOfUrl(url);
  return () => 'asks for a callback, which this server does not make: its CALLBACK_SECRET is not set';
}

function callbackOptions(options: {
  readonly config: Config;
  readonly clock: Clock;
  readonly version: string;
  readonly closers: Closer[];
  readonly outbox: CallbackOutbox;
}): CallbackOptions | undefined {
  const { config, clock, version, closers, outbox } = options;
  if (config.CALLBACK_SECRET === '') return undefined;
  const timeoutMs = config.CALLBACK_TIMEOUT_SECONDS * 1000;
  const rules = createOutboundRules(config.outbound);
  const dispatcher = createGuardedAgent({ rules, connectTimeoutMs: timeoutMs, answerTimeoutMs: timeoutMs });
  closers.push(() => dispatcher.destroy());
  const secret = config.CALLBACK_SECRET;
  const userAgent = `Millrace/${version}`;
  const send = createCallbackSender({ dispatcher, rules, clock, secret, timeoutMs, userAgent });
  return {
    outbox,
    send: ({ view, ...message }, signal) =>
      send({ ...message, body: statusText(view, { nodes: false }) }, signal),
    concurrency: config.CALLBACK_CONCURRENCY,
    retry: {
      maxAttempts: config.CALLBACK_MAX_ATTEMPTS,
      initialIntervalMs: config.CALLBACK_INITIAL_INTERVAL_MS,
      backoffCoefficient: 2,
      maxIntervalMs: config.CALLBACK_MAX_INTERVAL_MS,
      jitter: 0.5,
      nonRetryable: [],
    },
    giveUpMs: config.CALLBACK_GIVE_UP_HOURS * HOUR_MS,
    claimMs: timeoutMs + CLAIM_MARGIN_MS,
  };
}

/** A file of handlers is the operator's to put right. */
function explainBrokenHandlers(error: unknown): never {
  throw error instanceof HandlersBroken ? new ConfigError(`HANDLERS_DIR: ${error.message}`) : error;
}

async function createServer(config: Config, options: HttpServerOptions): Promise<HttpServer> {
  if (config.HTTP_BACKEND === 'node') return createNodeServer(options);
  const server = await createUwsServer(options);
  if (server) return server;
  if (config.HTTP_BACKEND === 'uws') {
    throw new ConfigError('HTTP_BACKEND=uws: uWebSockets.js does not load on this system; use auto or node');
  }
  return createNodeServer(options);
}

async function listen(server: HttpServer, host: string, port: number): Promise<number> {
  try {
    return await server.listen(host, port);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new ConfigError(`HOST and PORT: cannot listen on ${host}:${port}: ${why}`);
  }
}

interface Running {
  readonly config: Config;
  readonly clock: Clock;
  readonly engine: Engine;
  readonly server: HttpServer;
  readonly log: Logger;
  readonly bounded: readonly BoundedLog[];
  readonly closers: Closer[];
}

async function stop({ config, clock, engine, server, log, bounded, closers }: Running): Promise<void> {
  log.info('stopping: finishing what runs', { drain_ms: config.DRAIN_MS });
  engine.refuse();
  server.retire();
  const noticed = new Promise<void>((resolve) => clock.after(config.UNREADY_MS, resolve));
  const { handedBack } = await engine.drain(config.DRAIN_MS);
  if (handedBack > 0) log.warn('tasks were handed back unfinished', { count: handedBack });
  await noticed;
  await server.close(config.CLOSE_GRACE_MS);
  for (const close of closers.reverse()) await close();
  for (const each of bounded) each.flush();
  log.info('stopped');
}
