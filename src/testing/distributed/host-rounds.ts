import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { readRecordRows } from '../../store/postgres/testing/record-rows.js';
import { type EngineProcess, startEngineProcess } from '../engine-process.js';
import { createSeededRandom } from '../seeded-random.js';
import { startPostgres } from '../servers/postgres-server.js';
import { startRedis } from '../servers/redis-server.js';
import { probeRedis } from '../servers/resp-probe.js';
import { SHAPES, type Shape } from './mixed-shapes.js';

/**
 * Hosts of one store under load while they are killed with -9 and new ones join; with --redis and --postgres the servers are killed
 * too. At the end every acknowledged execution must have ended as its shape says, stand in the record once and as the API tells it,
 * and Redis must be as small as at the start. Exits 1 where that is not so.
 *
 *     node --import tsx src/testing/distributed/host-rounds.ts --executions 20000 --hosts 3 --redis --postgres
 */
const { values } = parseArgs({
  options: {
    executions: { type: 'string', default: '20000' },
    hosts: { type: 'string', default: '3' },
    every: { type: 'string', default: '3' },
    seed: { type: 'string', default: '1' },
    redis: { type: 'boolean', default: false },
    postgres: { type: 'boolean', default: false },
  },
});
const wanted = Number(values.executions);
const hostCount = Number(values.hosts);
const everyMs = Number(values.every) * 1000;
const random = createSeededRandom(Number(values.seed));
const BATCH = 50;
const END_BOUND_MS = 180_000;

interface Accepted {
  readonly id: string;
  readonly shape: Shape;
}

const violations: string[] = [];
const accepted: Accepted[] = [];
const deaths = { hosts: 0, redis: 0, postgres: 0 };

const postgres = await startPostgres();
const redis = await startRedis({ appendfsync: 'always' });
const settings = {
  REDIS_URL: redis.url,
  DATABASE_URL: postgres.url,
  HOT_GRACE_SECONDS: '1',
  LEASE_MS: '3000',
  LOG_LEVEL: 'error',
  SIMULATED_LATENCY: '1',
};
const start = (): Promise<EngineProcess> => startEngineProcess({ from: 'dist', settings });
const hosts: EngineProcess[] = await Promise.all(Array.from({ length: hostCount }, start));
await pause(1500);
const before = await redisSize();
const begun = performance.now();
let submitting = true;

async function redisSize(): Promise<{ readonly keys: number; readonly bytes: number }> {
  const info = await probeRedis(redis.port, 'INFO memory');
  const keys = Number(/:(\d+)/.exec(await probeRedis(redis.port, 'DBSIZE'))?.[1] ?? 0);
  return { keys, bytes: Number(/used_memory:(\d+)/.exec(info)?.[1] ?? 0) };
}

function anyHost(): EngineProcess {
  return hosts[random.integer(0, hosts.length - 1)] as EngineProcess;
}

async function callAny(path: string, init?: RequestInit): Promise<unknown> {
  for (let tries = 0; ; tries++) {
    try {
      const signal = AbortSignal.timeout(15_000);
      const reply = await fetch(anyHost().baseUrl + path, { ...init, signal });
      if (reply.status !== 503) return await reply.json();
    } catch {
      // A host that was killed under the call: the next one is asked.
    }
    if (tries > 600) throw new Error(`no host answers ${path}`);
    await pause(100);
  }
}

/** Submissions that were not acknowledged are sent again, as new ones. */
async function submitAll(): Promise<void> {
  const lanes = Array.from({ length: 4 }, async () => {
    while (accepted.length < wanted) {
      const shapes = Array.from(
        { length: BATCH },
        () => SHAPES[random.integer(0, SHAPES.length - 1)] as Shape,
      );
      const body = JSON.stringify(shapes.map((shape) => ({ ...shape.body, trigger: true })));
      const headers = { 'content-type': 'application/json' };
      const reply = (await callAny('/api/v1/workflow/batch', { method: 'POST', headers, body })) as {
        readonly results: readonly { readonly execution_id?: string }[];
      };
      for (const [index, { execution_id: id }] of reply.results.entries()) {
        if (id) accepted.push({ id, shape: shapes[index] as Shape });
      }
      await pause(20);
    }
  });
  await Promise.all(lanes);
  submitting = false;
}

async function disturb(): Promise<void> {
  for (let round = 1; submitting || round < 3; round++) {
    await pause(everyMs * (0.5 + random.integer(0, 100) / 100));
    const place = random.integer(0, hosts.length - 1);
    const victim = hosts[place] as EngineProcess;
    await victim.kill();
    deaths.hosts += 1;
    if (values.redis && round % 2 === 0) {
      await redis.kill();
      deaths.redis += 1;
      await pause(random.integer(0, 1500));
      await redis.start();
    }
    if (values.postgres && round % 2 === 1) {
      deaths.postgres += 1;
      if (round % 4 === 1) await postgres.restart();
      else {
        await postgres.kill();
        await pause(random.integer(0, 1500));
        await postgres.start();
      }
    }
    hosts[place] = await start();
    await victim.removeDataDir();
  }
}

async function awaitEnds(): Promise<void> {
  const deadline = performance.now() + END_BOUND_MS;
  for (;;) {
    const stats = (await callAny('/api/v1/admin/stats')) as {
      readonly executions: { readonly pending: number; readonly running: number };
      readonly outbox_events: number;
      readonly tasks: unknown;
    };
    if (stats.executions.running === 0 && stats.executions.pending === 0 && stats.outbox_events === 0) return;
    if (performance.now() > deadline) {
      violations.push(`not everything ended: ${JSON.stringify(stats)}`);
      return;
    }
    await pause(250);
  }
}

interface Status {
  readonly execution_id: string;
  readonly status: string;
  readonly node_statuses: Readonly<Record<string, string>>;
}

function check(found: Status | undefined, { id, shape }: Accepted): void {
  if (!found) {
    violations.push(`${id} (${shape.name}) is not known`);
    return;
  }
  const expected = EXPECTED[shape.name] ?? {};
  if (found.status !== shape.status) violations.push(`${id} (${shape.name}) is ${JSON.stringify(found)}`);
  else if (JSON.stringify(found.node_statuses) !== JSON.stringify(expected)) {
    violations.push(`${id} (${shape.name}) has ${JSON.stringify(found.node_statuses)}`);
  }
}

const EXPECTED: Readonly<Record<string, Readonly<Record<string, string>>>> = Object.fromEntries(
  SHAPES.map(({ name, body }) => {
    const { nodes } = (body as { dag: { nodes: { id: string; condition?: string }[] } }).dag;
    const statusOf = ({ id, condition }: { id: string; condition?: string }): string => {
      if (name === 'failing') return { a: 'COMPLETED', b: 'FAILED' }[id] ?? 'CANCELLED';
      return condition ? 'SKIPPED' : 'COMPLETED';
    };
    return [name, Object.fromEntries(nodes.map((node) => [node.id, statusOf(node)]))];
  }),
);

async function checkAll(): Promise<void> {
  for (let at = 0; at < accepted.length; at += 500) {
    const page = accepted.slice(at, at + 500);
    const reply = (await callAny('/api/v1/workflow/batch/status', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ execution_ids: page.map(({ id }) => id) }),
    })) as { readonly results: readonly Status[] };
    for (const [index, item] of page.entries()) check(reply.results[index], item);
  }
}

/** The record has each execution once, in the state that the API told. */
async function checkRecord(): Promise<void> {
  const { executions, setAside } = await readRecordRows(postgres.url);
  const found = new Map<string, string | undefined>();
  for (const { id, state } of executions) {
    if (found.has(id)) violations.push(`${id} stands in the record twice`);
    found.set(id, state);
  }
  for (const { id, shape } of accepted) {
    const state = found.get(id);
    if (state !== shape.status.toLowerCase())
      violations.push(`${id} (${shape.name}) is recorded as ${state}`);
  }
  if (setAside !== 0) violations.push(`the record has set ${setAside} executions aside`);
}

async function awaitSmallRedis(): Promise<void> {
  for (let tries = 0; tries < 60; tries++) {
    const now = await redisSize();
    if (now.keys <= before.keys + 64) return;
    await pause(500);
  }
  violations.push(
    `Redis did not shrink: ${JSON.stringify(before)} before, ${JSON.stringify(await redisSize())} after`,
  );
}

await Promise.all([submitAll(), disturb()]);
const submittedMs = performance.now() - begun;
await awaitEnds();
const endedMs = performance.now() - begun;
await checkAll();
await checkRecord();
await awaitSmallRedis();
console.log(
  JSON.stringify(
    {
      settings: {
        wanted,
        hostCount,
        everyMs,
        seed: values.seed,
        redis: values.redis,
        postgres: values.postgres,
      },
      acknowledged: accepted.length,
      deaths,
      submittedMs: Math.round(submittedMs),
      endedMs: Math.round(endedMs),
      redis: { before, after: await redisSize() },
      violations: violations.length,
    },
    undefined,
    1,
  ),
);
for (const violation of violations.slice(0, 20)) console.error(violation);
for (const host of hosts) {
  const errors = host
    .output()
    .split('\n')
    .filter((line) => line.includes('"level":"error"'));
  if (violations.length > 0) console.error(errors.slice(-5).join('\n'));
}
await Promise.all(hosts.map((host) => host.stop()));
await redis.stop();
await postgres.stop();
process.exit(violations.length > 0 ? 1 : 0);
