import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { callApi } from '../src/testing/call-api.js';
import type { Status } from '../src/testing/engine-calls.js';
import { describeMachine } from './report/machine.js';
import { percentile } from './report/statistics.js';
import { parseStoreName } from './runs/bench-store.js';
import { startEngineGroup } from './runs/engine-group.js';

/**
 * How late deadlines are under load. Finds what the engine completes (or takes --rate), submits half of that at an even rate, and
 * beside it runs executions that hang: some until the time-out of their node, some until that of their workflow, some until they are
 * cancelled. Tells for each kind how long after the due instant the handler's AbortSignal fired and the outcome was recorded.
 * Exits 1 where p99 of a deadline is over 100 ms, or a cancellation took over a second.
 *
 *     npm run bench:deadlines -- --store embedded|distributed --hosts 2 --seconds 30 --probes 20
 */
const { values } = parseArgs({
  options: {
    store: { type: 'string', default: 'embedded' },
    hosts: { type: 'string' },
    seconds: { type: 'string', default: '30' },
    /** Executions that hang, a second. */
    probes: { type: 'string', default: '20' },
    /** Executions of the load a second; without it half of what is found. */
    rate: { type: 'string' },
    /** Only that all of it works: the figures of so short a run say nothing. */
    smoke: { type: 'boolean', default: false },
  },
});
const storeName = parseStoreName(values.store);
const hosts = Number(values.hosts ?? (storeName === 'embedded' ? 1 : 2));
const seconds = values.smoke ? 2 : Number(values.seconds);
const CALIBRATION_MS = values.smoke ? 500 : 4000;
const DEADLINE_BOUND_MS = 100;
const CANCEL_BOUND_MS = 1000;
const TIMEOUT_MS = 500;
const BATCH = 50;
const LANES = 8;
const WIDTH = 3;
const END_MS = 60_000;

const KINDS = ['node time-out', 'workflow deadline', 'cancellation'] as const;
type Kind = (typeof KINDS)[number];

interface Probe {
  readonly kind: Kind;
  readonly id: string;
  /** Of a cancellation: when it was asked for. */
  readonly askedAt: number | undefined;
}

/** When a hanging handler began and when its signal fired, in milliseconds since the epoch. */
interface Run {
  readonly begunAt: number;
  readonly abortedAt: number;
}

const LOAD = {
  name: 'load',
  trigger: true,
  dag: {
    nodes: [
      { id: 'a', handler: 'input', config: { n: 1 } },
      ...Array.from({ length: WIDTH }, (_, index) => ({
        ...{ id: `b${index}`, handler: 'echo', dependencies: ['a'] },
        config: { n: '{{ a.n }}' },
      })),
      { id: 'z', handler: 'output', dependencies: ['b0', 'b1', 'b2'], config: { n: '{{ b0.n }}' } },
    ],
  },
};
const MANY = JSON.stringify(Array<object>(BATCH).fill(LOAD));

const directory = await mkdtemp(path.join(tmpdir(), 'millrace-deadlines-'));
const runsFile = path.join(directory, 'runs');
await writeFile(
  path.join(directory, 'handlers.mjs'),
  `import { appendFileSync } from 'node:fs';
import { defineHandler } from 'millrace';
export const hang = defineHandler({ name: 'hang', run({ executionId, signal }) {
  const begunAt = Date.now();
  return new Promise((_, reject) => signal.addEventListener('abort', () => {
    appendFileSync(${JSON.stringify(runsFile)}, executionId + ' ' + begunAt + ' ' + Date.now() + '\\n');
    reject(signal.reason);
  }));
} });
`,
);
const group = await startEngineGroup({
  ...{ store: storeName, fsync: 'always', hosts },
  settings: { HANDLERS_DIR: directory },
});

function call(method: string, requestPath: string, body?: unknown) {
  const host = group.hosts[Math.floor(Math.random() * group.hosts.length)];
  return callApi(host?.baseUrl ?? '', method, requestPath, body);
}

async function unfinished(): Promise<number> {
  const { executions } = (await call('GET', '/api/v1/admin/stats')).json;
  return executions.pending + executions.running;
}

async function untilIdle(): Promise<void> {
  const deadline = performance.now() + END_MS;
  while ((await unfinished()) > 0) {
    if (performance.now() > deadline) throw new Error('the load does not end');
    await pause(20);
  }
}

/** Executions a second that are completed where there are always some to do. */
async function findMaximum(): Promise<number> {
  const begunAt = performance.now();
  let sent = 0;
  const lanes = Array.from({ length: LANES }, async () => {
    while (performance.now() - begunAt < CALIBRATION_MS) {
      const { json } = await call('POST', '/api/v1/workflow/batch', MANY);
      sent += (json.results as { execution_id?: string }[]).filter((each) => each.execution_id).length;
    }
  });
  await Promise.all(lanes);
  await untilIdle();
  return (sent * 1000) / (performance.now() - begunAt);
}

/** In batches that begin as they are due, whether the ones before were answered or not. */
async function load(perSecond: number, isOver: () => boolean): Promise<number> {
  const begunAt = performance.now();
  const answers: Promise<unknown>[] = [];
  for (let sent = 0; !isOver(); sent += BATCH) {
    const dueAt = begunAt + (sent * 1000) / perSecond;
    await pause(Math.max(0, dueAt - performance.now()));
    answers.push(call('POST', '/api/v1/workflow/batch', MANY));
  }
  await Promise.all(answers);
  return answers.length * BATCH;
}

async function hang(kind: Kind): Promise<Probe> {
  const seconds = TIMEOUT_MS / 1000;
  const node = { id: 'hang', handler: 'hang', retry: { max_attempts: 1 } };
  const reply = await call('POST', '/api/v1/workflow', {
    name: kind,
    trigger: true,
    ...(kind === 'workflow deadline' && { timeout_seconds: seconds }),
    dag: { nodes: [kind === 'node time-out' ? { ...node, timeout_seconds: seconds } : node] },
  });
  const id: string = reply.json.execution_id;
  if (kind !== 'cancellation') return { kind, id, askedAt: undefined };
  await pause(TIMEOUT_MS);
  const askedAt = Date.now();
  await call('DELETE', `/api/v1/workflow/${id}`);
  return { kind, id, askedAt };
}

async function readRuns(): Promise<ReadonlyMap<string, Run>> {
  const lines = (await readFile(runsFile, 'utf8')).trim().split('\n');
  return new Map(
    lines.map((line) => {
      const [id = '', begunAt, abortedAt] = line.split(' ');
      return [id, { begunAt: Number(begunAt), abortedAt: Number(abortedAt) }];
    }),
  );
}

/** How late the signal and the record were; undefined: the handler had not begun before the end. */
async function latenessOf(
  { kind, id, askedAt }: Probe,
  run: Run | undefined,
): Promise<{ readonly signalMs: number; readonly recordedMs: number } | undefined> {
  const status = (await call('GET', `/api/v1/workflow/${id}?detail=nodes&wait=60`)).json as Status;
  if (!run) return undefined;
  const began = kind === 'node time-out' ? run.begunAt : Date.parse(status.started_at ?? '');
  const dueAt = askedAt ?? began + TIMEOUT_MS;
  return { signalMs: run.abortedAt - dueAt, recordedMs: Date.parse(status.finished_at ?? '') - dueAt };
}

function figuresOf(late: readonly number[]): string {
  const [p50, p99, most] = [percentile(late, 0.5), percentile(late, 0.99), Math.max(...late)];
  return `p50 ${p50} ms, p99 ${p99} ms, most ${most} ms`;
}

function problemOf(kind: Kind, late: readonly number[]): string | undefined {
  if (late.length === 0) return `no ${kind} was measured`;
  if (values.smoke) return undefined;
  if (kind === 'cancellation')
    return Math.max(...late) > CANCEL_BOUND_MS ? 'a cancellation took over a second' : undefined;
  return percentile(late, 0.99) > DEADLINE_BOUND_MS
    ? `p99 of the ${kind} is over ${DEADLINE_BOUND_MS} ms`
    : undefined;
}

const problems: string[] = [];
try {
  console.log(describeMachine());
  await findMaximum();
  const maximum = values.rate === undefined ? await findMaximum() : undefined;
  const rate = maximum === undefined ? Number(values.rate) : maximum / 2;
  const endsAt = performance.now() + seconds * 1000;
  const isOver = (): boolean => performance.now() >= endsAt;
  const loading = load(rate, isOver);
  const probing: Promise<Probe>[] = [];
  while (!isOver()) {
    probing.push(hang(KINDS[probing.length % KINDS.length] as Kind));
    await pause(1000 / Number(values.probes));
  }
  const probes = await Promise.all(probing);
  const sent = await loading;
  const found = maximum === undefined ? '' : `; ${maximum.toFixed(0)}/s is the most that it completes`;
  console.log(
    `${storeName}, ${hosts} hosts: ${(sent / seconds).toFixed(0)} executions/s of ${LOAD.dag.nodes.length} nodes for ${seconds} s${found}; load average ${loadavg()[0]?.toFixed(1)}`,
  );
  await untilIdle();
  const runs = await readRuns();
  for (const kind of KINDS) {
    const late: { readonly signalMs: number; readonly recordedMs: number }[] = [];
    for (const probe of probes) {
      const each = probe.kind === kind && (await latenessOf(probe, runs.get(probe.id)));
      if (each) late.push(each);
    }
    for (const [what, all] of [
      ['signal', late.map((each) => each.signalMs)],
      ['recorded', late.map((each) => each.recordedMs)],
    ] as const) {
      console.log(`${kind.padEnd(18)} ${what.padEnd(9)} ${figuresOf(all)}  (${all.length})`);
      const problem = problemOf(kind, all);
      if (problem) problems.push(`${problem} (${what})`);
    }
  }
} finally {
  await group.stop();
  await rm(directory, { recursive: true, force: true });
}
for (const problem of problems) console.error(problem);
process.exit(problems.length > 0 ? 1 : 0);
