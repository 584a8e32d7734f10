import { collectDefaultMetrics, Registry } from 'prom-client';
import type { Telemetry } from '../engine/telemetry.js';
import type { EngineStats } from '../engine/workflow-engine.js';
import type { Clock } from '../model/clock.js';
import type { Sample } from './bucket-histogram.js';
import { Exposition } from './exposition.js';
import { LATENCY_STAGES, LatencyRecorder, ofEachStage } from './latency.js';
import { type LatencyQuery, latencyTable } from './latency-table.js';
import type { StoreObserver } from './measured-store.js';
import { figuresOf, percentilesOf } from './percentiles.js';
import { RateMeter } from './rate-meter.js';
import { exposeSeries, SeriesTable } from './series-table.js';
import type { SpanCounts } from './spans.js';
import { StatsGauges } from './stats-gauges.js';

export interface MetricsOptions {
  /** Whether a handler of this name exists; all others share the label `unknown`, so that labels stay bounded. */
  readonly knowsHandler: (handler: string) => boolean;
  /** Depths, leases and threads, asked for on each scrape; a rejection leaves their gauges out of it. */
  readonly stats: () => Promise<EngineStats>;
  /** Lines that the log did not write. */
  readonly suppressedLines: () => number;
  /** Of spans; undefined: none are collected. */
  readonly spans?: (() => SpanCounts) | undefined;
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

/** prom-client's default of 10 ms would wake an idle process a hundred times a second. */
const LOOP_LAG_RESOLUTION_MS = 100;

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
  const exposition = new Exposition(registry);
  const gauges = new StatsGauges(exposition);
  exposeSeries(exposition, series);
  exposeLatency(exposition, latency);
  exposition.values('millrace_log_lines_suppressed_total', () => [[{}, options.suppressedLines()]]);
  exposition.values('millrace_spans_total', () =>
    Object.entries(options.spans?.() ?? {}).map(([outcome, spans]) => [{ outcome }, spans]),
  );
  exposition.values('millrace_outbox_lag_seconds', () => [[{}, outbox.seconds()]]);
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
      series.workflowDuration.observeMs(durationMs);
      latency.record('trigger_to_end', durationMs);
    },
    queueWaited: (waitMs) => latency.record('queue_wait', waitMs),
    nodeEnded(handler, status, runMs) {
      const node = series.ofHandler(handler);
      node.ended[status] += 1;
      series.nodeExecutions += 1;
      if (status === 'skipped') return;
      node.duration.observeMs(runMs);
      latency.record('run', runMs);
    },
    storeCall(verb, items, durationMs) {
      series.storeCalls[verb].seconds.observeMs(durationMs);
      series.storeCalls[verb].items.observe(items);
      latency.record('store_call', durationMs);
    },
    outboxSeen: (sinceMs) => outbox.seen(sinceMs),
    endRecorded: (endedAt) => latency.record('end_to_record', clock.now() - endedAt),
    slept(count) {
      series.nodeExecutions += count;
      series.ofHandler('delay').ended.completed += count;
    },
    calledBack(outcome) {
      series.callbacks[outcome] += 1;
    },
    reconciled(count) {
      series.reconciled += count;
    },
    recordSetAside() {
      series.recordsSetAside += 1;
    },
    script: (name, durationMs) => series.ofScript(name).observeMs(durationMs),
    requestRecorder: (endpoint, method) => series.requestRecorder(endpoint, method),
    async scrape() {
      await gauges.update(options.stats);
      // prom-client spells what is not a number in a way that the format does not have.
      const text = (await registry.metrics()).replaceAll(/ Nan$/gm, ' NaN');
      return { contentType: registry.contentType, text };
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

const QUANTILES = [0.5, 0.9, 0.95, 0.99, 0.999, 1];
const QUANTILE_PERCENTILES = QUANTILES.map((quantile) => quantile * 100);

function exposeLatency(exposition: Exposition, latency: LatencyRecorder): void {
  const name = 'millrace_latency_seconds';
  exposition.samples(name, () => {
    const recent = latency.view('1m').stages;
    const all = latency.view('start').stages;
    return LATENCY_STAGES.flatMap((stage): Sample[] => {
      // Of nothing there are no quantiles.
      const values = recent[stage].count > 0 ? percentilesOf(recent[stage], QUANTILE_PERCENTILES) : [];
      return [
        ...values.map((ms, at) => ({
          metricName: name,
          labels: { stage, quantile: String(QUANTILES[at]) },
          value: ms / 1000,
        })),
        { metricName: `${name}_sum`, labels: { stage }, value: all[stage].sumUs / 1e6 },
        { metricName: `${name}_count`, labels: { stage }, value: all[stage].count },
      ];
    });
  });
}
