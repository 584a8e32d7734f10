import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { callbackOptions, callbackRefusals } from './composition/callbacks.js';
import { createLogs } from './composition/logs.js';
import { openDistributed } from './composition/open-distributed.js';
import { openEmbedded } from './composition/open-embedded.js';
import { createServer, listen } from './composition/server.js';
import { openSpans } from './composition/spans.js';
import type { Closer } from './composition/stores.js';
import { createRunner, explainBrokenHandlers } from './composition/worker-threads.js';
import type { Config } from './config.js';
import { consoleDirectory } from './console-directory.js';
import { createSystemClock } from './engine/clock.js';
import { Engine } from './engine/engine.js';
import type { Logger } from './engine/logger.js';
import { checkBindPolicy } from './http/access.js';
import { createHttpApi } from './http/http-api.js';
import type { HttpServer } from './http/http-server.js';
import type { Clock } from './model/clock.js';
import type { HostId } from './model/ids.js';
import { createSubmissionParser } from './model/parse-submission.js';
import type { BoundedLog } from './telemetry/bounded-logger.js';
import { ExecutionSpans } from './telemetry/execution-spans.js';
import { FailureLog } from './telemetry/failure-log.js';
import { MeasuredStore } from './telemetry/measured-store.js';
import { createMetrics } from './telemetry/metrics.js';
import { createRequestSpans } from './telemetry/request-spans.js';
import { TracedRunner } from './telemetry/traced-runner.js';

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
