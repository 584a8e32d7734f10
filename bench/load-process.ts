import { setTimeout as pause } from 'node:timers/promises';
import { build, type Histogram } from 'hdr-histogram-js';
import { type HttpAnswer, type HttpConnection, openHttpConnection } from './http-connection.js';

/** What the parent sends once, by IPC. */
export interface LoadOrder {
  readonly port: number;
  readonly connections: number;
  readonly seconds: number;
  /** Body of POST /api/v1/workflow, without `trigger`. */
  readonly body: string;
  /** Workflows a request through the batch path, triggered at once; 0: submit and trigger as two requests. */
  readonly batch: number;
  /** Workflows a second, begun on time whatever the engine answers; 0: as fast as the connections allow. */
  readonly rate: number;
}

/** Microseconds. */
export interface LatencySummary {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

/** What the parent gets back. */
export interface LoadReport {
  readonly executionIds: readonly string[];
  readonly elapsedMs: number;
  /** Requests that answered 503, each tried again. */
  readonly refused: number;
  readonly submit: LatencySummary;
  /** Undefined through the batch path. */
  readonly trigger: LatencySummary | undefined;
}

interface Load {
  readonly order: LoadOrder;
  readonly startedAt: number;
  readonly executionIds: string[];
  readonly submit: Histogram;
  readonly trigger: Histogram;
  /** Workflows (or batches) begun so far. */
  begun: number;
  refused: number;
}

const RETRY_MS = 20;

async function runLoad(order: LoadOrder): Promise<LoadReport> {
  const connections = await Promise.all(
    Array.from({ length: order.connections }, () => openHttpConnection(order.port)),
  );
  const load: Load = {
    order,
    startedAt: performance.now(),
    executionIds: [],
    submit: createHistogram(),
    trigger: createHistogram(),
    begun: 0,
    refused: 0,
  };
  await Promise.all(connections.map((connection) => loop(load, connection)));
  const elapsedMs = performance.now() - load.startedAt;
  for (const connection of connections) connection.close();
  return {
    executionIds: load.executionIds,
    elapsedMs,
    refused: load.refused,
    submit: summarize(load.submit),
    trigger: order.batch > 0 ? undefined : summarize(load.trigger),
  };
}

async function loop(load: Load, connection: HttpConnection): Promise<void> {
  const endAt = load.startedAt + load.order.seconds * 1000;
  const step = load.order.batch > 0 ? submitBatch : submitAndTrigger;
  for (;;) {
    const dueAt = await nextStart(load);
    if (dueAt >= endAt) return;
    await step(load, connection, dueAt);
  }
}

/**
 * When the next workflow is due, in terms of performance.now(). At a fixed rate latencies count from here, so that a
 * stall of the engine shows in every workflow that it held up.
 */
async function nextStart(load: Load): Promise<number> {
  const index = load.begun;
  load.begun += 1;
  if (load.order.rate === 0) return performance.now();
  const dueAt = load.startedAt + (index * 1000) / load.order.rate;
  const ahead = dueAt - performance.now();
  if (ahead > 0) await pause(ahead);
  return dueAt;
}

async function submitAndTrigger(load: Load, connection: HttpConnection, dueAt: number): Promise<void> {
  const submitted = await insist(load, () => connection.request('POST', '/api/v1/workflow', load.order.body));
  const submittedAt = performance.now();
  load.submit.recordValue(Math.round((submittedAt - dueAt) * 1000));
  const executionId = executionIdsIn(submitted)[0];
  if (submitted.status !== 201 || executionId === undefined) throw new Error(describe(submitted));
  const triggered = await insist(load, () =>
    connection.request('POST', `/api/v1/workflow/trigger/${executionId}`),
  );
  if (triggered.status !== 200) throw new Error(describe(triggered));
  load.trigger.recordValue(Math.round((performance.now() - submittedAt) * 1000));
  load.executionIds.push(executionId);
}

async function submitBatch(load: Load, connection: HttpConnection, dueAt: number): Promise<void> {
  const { batch, body } = load.order;
  const item = `${body.slice(0, -1)},"trigger":true}`;
  const text = `[${Array.from({ length: batch }, () => item).join(',')}]`;
  const answer = await insist(load, () => connection.request('POST', '/api/v1/workflow/batch', text));
  load.submit.recordValue(Math.round((performance.now() - dueAt) * 1000));
  const accepted = executionIdsIn(answer);
  if (answer.status !== 200 || accepted.length !== batch) throw new Error(describe(answer));
  load.executionIds.push(...accepted);
}

/** A full engine says 503; the load then waits, as a client should. */
async function insist(load: Load, request: () => Promise<HttpAnswer>): Promise<HttpAnswer> {
  for (;;) {
    const answer = await request();
    if (answer.status !== 503) return answer;
    load.refused += 1;
    await pause(RETRY_MS);
  }
}

function executionIdsIn({ body }: HttpAnswer): string[] {
  return [...body.matchAll(/"execution_id":"([^"]+)"/g)].map((match) => match[1] ?? '');
}

function describe({ status, body }: HttpAnswer): string {
  return `the engine answered ${status}: ${body.slice(0, 300)}`;
}

function createHistogram(): Histogram {
  return build({ highestTrackableValue: 60_000_000, numberOfSignificantValueDigits: 3 });
}

function summarize(histogram: Histogram): LatencySummary {
  const at = (percentile: number): number => histogram.getValueAtPercentile(percentile);
  return { p50: at(50), p90: at(90), p99: at(99), p999: at(99.9), max: histogram.maxValue };
}

process.once('message', (order: LoadOrder) => {
  runLoad(order).then(
    (report) => process.send?.({ report }, () => process.disconnect()),
    (error: unknown) => process.send?.({ failure: String(error) }, () => process.disconnect()),
  );
});
