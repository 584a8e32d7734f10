import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { startEngineProcess } from '../src/testing/engine-process.js';
import { verifyRecorded } from './load/recorded-executions.js';
import { describeMachine } from './report/machine.js';
import { parseStoreName, startBenchStore } from './runs/bench-store.js';

/**
 * Submissions at several times what the engine can do, with idle connections held open beside them. The engine has to refuse what is
 * too much with 503 or 429 and Retry-After, keep its memory bounded, complete and record all that it acknowledged, and be as quick as
 * before within seconds of the end. Exits 1 where it does not.
 *
 *     npm run overload -- --seconds 60 --times 5 --idle 10000 --store embedded|distributed
 */
const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    times: { type: 'string', default: '5' },
    idle: { type: 'string', default: '5000' },
    /** MAX_BACKLOG: small enough to be reached. */
    backlog: { type: 'string', default: '5000' },
    store: { type: 'string', default: 'embedded' },
  },
});
const seconds = Number(values.seconds);
const backlog = Number(values.backlog);
const BATCH = 50;
const LANES = 16;
const CALIBRATION_MS = 3000;
const PROBES = 10;
const PROBE_PAUSE_MS = 50;
const RECOVERY_MS = 10_000;
const END_MS = 300_000;
/** A submission without an answer after this time ends the run. */
const ANSWER_MS = 60_000;
const SPARE_MEMORY_MB = 150;
/** Enough work for one to cost much more to run than to submit. */
const WIDTH = 30;
const NODES = [
  { id: 'a', handler: 'input', config: { n: 1 } },
  ...Array.from({ length: WIDTH }, (_, index) => ({
    ...{ id: `b${index}`, handler: 'echo', dependencies: ['a'] },
    config: { n: '{{ a.n }}' },
  })),
];
const ONE = JSON.stringify({ name: 'overload', dag: { nodes: NODES }, trigger: true });
const MANY = `[${Array(BATCH).fill(ONE).join()}]`;

const store = await startBenchStore(parseStoreName(values.store));
const engine = await startEngineProcess({
  from: 'dist',
  settings: { LOG_LEVEL: 'error', MAX_BACKLOG: String(backlog), ...store.settings },
});
const acknowledged: string[] = [];
const refusals = new Map<string, number>();
const violations: string[] = [];
const idle: Socket[] = [];

interface BatchReply {
  readonly results?: readonly {
    readonly execution_id?: string;
    readonly error?: { readonly error_code: string };
  }[];
}

function refused(what: string): void {
  refusals.set(what, (refusals.get(what) ?? 0) + 1);
}

async function post(path: string, body: string): Promise<Response> {
  const headers = { 'content-type': 'application/json' };
  const signal = AbortSignal.timeout(ANSWER_MS);
  return fetch(engine.baseUrl + path, { method: 'POST', headers, body, signal });
}

/** Whatever is refused as a whole has to say when to come again. */
async function submit(path: string, body: string): Promise<void> {
  const reply = await post(path, body);
  const text = await reply.text();
  if (reply.status === 201) acknowledged.push((JSON.parse(text) as { execution_id: string }).execution_id);
  else if (reply.status === 200) noteItems(JSON.parse(text) as BatchReply);
  else if (reply.status === 503 || reply.status === 429) {
    refused(`${reply.status}`);
    if (!/^[1-9]\d*$/.test(reply.headers.get('retry-after') ?? ''))
      violations.push(`a ${reply.status} without Retry-After`);
  } else violations.push(`a submission answered ${reply.status}: ${text.slice(0, 200)}`);
}

function noteItems({ results = [] }: BatchReply): void {
  for (const { execution_id: id, error } of results) {
    if (id) acknowledged.push(id);
    else if (error?.error_code === 'OVERLOADED' || error?.error_code === 'RATE_LIMITED')
      refused(error.error_code);
    else violations.push(`an item of a batch was refused as ${error?.error_code}`);
  }
}

/** Executions a second that it completes when it always has some to do. */
async function calibrate(): Promise<number> {
  const before = acknowledged.length;
  const begunAt = performance.now();
  const lanes = Array.from({ length: LANES }, async () => {
    while (performance.now() - begunAt < CALIBRATION_MS) await submit('/api/v1/workflow/batch', MANY);
  });
  await Promise.all(lanes);
  await untilIdle();
  return ((acknowledged.length - before) * 1000) / (performance.now() - begunAt);
}

async function unfinished(): Promise<number> {
  const reply = await fetch(`${engine.baseUrl}/api/v1/admin/stats`);
  const { executions } = (await reply.json()) as { executions: { pending: number; running: number } };
  return executions.pending + executions.running;
}

async function untilIdle(): Promise<void> {
  const deadline = performance.now() + END_MS;
  while ((await unfinished()) > 0) {
    if (performance.now() > deadline) throw new Error('what was acknowledged does not end');
    await pause(20);
  }
}

/** Milliseconds from submission to the end of one execution, the median of some. */
async function probe(): Promise<number> {
  const times: number[] = [];
  for (let count = 0; count < PROBES; count++) {
    const begunAt = performance.now();
    const reply = await post('/api/v1/workflow', ONE);
    const { execution_id: id } = (await reply.json()) as { execution_id?: string };
    if (id) {
      acknowledged.push(id);
      await (await fetch(`${engine.baseUrl}/api/v1/workflow/${id}?wait=60`)).text();
      times.push(performance.now() - begunAt);
    }
    await pause(PROBE_PAUSE_MS);
  }
  return times.toSorted((a, b) => a - b)[times.length >> 1] ?? Number.POSITIVE_INFINITY;
}

async function openIdle(count: number): Promise<void> {
  for (let opened = 0; opened < count; opened++) {
    await new Promise<void>((resolve, reject) => {
      const socket = connect({ port: engine.port, host: '127.0.0.1' }, resolve);
      socket.once('error', reject);
      socket.on('error', () => undefined);
      idle.push(socket);
    });
  }
}

/** Batches at an even rate, whatever comes of them, as far as so many lanes can send them; one lane sends single submissions. */
async function overload(perSecond: number): Promise<number> {
  const begunAt = performance.now();
  const isOver = (): boolean => performance.now() - begunAt >= seconds * 1000;
  let sent = 0;
  const lanes = Array.from({ length: LANES }, async (_, lane) => {
    while (!isOver()) {
      const dueAt = begunAt + (sent * 1000) / perSecond;
      if (dueAt > performance.now()) await pause(dueAt - performance.now());
      sent += lane === 0 ? 1 : BATCH;
      await (lane === 0 ? submit('/api/v1/workflow', ONE) : submit('/api/v1/workflow/batch', MANY));
    }
  });
  await Promise.all(lanes);
  return sent;
}

/** Without the pages of the store's file, which the kernel takes back when it needs them. */
function memoryMb(): number {
  const kib = /^RssAnon:\s+(\d+) kB/m.exec(readFileSync(`/proc/${engine.pid}/status`, 'utf8'))?.[1];
  return Number(kib ?? 0) / 1024;
}

/** Every quarter of a second. */
function watchMemory(): { readonly samples: number[]; stop(): void } {
  const samples: number[] = [];
  const timer = setInterval(() => samples.push(memoryMb()), 250);
  return { samples, stop: () => clearInterval(timer) };
}

/** What it took in the last quarter against the second: what fills the backlog is there by then. */
function checkMemory(samples: readonly number[]): void {
  const quarter = samples.length >> 2;
  const early = Math.max(...samples.slice(quarter, 2 * quarter));
  const late = Math.max(...samples.slice(-quarter));
  console.log(
    `memory: ${early.toFixed(0)} MB at most in the second quarter, ${late.toFixed(0)} MB in the last`,
  );
  if (late > early * 1.25 + SPARE_MEMORY_MB) violations.push('the memory grows');
}

async function awaitRecovery(normalMs: number): Promise<void> {
  const begunAt = performance.now();
  await untilIdle();
  const drainedMs = performance.now() - begunAt;
  for (;;) {
    const median = await probe();
    const sinceMs = performance.now() - begunAt;
    if (median <= 3 * normalMs + 20) {
      const text = `${(sinceMs / 1000).toFixed(1)} s after the end (${(drainedMs / 1000).toFixed(1)} s of them to work off the backlog)`;
      console.log(`recovery: ${median.toFixed(1)} ms again ${text}`);
      return;
    }
    if (sinceMs - drainedMs > RECOVERY_MS) {
      violations.push(`still ${median.toFixed(1)} ms an execution, ${normalMs.toFixed(1)} before`);
      return;
    }
  }
}

console.log(describeMachine());
console.log(`${engine.readyLine}; MAX_BACKLOG=${backlog}`);
// The first time warms it up.
await calibrate();
const capacity = await calibrate();
refusals.clear();
const normalMs = await probe();
await openIdle(Number(values.idle));
const besideIdleMs = await probe();
console.log(
  `${capacity.toFixed(0)} executions/s; ${normalMs.toFixed(1)} ms each when idle, ${besideIdleMs.toFixed(1)} ms beside ${idle.length} idle connections`,
);
if (besideIdleMs > 3 * normalMs + 20) violations.push('idle connections slow it down');
const memory = watchMemory();
const sent = await overload(capacity * Number(values.times));
memory.stop();
console.log(
  `${(sent / seconds).toFixed(0)} submissions/s for ${seconds} s; ${acknowledged.length} acknowledged, refused: ${JSON.stringify(Object.fromEntries(refusals))}`,
);
if (refusals.size === 0) violations.push('nothing was refused: the load was not too much');
checkMemory(memory.samples);
await awaitRecovery(normalMs);
for (const socket of idle) socket.destroy();
await verifyRecorded({
  port: engine.port,
  name: 'overload',
  executionIds: acknowledged,
  timeoutMs: END_MS,
}).catch((error: Error) => violations.push(error.message));
const { code } = await engine.stop();
if (code !== 0) violations.push(`it exited with ${code}`);
await Promise.all([engine.removeDataDir(), store.stop()]);
console.log(
  `${acknowledged.length} acknowledged executions recorded once each; ${violations.length} violations`,
);
for (const violation of violations.slice(0, 20)) console.error(violation);
process.exit(violations.length > 0 ? 1 : 0);
