import { setTimeout as pause } from 'node:timers/promises';
import type { Histogram } from 'hdr-histogram-js';
import {
  type HttpAnswer,
  type HttpConnection,
  type HttpTarget,
  openHttpConnection,
} from './http-connection.js';
import { createLatency, packLatency, recordLatency } from './latency-curve.js';
import type { LoadName, LoadOrder, LoadProgress, LoadReport } from './load-order.js';

interface Load {
  readonly order: LoadOrder;
  readonly startedAt: number;
  readonly executionIds: string[];
  readonly dueAt: number[];
  readonly triggeredAt: number[];
  readonly latencies: Readonly<Record<'submit' | 'trigger' | 'ended', Histogram>>;
  /** Requests that submit, begun so far. */
  begun: number;
  refused: number;
  failed: number;
  firstFailure: string | undefined;
}

const RETRY_MS = 20;
const RECONNECT_MS = 100;
const WAIT_SECONDS = 60;
const PROGRESS_MS = 1000;

/**
 * Makes the load that was ordered. Every connection has one request under way at a time. docs/benchmarks.md tells why a general HTTP
 * load generator does not do.
 */
export async function runLoad(
  order: LoadOrder,
  onProgress: (progress: LoadProgress) => void = () => undefined,
): Promise<LoadReport> {
  const { targets, connections: count } = order;
  const targetOf = (index: number): HttpTarget => {
    const target = targets[index % targets.length];
    if (!target) throw new Error('a load needs a target');
    return target;
  };
  const places = Array.from({ length: order.load === 'alone' ? 1 : count }, (_, index) => targetOf(index));
  const connections = await Promise.all(places.map((target) => openHttpConnection(target)));
  const load = createLoad(order);
  const cpuBefore = process.cpuUsage();
  const reporting = setInterval(() => onProgress(progressOf(load)), PROGRESS_MS);
  try {
    await Promise.all(
      connections.map((connection, index) => loop(load, { target: targetOf(index), connection })),
    );
  } finally {
    clearInterval(reporting);
  }
  const { user, system } = process.cpuUsage(cpuBefore);
  return reportOf(load, user + system);
}

function createLoad(order: LoadOrder): Load {
  return {
    order,
    startedAt: performance.now(),
    executionIds: [],
    dueAt: [],
    triggeredAt: [],
    latencies: { submit: createLatency(), trigger: createLatency(), ended: createLatency() },
    begun: 0,
    refused: 0,
    failed: 0,
    firstFailure: undefined,
  };
}

function progressOf({ executionIds, failed, startedAt }: Load): LoadProgress {
  return { executions: executionIds.length, failed, elapsedMs: performance.now() - startedAt };
}

function reportOf(load: Load, cpuMicros: number): LoadReport {
  const { submit, trigger, ended } = load.latencies;
  const { executionIds, dueAt, triggeredAt, refused, failed, firstFailure } = load;
  const packedOrNone = (histogram: Histogram) =>
    histogram.totalCount > 0 ? packLatency(histogram) : undefined;
  return {
    ...{ executionIds, dueAt, triggeredAt, refused, failed, firstFailure, cpuMicros },
    elapsedMs: performance.now() - load.startedAt,
    submit: packLatency(submit),
    trigger: packedOrNone(trigger),
    ended: packedOrNone(ended),
  };
}

/** A connection, and where a new one goes when it broke. */
interface Line {
  readonly target: HttpTarget;
  connection: HttpConnection;
}

const STEPS: Readonly<Record<LoadName, (load: Load, line: Line, dueAt: number) => Promise<void>>> = {
  rest: async (load, line, dueAt) => void (await submitAndTrigger(load, line, dueAt)),
  single: submitTriggered,
  batch: submitBatch,
  alone: runAlone,
};

async function loop(load: Load, line: Line): Promise<void> {
  const { seconds, load: name, limit, batchSize } = load.order;
  const endAt = load.startedAt + seconds * 1000;
  const step = STEPS[name];
  const most = limit === undefined ? Number.POSITIVE_INFINITY : limit / (name === 'batch' ? batchSize : 1);
  while (load.begun < most) {
    const dueAt = nextDue(load);
    if (dueAt >= endAt) break;
    const ahead = dueAt - performance.now();
    if (ahead > 0) await pause(ahead);
    try {
      await step(load, line, dueAt);
    } catch (error) {
      load.failed += name === 'batch' ? batchSize : 1;
      load.firstFailure ??= error instanceof Error ? error.message : String(error);
      line.connection.close();
      await pause(RECONNECT_MS);
      const again = await openHttpConnection(line.target).catch(() => undefined);
      if (!again) break;
      line.connection = again;
    }
  }
  line.connection.close();
}

/**
 * When the next request is due, in terms of performance.now(). At a fixed rate latencies count from here, so that a
 * stall of the engine shows in every workflow that it held up.
 */
function nextDue(load: Load): number {
  const { rate, load: name, batchSize } = load.order;
  const index = load.begun;
  load.begun += 1;
  if (rate === 0) return performance.now();
  return load.startedAt + (index * (name === 'batch' ? batchSize : 1) * 1000) / rate;
}

async function submitAndTrigger(load: Load, { connection }: Line, dueAt: number): Promise<string> {
  const [executionId] = await submit(load, connection, {
    path: '/api/v1/workflow',
    body: load.order.body,
    dueAt,
    count: 1,
  });
  const triggeredAt = performance.now();
  const triggered = await insist(load, () =>
    connection.request('POST', `/api/v1/workflow/trigger/${executionId}`),
  );
  if (triggered.status !== 200) throw new Error(describe(triggered));
  recordLatency(load.latencies.trigger, performance.now() - triggeredAt);
  load.triggeredAt.push(performance.timeOrigin + triggeredAt);
  return keep(load, [executionId], dueAt);
}

async function submitTriggered(load: Load, { connection }: Line, dueAt: number): Promise<void> {
  const body = triggeredBody(load.order.body);
  keep(load, await submit(load, connection, { path: '/api/v1/workflow', body, dueAt, count: 1 }), dueAt);
}

async function submitBatch(load: Load, { connection }: Line, dueAt: number): Promise<void> {
  const { batchSize, body: one } = load.order;
  const item = triggeredBody(one);
  const body = `[${Array.from({ length: batchSize }, () => item).join(',')}]`;
  const path = '/api/v1/workflow/batch';
  keep(load, await submit(load, connection, { path, body, dueAt, count: batchSize }), dueAt);
}

/** The end is waited for on a connection of its own, which asks before the trigger is sent. */
async function runAlone(load: Load, line: Line, dueAt: number): Promise<void> {
  const { connection } = line;
  const watcher = await openHttpConnection(line.target);
  try {
    const [executionId] = await submit(load, connection, {
      path: '/api/v1/workflow',
      body: load.order.body,
      dueAt,
      count: 1,
    });
    const end = untilEnded(watcher, executionId);
    // The request to wait is to be there first; a fault of it shows below.
    end.catch(() => undefined);
    await connection.request('GET', '/livez');
    const triggeredAt = performance.now();
    const triggered = await insist(load, () =>
      connection.request('POST', `/api/v1/workflow/trigger/${executionId}`),
    );
    if (triggered.status !== 200) throw new Error(describe(triggered));
    recordLatency(load.latencies.trigger, performance.now() - triggeredAt);
    await end;
    recordLatency(load.latencies.ended, performance.now() - triggeredAt);
    load.triggeredAt.push(performance.timeOrigin + triggeredAt);
    keep(load, [executionId], dueAt);
  } finally {
    watcher.close();
  }
}

async function untilEnded(connection: HttpConnection, executionId: string): Promise<void> {
  for (;;) {
    const answer = await connection.request('GET', `/api/v1/workflow/${executionId}?wait=${WAIT_SECONDS}`);
    if (answer.status !== 200) throw new Error(describe(answer));
    if (!/"status":"(?:PENDING|RUNNING)"/.test(answer.body.slice(0, 1000))) return;
  }
}

interface SubmitRequest {
  readonly path: string;
  readonly body: string;
  readonly dueAt: number;
  readonly count: number;
}

async function submit(
  load: Load,
  connection: HttpConnection,
  { path, body, dueAt, count }: SubmitRequest,
): Promise<[string, ...string[]]> {
  const answer = await insist(load, () => connection.request('POST', path, body));
  const [first, ...rest] = executionIdsIn(answer);
  if (answer.status >= 300 || first === undefined || rest.length !== count - 1)
    throw new Error(describe(answer));
  recordLatency(load.latencies.submit, performance.now() - dueAt);
  return [first, ...rest];
}

function keep(load: Load, ids: readonly [string, ...string[]], dueAt: number): string {
  for (const id of ids) {
    load.executionIds.push(id);
    load.dueAt.push(performance.timeOrigin + dueAt);
  }
  return ids[0];
}

function triggeredBody(body: string): string {
  return `${body.slice(0, -1)},"trigger":true}`;
}

/** A full engine says 503, a limit 429; the load then waits, as a client should. */
async function insist(load: Load, request: () => Promise<HttpAnswer>): Promise<HttpAnswer> {
  for (;;) {
    const answer = await request();
    if (answer.status !== 503 && answer.status !== 429) return answer;
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
