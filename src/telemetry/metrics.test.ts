import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { EngineStats } from '../engine/workflow-engine.js';
import { SimulatedClock } from '../testing/simulated-clock.js';
import { BucketHistogram } from './bucket-histogram.js';
import { createMetrics } from './metrics.js';

const STATS: EngineStats = {
  store: {
    pending: 1,
    running: 2,
    readyTasks: 3,
    readyByQueue: new Map(),
    leasedTasks: 4,
    delayedTasks: 5,
    outbox: 6,
    oldestReadyMs: 7000,
  },
  runner: {
    threads: 2,
    capacity: 32,
    running: 4,
    replaced: { timeout: 1, crash: 0 },
    circuits: { closed: 2, open: 1, half_open: 0, opened: 4, refused: 9 },
  },
  hosts: [],
  callbacks: 8,
};

function metricsOf(stats: () => Promise<EngineStats> = async () => STATS) {
  const knowsHandler = (handler: string) => ['echo', 'input', 'delay'].includes(handler);
  return createMetrics({
    knowsHandler,
    stats,
    suppressedLines: () => 0,
    clock: new SimulatedClock(),
    processMetrics: false,
  });
}

/** The value of one line of the Prometheus text. */
function sampleOf(text: string, series: string): number | undefined {
  const line = text.split('\n').find((candidate) => candidate.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length + 1));
}

describe('metrics', () => {
  test('counts what the engine tells, with the names of the contract', async () => {
    const metrics = metricsOf();
    metrics.submitted(3, 1.5);
    metrics.submitted(2, 1.5);
    metrics.ended('completed', 40);
    metrics.ended('failed', 400);
    metrics.ended('cancelled', undefined);
    metrics.nodeEnded('echo', 'completed', 2);
    metrics.nodeEnded('echo', 'retried', 20);
    metrics.nodeEnded('echo', 'skipped', 0);
    metrics.slept(2);
    for (let scrape = 0; scrape < 2; scrape += 1) {
      const { text } = await metrics.scrape();
      assert.equal(sampleOf(text, 'workflow_submissions_total'), 5);
      assert.equal(sampleOf(text, 'workflow_completions_total{status="completed"}'), 1);
      assert.equal(sampleOf(text, 'workflow_completions_total{status="cancelled"}'), 1);
      assert.equal(sampleOf(text, 'workflow_duration_seconds_count'), 2);
      assert.equal(sampleOf(text, 'workflow_duration_seconds_sum'), 0.44);
      assert.equal(sampleOf(text, 'node_executions_total{handler="echo",status="retried"}'), 1);
      assert.equal(sampleOf(text, 'node_executions_total{handler="echo",status="skipped"}'), 1);
      assert.equal(sampleOf(text, 'node_executions_total{handler="delay",status="completed"}'), 2);
      assert.equal(sampleOf(text, 'millrace_circuits{state="open"}'), 1);
      assert.equal(sampleOf(text, 'millrace_circuit_events_total{event="refused"}'), 9);
      assert.equal(sampleOf(text, 'node_duration_seconds_count{handler="echo"}'), 2);
      assert.equal(sampleOf(text, 'node_duration_seconds_bucket{handler="echo",le="0.0025"}'), 1);
      assert.equal(sampleOf(text, 'node_duration_seconds_bucket{handler="echo",le="+Inf"}'), 2);
    }
  });

  test('counts the records that were set aside', async () => {
    const metrics = metricsOf();
    metrics.recordSetAside();
    assert.equal(sampleOf((await metrics.scrape()).text, 'millrace_record_set_aside_total'), 1);
  });

  test('puts handlers that nobody has under one label', async () => {
    const metrics = metricsOf();
    assert.ok(!(await metrics.scrape()).text.includes('handler="unknown"'));
    for (const handler of ['nope', 'nada', '__proto__']) metrics.nodeEnded(handler, 'failed', 1);
    const { text } = await metrics.scrape();
    assert.equal(sampleOf(text, 'node_executions_total{handler="unknown",status="failed"}'), 3);
    assert.ok(!text.includes('nope'));
  });

  test('counts and times the scripts of the distributed store by name', async () => {
    const metrics = metricsOf();
    metrics.script('advance', 2);
    metrics.script('advance', 4);
    metrics.script('submit', 1);
    const { text } = await metrics.scrape();
    assert.equal(sampleOf(text, 'millrace_store_script_seconds_count{script="advance"}'), 2);
    assert.equal(sampleOf(text, 'millrace_store_script_seconds_sum{script="advance"}'), 0.006);
    assert.equal(sampleOf(text, 'millrace_store_script_seconds_count{script="submit"}'), 1);
  });

  test('times requests by route', async () => {
    const metrics = metricsOf();
    const recorder = metrics.requestRecorder('/api/v1/workflow/{execution_id}', 'GET');
    recorder.observe(3, 200);
    recorder.observe(30, 404);
    const { text, contentType } = await metrics.scrape();
    const labels = '{endpoint="/api/v1/workflow/{execution_id}",method="GET"}';
    assert.equal(sampleOf(text, `api_request_duration_seconds_count${labels}`), 2);
    assert.equal(sampleOf(text, 'api_responses_total{status="404"}'), 1);
    assert.match(contentType, /^text\/plain; version=0\.0\.4/);
  });

  test('shows depths while the engine can tell them, and none while it cannot', async () => {
    let isDown = false;
    const metrics = metricsOf(async () => {
      if (isDown) throw new Error('down');
      return STATS;
    });
    const up = (await metrics.scrape()).text;
    assert.equal(sampleOf(up, 'redis_stream_pending_messages'), 7);
    assert.equal(sampleOf(up, 'millrace_tasks{state="delayed"}'), 5);
    assert.equal(sampleOf(up, 'millrace_oldest_ready_task_seconds'), 7);
    isDown = true;
    const down = (await metrics.scrape()).text;
    assert.equal(sampleOf(down, 'redis_stream_pending_messages'), undefined);
    assert.equal(sampleOf(down, 'millrace_tasks{state="delayed"}'), undefined);
    isDown = false;
    assert.equal(sampleOf((await metrics.scrape()).text, 'redis_stream_pending_messages'), 7);
  });

  test('summarizes latencies in milliseconds', () => {
    const metrics = metricsOf();
    for (let ms = 1; ms <= 100; ms += 1) metrics.ended('completed', ms);
    metrics.queueWaited(-1);
    metrics.queueWaited(Number.MAX_SAFE_INTEGER);
    const { latency_ms: latency } = metrics.summary() as {
      latency_ms: Record<string, { count: number; p50: number; p99: number; max: number }>;
    };
    const end = latency.trigger_to_end;
    assert.equal(end?.count, 100);
    assert.ok(Math.abs((end?.p50 ?? 0) - 50) <= 1, String(end?.p50));
    assert.ok(Math.abs((end?.max ?? 0) - 100) <= 1, String(end?.max));
    assert.equal(latency.queue_wait?.count, 2);
  });

  test('tells what happens a second, and how far the record is behind', () => {
    const clock = new SimulatedClock();
    const knowsHandler = () => true;
    const metrics = createMetrics({
      knowsHandler,
      stats: async () => STATS,
      suppressedLines: () => 0,
      clock,
      processMetrics: false,
    });
    for (let second = 0; second < 20; second += 1) {
      metrics.submitted(4, 1);
      metrics.ended('completed', 1);
      metrics.ended('failed', 1);
      metrics.nodeEnded('echo', 'retried', 1);
      metrics.slept(2);
      clock.advance(1000);
    }
    const rates = {
      submissions: 4,
      completions: 2,
      completed: 1,
      failed: 1,
      cancelled: 0,
      node_executions: 3,
    };
    assert.deepEqual(metrics.summary().rates_per_second, rates);
    assert.equal(metrics.summary().outbox_lag_seconds, 0);
    metrics.outboxSeen(clock.now() - 500);
    clock.advance(1000);
    assert.equal(metrics.summary().outbox_lag_seconds, 1.5);
  });

  test('collects the figures of the process where it is asked to', async () => {
    const options = {
      knowsHandler: () => true,
      stats: async () => STATS,
      suppressedLines: () => 0,
      clock: new SimulatedClock(),
    };
    const { text } = await createMetrics({ ...options, processMetrics: true }).scrape();
    assert.ok((sampleOf(text, 'process_resident_memory_bytes') ?? 0) > 0);
    assert.ok(text.includes('nodejs_eventloop_lag_p99_seconds'));
  });
});

describe('bucket histogram', () => {
  test('puts a bound into its own bucket and what is longer into the next', () => {
    const histogram = new BucketHistogram();
    for (const ms of [-5, 0, 1, 1.0001, 1e9]) histogram.observeMs(ms);
    const samples = histogram.samples('x', { a: 'b' });
    const bucket = (le: string) => samples.find(({ labels }) => labels.le === le)?.value;
    assert.equal(bucket('0.0005'), 2);
    assert.equal(bucket('0.001'), 3);
    assert.equal(bucket('0.0025'), 4);
    assert.equal(bucket('600'), 4);
    assert.equal(bucket('+Inf'), 5);
    assert.equal(samples.at(-1)?.value, 5);
  });
});
