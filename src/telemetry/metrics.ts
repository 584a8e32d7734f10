import { Counter, collectDefaultMetrics, Gauge, type Metric, Registry } from 'prom-client';
import type { NodeEndStatus, Telemetry } from '../engine/telemetry.js';
import type { EngineStats } from '../engine/workflow-engine.js';
import type { Clock } from '../model/clock.js';
import { BucketHistogram } from './bucket-histogram.js';
import { LATENCY_STAGES, LatencyRecorder, ofEachStage } from './latency.js';
import { type LatencyQuery, latencyTable } from './latency-table.js';
import type { StoreObserver } from './measured-store.js';
import { figuresOf } from './percentiles.js';
import { RateMeter } from './rate-meter.js';
import { StatsGauges } from './stats-gauges.js';

export interface MetricsOptions {
  /** Whether a handler of this name exists; all others share the label `unknown`, so that labels stay bounded. */
  readonly knowsHandler: (handler: string) => boolean;
  /** Depths, leases and threads, asked for on each scrape; a rejection leaves their gauges out of it. */
  readonly stats: () => Promise<EngineStats>;
  readonly clock: Pick<Clock, 'now' | 'monotonic' | 'after'>;
  /** Whether the figures of the process and of Node.js are collected too. */
  readonly processMetrics: boolean;
}

export interface Metrics extends Telemetry, StoreObserver {
  requestRecorder(endpoint: string, method: string): { observe(durationMs: number, status: number): void };
  scrape(): Promise<{ readonly contentType: string; readonly text: string }>;
  /** The record refused an execution, which was put where its operator finds it. */
  recordSetAside(): void;
  /** A script of the distributed store was called. */
  script(name: string, durationMs: number): void;
  summary(): Readonly<Record<string, unknown>>;
  /** Percentiles of each stage, by window; `window` undefined: all windows. */
  latencies(options: LatencyQuery): Readonly<Record<string, unknown>>;
}

const EXECUTION_ENDS = ['completed', 'failed', 'cancelled'] as const;
const NODE_ENDS = ['completed', 'failed', 'skipped', 'retried'] as const satisfies readonly NodeEndStatus[];
/** prom-client's default of 10 ms would wake an idle process a hundred times a second. */
const LOOP_LAG_RESOLUTION_MS = 100;

interface HandlerSeries {
  readonly handler: string;
  readonly ended: Record<NodeEndStatus, number>;
  readonly duration: BucketHistogram;
}

interface RequestSeries {
  readonly endpoint: string;
  readonly method: string;
  readonly duration: BucketHistogram;
}

/**
 * The Prometheus metrics of one process. The hot path only adds to plain numbers; prom-client sees them when it is
 * asked for its text.
 */
export function createMetrics(options: MetricsOptions): Metrics {
  const registry = new Registry();
  const series = new SeriesTable(options.knowsHandler);
  const { clock } = options;
  const latency = new LatencyRecorder(clock);
  const outbox = new OutboxLag(clock);
  const rates = new RateMeter(
    () => clock.monotonic(),
    () => series.rated(),
  );
  lookEachSecond(clock, rates);
  const gauges = new StatsGauges(registry);
  registerSeries(registry, series);
  registerLatency(registry, latency);
  if (options.processMetrics) {
    collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: LOOP_LAG_RESOLUTION_MS });
  }
  return {
    submitted(count, latencyMs) {
      series.submissions += count;
      latency.record('submit', latencyMs);
    },
    ended(state, durationMs) {
      series.completions[state] += 1;
      if (durationMs === undefined) return;
      series.workflowDuration.observe(durationMs);
      latency.record('trigger_to_end', durationMs);
    },
    queueWaited: (waitMs) => latency.record('queue_wait', waitMs),
    nodeEnded(handler, status, runMs) {
      const node = series.ofHandler(handler);
      node.ended[status] += 1;
      series.nodeExecutions += 1;
      if (status === 'skipped') return;
      node.duration.observe(runMs);
      latency.record('run', runMs);
    },
    storeCall: (_verb, _items, durationMs) => latency.record('store_call', durationMs),
    outboxSeen: (sinceMs) => outbox.seen(sinceMs),
    endRecorded: (endedAt) => latency.record('end_to_record', clock.now() - endedAt),
    slept(count) {
      series.nodeExecutions += count;
      series.ofHandler('delay').ended.completed += count;
    },
    reconciled(count) {
      series.reconciled += count;
    },
    recordSetAside() {
      series.recordsSetAside += 1;
    },
    script: (name, durationMs) => series.ofScript(name).observe(durationMs),
    requestRecorder: (endpoint, method) => series.requestRecorder(endpoint, method),
    async scrape() {
      await gauges.update(options.stats);
      return { contentType: registry.contentType, text: await registry.metrics() };
    },
    summary: () => ({
      totals: { submissions: series.submissions, ...series.completions },
      rates_per_second: rates.perSecond(),
      outbox_lag_seconds: outbox.seconds(),
      latency_ms: startFigures(latency),
    }),
    latencies: (query) => latencyTable(latency, query),
  };
}

function lookEachSecond(clock: Pick<Clock, 'after'>, rates: RateMeter<string>): void {
  clock.after(1000, () => {
    rates.look();
    lookEachSecond(clock, rates);
  });
}

function startFigures(latency: LatencyRecorder) {
  const { stages } = latency.view('start');
  return ofEachStage((stage) => figuresOf(stages[stage]));
}

/** How far the record is behind, by the oldest change that was last seen before it. */
class OutboxLag {
  readonly #clock: Pick<Clock, 'now'>;
  #sinceMs: number | undefined;

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock;
  }

  seen(sinceMs: number | undefined): void {
    this.#sinceMs = sinceMs;
  }

  seconds(): number {
    return this.#sinceMs === undefined ? 0 : Math.max(0, this.#clock.now() - this.#sinceMs) / 1000;
  }
}

/** Every count of the process, as plain numbers. */
class SeriesTable {
  submissions = 0;
  /** Attempts of nodes that came to an end. */
  nodeExecutions = 0;
  reconciled = 0;
  recordsSetAside = 0;
  readonly completions = { completed: 0, failed: 0, cancelled: 0 };
  readonly workflowDuration = new BucketHistogram();
  readonly requests: RequestSeries[] = [];
  readonly responses = new Map<number, number>();
  readonly #byHandler = new Map<string, HandlerSeries>();
  readonly #unknown = createHandlerSeries('unknown');
  readonly #knowsHandler: (handler: string) => boolean;

  constructor(knowsHandler: (handler: string) => boolean) {
    this.#knowsHandler = knowsHandler;
  }

  ofHandler(handler: string): HandlerSeries {
    const known = this.#byHandler.get(handler);
    if (known) return known;
    if (!this.#knowsHandler(handler)) return this.#unknown;
    const created = createHandlerSeries(handler);
    this.#byHandler.set(handler, created);
    return created;
  }

  /** What is shown a second too. */
  rated() {
    const { submissions, nodeExecutions, completions } = this;
    const { completed, failed, cancelled } = completions;
    return {
      submissions,
      completions: completed + failed + cancelled,
      completed,
      failed,
      cancelled,
      node_executions: nodeExecutions,
    };
  }

  readonly scripts = new Map<string, BucketHistogram>();

  ofScript(name: string): BucketHistogram {
    const known = this.scripts.get(name);
    if (known) return known;
    const created = new BucketHistogram();
    this.scripts.set(name, created);
    return created;
  }

  handlers(): HandlerSeries[] {
    const unknownSeen = NODE_ENDS.some((status) => this.#unknown.ended[status] > 0);
    return unknownSeen ? [...this.#byHandler.values(), this.#unknown] : [...this.#byHandler.values()];
  }

  requestRecorder(endpoint: string, method: string): { observe(durationMs: number, status: number): void } {
    const created: RequestSeries = { endpoint, method, duration: new BucketHistogram() };
    this.requests.push(created);
    return {
      observe: (durationMs, status) => {
        created.duration.observe(durationMs);
        this.responses.set(status, (this.responses.get(status) ?? 0) + 1);
      },
    };
  }
}

function createHandlerSeries(handler: string): HandlerSeries {
  return {
    handler,
    ended: { completed: 0, failed: 0, skipped: 0, retried: 0 },
    duration: new BucketHistogram(),
  };
}

function registerSeries(registry: Registry, series: SeriesTable): void {
  addCounter(registry, 'workflow_submissions_total', 'Executions accepted.', [], () => [
    [{}, series.submissions],
  ]);
  addCounter(registry, 'workflow_completions_total', 'Executions that ended, by status.', ['status'], () =>
    EXECUTION_ENDS.map((status) => [{ status }, series.completions[status]]),
  );
  addCounter(
    registry,
    'node_executions_total',
    'Attempts of nodes, by handler and how they went; retried: a failed attempt that another one follows.',
    ['handler', 'status'],
    () =>
      series
        .handlers()
        .flatMap((node) =>
          NODE_ENDS.map((status) => [{ handler: node.handler, status }, node.ended[status]] as const),
        ),
  );
  addCounter(registry, 'api_responses_total', 'Answers of the HTTP interface, by status.', ['status'], () =>
    Array.from(series.responses, ([status, count]) => [{ status: String(status) }, count] as const),
  );
  addCounter(
    registry,
    'millrace_reconciler_repairs_total',
    'Executions that nothing would have woken; must read 0.',
    [],
    () => [[{}, series.reconciled]],
  );
  addCounter(
    registry,
    'millrace_record_set_aside_total',
    'Executions that the record refused for what they hold, kept in the table set_aside; must read 0.',
    [],
    () => [[{}, series.recordsSetAside]],
  );
  addHistogram(registry, 'workflow_duration_seconds', 'From the start of an execution to its end.', () => [
    [{}, series.workflowDuration],
  ]);
  addHistogram(registry, 'node_duration_seconds', 'Time of an attempt in its handler.', () =>
    series.handlers().map((node) => [{ handler: node.handler }, node.duration]),
  );
  addHistogram(
    registry,
    'millrace_store_script_seconds',
    'Calls of the scripts of the distributed store, from sending to the reply.',
    () => [...series.scripts].map(([script, calls]) => [{ script }, calls]),
  );
  addHistogram(registry, 'api_request_duration_seconds', 'From a whole request to its answer.', () =>
    series.requests
      .filter((request) => request.duration.count > 0)
      .map((request) => [{ endpoint: request.endpoint, method: request.method }, request.duration]),
  );
}

function registerLatency(registry: Registry, latency: LatencyRecorder): void {
  const gauge = new Gauge({
    name: 'millrace_latency_seconds',
    help: 'Percentiles since the start, by stage.',
    labelNames: ['stage', 'quantile'],
    registers: [registry],
    collect() {
      const { stages } = latency.view('start');
      for (const stage of LATENCY_STAGES) {
        const figures = figuresOf(stages[stage]);
        gauge.set({ stage, quantile: '0.5' }, figures.p50 / 1000);
        gauge.set({ stage, quantile: '0.9' }, figures.p90 / 1000);
        gauge.set({ stage, quantile: '0.99' }, figures.p99 / 1000);
        gauge.set({ stage, quantile: '1' }, figures.max / 1000);
      }
    },
  });
}

type Labels = Readonly<Record<string, string>>;

function addCounter(
  registry: Registry,
  name: string,
  help: string,
  labelNames: string[],
  read: () => ReadonlyArray<readonly [Labels, number]>,
): void {
  const counter = new Counter({
    name,
    help,
    labelNames,
    registers: [registry],
    collect() {
      counter.reset();
      for (const [labels, value] of read()) counter.inc({ ...labels }, value);
    },
  });
}

/** prom-client offers no way to set a histogram's buckets, so the registry is given an object that answers as one. */
function addHistogram(
  registry: Registry,
  name: string,
  help: string,
  read: () => ReadonlyArray<readonly [Labels, BucketHistogram]>,
): void {
  const metric = {
    name,
    get: async () => ({
      name,
      help,
      type: 'histogram',
      aggregator: 'sum',
      values: read().flatMap(([labels, histogram]) => histogram.samples(name, labels)),
    }),
  };
  registry.registerMetric(metric as unknown as Metric);
}
