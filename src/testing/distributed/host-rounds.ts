import { rm } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type EngineProcess, startEngineProcess } from '../engine-process.js';
import { createSeededRandom } from '../seeded-random.js';
import { startPostgres } from '../servers/postgres-server.js';
import { startRedis } from '../servers/redis-server.js';
import { probeRedis } from '../servers/resp-probe.js';
import { SHAPES, type Shape, writeHandlers } from './mixed-shapes.js';
import { type Accepted, problemsOf, recordProblems, type Told } from './round-checks.js';

/**
 * Hosts of one store under load while they are killed with -9 and new ones join; with --redis and --postgres the servers are killed
 * too. At the end every acknowledged execution must have ended as its shape says (states, attempts, order of times, outputs), stand in the
 * record once and as the API tells it, and Redis must be as small as at the start. Exits 1 where that is not so.
 *
 *     npm run crash:hosts -- --executions 20000 --hosts 3 --redis --postgres
 */
const { values } = parseArgs({
  options: {
    executions: { type: 'string', default: '20000' },
    hosts: { type: 'string', default: '3' },
    every: { type: 'string', default: '3' },
    /** Milliseconds between two batches of one of four clients: how long the load lasts. */
    pause: { type: 'string', default: '20' },
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
const PARTITIONS = 64;
/** Keys and bytes by which Redis may be larger at the end: those of hosts that were there, and buffers. */
const SPARE_KEYS = 8;
const SPARE_BYTES = 1 << 20;

/** Each shape as often as its weight. */
const drawn = SHAPES.flatMap((shape) => Array<Shape>(shape.weight).fill(shape));
const violations: string[] = [];
const accepted: Accepted[] = [];
const deaths = { hosts: 0, redis: 0, postgres: 0 };

const handlersDir = await writeHandlers();
const postgres = await startPostgres();
const redis = await startRedis({ appendfsync: 'always' });
const settings = {
  REDIS_URL: redis.url,
  DATABASE_URL: postgres.url,
  HOT_GRACE_SECONDS: '1',
  LEASE_MS: '3000',
  LOG_LEVEL: 'error',
  SIMULATED_LATENCY: '1',
  HANDLERS_DIR: handlersDir,
};
const start = (): Promise<EngineProcess> => startEngineProcess({ from: 'dist', settings });
const hosts: EngineProcess[] = await Promise.all(Array.from({ length: hostCount }, start));
await pause(1500);
await warmUp();
const before = await redisSize();
const begun = performance.now();
let isOver = false;

async function redisSize(): Promise<{ readonly keys: number; readonly bytes: number }> {
  const info = await probeRedis(redis.port, 'INFO memory');
  const keys = Number(/:(\d+)/.exec(await probeRedis(redis.port, 'DBSIZE'))?.[1] ?? 0);
  return { keys, bytes: Number(/used_memory:(\d+)/.exec(info)?.[1] ?? 0) };
}

/** Each shape has run and left once: scripts and definitions are known, and what stays for ever is there. */
async function warmUp(): Promise<void> {
  const body = JSON.stringify(SHAPES.map((shape) => ({ ...shape.body, trigger: true })));
  const headers = { 'content-type': 'application/json' };
  await callAny('/api/v1/workflow/batch', { method: 'POST', headers, body });
  await awaitEnds();
  for (let keys = -1, tries = 0; tries < 120; tries++) {
    await pause(500);
    const found = (await redisSize()).keys;
    if (found === keys && found <= 2 * PARTITIONS) return;
    keys = found;
  }
  throw new Error('Redis does not get small after the warm-up');
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
      const shapes = Array.from({ length: BATCH }, () => drawn[random.integer(0, drawn.length - 1)] as Shape);
      const body = JSON.stringify(shapes.map((shape) => ({ ...shape.body, trigger: true })));
      const headers = { 'content-type': 'application/json' };
      const reply = (await callAny('/api/v1/workflow/batch', { method: 'POST', headers, body })) as {
        readonly results: readonly { readonly execution_id?: string }[];
      };
      for (const [index, { execution_id: id }] of reply.results.entries()) {
        if (id) accepted.push({ id, shape: shapes[index] as Shape });
      }
      await pause(Number(values.pause));
    }
  });
  await Promise.all(lanes);
}

async function disturb(): Promise<void> {
  for (let round = 1; !isOver || round < 3; round++) {
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

/** Asks for each execution, several at a time, and holds what is told against its shape. */
async function checkAll(): Promise<ReadonlyMap<string, Told>> {
  const told = new Map<string, Told>();
  const left = [...accepted];
  const lanes = Array.from({ length: 8 }, async () => {
    for (let item = left.pop(); item; item = left.pop()) {
      const path = `/api/v1/workflow/${item.id}`;
      const status = (await callAny(`${path}?detail=nodes`)) as Told['status'];
      const results = (await callAny(`${path}/results`)) as { readonly outputs: Told['outputs'] };
      if (!status.status) violations.push(`${item.id} (${item.shape.name}) is not known`);
      else {
        const found = { status, outputs: results.outputs };
        told.set(item.id, found);
        for (const problem of problemsOf(found, item))
          violations.push(`${item.id} (${item.shape.name}) ${problem}`);
      }
    }
  });
  await Promise.all(lanes);
  return told;
}

async function awaitSmallRedis(): Promise<void> {
  for (let tries = 0; tries < 60; tries++) {
    const now = await redisSize();
    if (now.keys <= before.keys + SPARE_KEYS && now.bytes <= before.bytes + SPARE_BYTES) return;
    await pause(500);
  }
  violations.push(
    `Redis did not shrink: ${JSON.stringify(before)} before, ${JSON.stringify(await redisSize())} after`,
  );
}

const disturbing = disturb();
await submitAll();
const submittedMs = performance.now() - begun;
await awaitEnds();
isOver = true;
await disturbing;
await awaitEnds();
const endedMs = performance.now() - begun;
violations.push(...(await recordProblems(postgres.url, await checkAll())));
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
await rm(handlersDir, { recursive: true, force: true });
process.exit(violations.length > 0 ? 1 : 0);
