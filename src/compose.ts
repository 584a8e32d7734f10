import { randomUUID } from 'node:crypto';
import { availableParallelism, hostname } from 'node:os';
import { join, resolve } from 'node:path';
import { type Config, ConfigError } from './config.js';
import { createSystemClock } from './engine/clock.js';
import { Engine } from './engine/engine.js';
import type { Logger } from './engine/logger.js';
import { checkBindPolicy } from './http/access.js';
import { createHttpApi } from './http/http-api.js';
import type { HttpServer, HttpServerOptions } from './http/http-server.js';
import { createNodeServer } from './http/node-server.js';
import { createUwsServer } from './http/uws-server.js';
import type { Clock } from './model/clock.js';
import type { HostId } from './model/ids.js';
import { createSubmissionParser } from './model/parse-submission.js';
import { createPiscinaRunner } from './runner/piscina-runner.js';
import type { TaskRunner } from './runner/task-runner.js';
import { HandlersBroken } from './runner/thread-crew.js';
import { lockDirectory } from './store/embedded/directory-lock.js';
import { EmbeddedHistoryStore } from './store/embedded/embedded-history-store.js';
import { EmbeddedStateStore } from './store/embedded/embedded-state-store.js';
import { openEnvironment } from './store/embedded/environment.js';
import { createLogger } from './telemetry/log.js';
import { createMetrics } from './telemetry/metrics.js';

const DAY_MS = 86_400_000;

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
  const log = createLogger({ level: config.LOG_LEVEL });
  const stores = await openStores(config, clock, log, closers);
  const runner = createRunner(config, log);
  closers.push(() => runner.close());
  await runner.start().catch(explainBrokenHandlers);
  // Metrics ask the engine for its depths, and the engine tells the metrics what it does.
  const metrics = createMetrics({
    knowsHandler: (handler) => runner.handlers.has(handler),
    stats: () => engine.stats(),
    monotonicMs: () => clock.monotonic(),
    processMetrics: true,
  });
  const engine: Engine = new Engine({
    ...stores,
    runner,
    clock,
    log,
    telemetry: metrics,
    host: `${hostname()}-${process.pid}-${randomUUID().slice(0, 8)}` as HostId,
    mode: 'embedded',
    partitions: 1,
    leaseMs: config.LEASE_MS,
    maxDeliveries: config.MAX_DELIVERIES,
    maxBacklog: config.MAX_BACKLOG,
    queues: config.queues,
    retryDefaults: config.retryDefaults,
    nodeTimeoutMs: config.NODE_TIMEOUT_SECONDS * 1000,
    maxInputBytes: config.MAX_INPUT_BYTES,
    idempotencyTtlMs: config.IDEMPOTENCY_TTL_SECONDS * 1000,
    planCacheBytes: config.PLAN_CACHE_BYTES,
    reconcileMs: config.RECONCILE_SECONDS * 1000,
    sweepMs: config.SWEEP_SECONDS * 1000,
  });
  const parser = createSubmissionParser({
    limits: { maxNodes: config.MAX_NODES, maxParamsBytes: config.MAX_PARAMS_BYTES },
    catalog: () => runner.handlers,
  });
  const server = await createServer(
    config,
    createHttpApi({ engine, parser, config, telemetry: metrics, log, clock, version }),
  );
  const host = config.HOST || '127.0.0.1';
  // Before anything runs: a start that fails for its address is to leave the tasks alone.
  const port = await listen(server, host, config.PORT);
  engine.start();
  const address = `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
  return {
    address,
    description: `Millrace ${version} is ready at ${address} (embedded store in ${resolve(config.DATA_DIR)}; ${stores.durability}; HTTP by ${server.backend})`,
    log,
    stop: () => stop({ config, engine, server, log, closers }),
  };
}

async function openStores(config: Config, clock: Clock, log: Logger, closers: Closer[]) {
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
    durability: 'an answer follows the sync of its LMDB commit',
    dependencies: () => ({ store: store.failing ? ('unhealthy' as const) : ('healthy' as const) }),
  };
}

function createRunner(config: Config, log: Logger): TaskRunner {
  return createPiscinaRunner({
    threads: config.WORKER_THREADS || Math.max(1, availableParallelism() - 1),
    concurrency: config.WORKER_CONCURRENCY,
    memoryLimitMb: config.WORKER_MEMORY_MB,
    abortGraceMs: config.ABORT_GRACE_MS,
    maxOutputBytes: config.MAX_OUTPUT_BYTES,
    handlersDir: config.HANDLERS_DIR ? resolve(config.HANDLERS_DIR) : undefined,
    services: {
      simulateServices: config.SIMULATE_SERVICES,
      simulatedLatency: config.SIMULATED_LATENCY,
      llmBaseUrl: config.LLM_BASE_URL,
      llmApiKey: config.LLM_API_KEY,
      llmModel: config.LLM_MODEL,
    },
    onLog: ({ level, message, ...fields }) => log[level](message, fields),
  });
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
  readonly engine: Engine;
  readonly server: HttpServer;
  readonly log: Logger;
  readonly closers: Closer[];
}

async function stop({ config, engine, server, log, closers }: Running): Promise<void> {
  log.info('stopping: finishing what runs', { drain_ms: config.DRAIN_MS });
  engine.refuse();
  const { handedBack } = await engine.drain(config.DRAIN_MS);
  if (handedBack > 0) log.warn('tasks were handed back unfinished', { count: handedBack });
  await server.close(config.CLOSE_GRACE_MS);
  for (const close of closers.reverse()) await close();
  log.info('stopped');
}
