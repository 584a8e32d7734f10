import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { createSeededRandom } from '../seeded-random.js';
import { type EffectsByExecution, readEffects } from './effects.js';
import { BadExit, FAULTS, type FaultName, parseFaults } from './faults.js';
import { Fleet } from './fleet.js';
import { effectsFile, SHAPES, type Shape } from './mixed-shapes.js';
import { recordViolations, type Told } from './round-checks.js';

/**
 * Hosts of one store, their Redis and their PostgreSQL under load while they are killed, frozen, cut off, stopped and joined at random. At
 * the end every acknowledged execution must have ended as its shape says (states, attempts, order of times, outputs) and stand in the
 * record once and as the API tells it; the effects of a counting handler must be explained by what is recorded; Redis must be as small as
 * at the start. Prints and writes a report; exits 1 where that is not so.
 *
 *     npm run chaos -- --minutes 60 --seed 7 --hosts 3
 *     npm run chaos -- --executions 20000 --rate 2000 --faults kill-host,kill-redis
 */
const { values } = parseArgs({
  options: {
    /** How long the load lasts; with --executions until so many are acknowledged, and no longer. */
    minutes: { type: 'string', default: '1' },
    executions: { type: 'string' },
    /** Executions a second, about. */
    rate: { type: 'string', default: '60' },
    hosts: { type: 'string', default: '3' },
    /** Seconds between the end of a fault and the next one, about. */
    every: { type: 'string', default: '2' },
    faults: { type: 'string', default: 'all' },
    seed: { type: 'string', default: '1' },
    /** Directory of the report. */
    out: { type: 'string', default: 'bench/out' },
  },
});
const faults = parseFaults(values.faults);
const rate = Number(values.rate);
const everyMs = Number(values.every) * 1000;
const LANES = 4;
const BATCH = Math.min(50, Math.max(1, Math.ceil(rate / LANES)));
const LEAST_FAULTS = 3;
const END_BOUND_MS = 300_000;
const PARTITIONS = 64;
/** Keys and bytes by which Redis may be larger at the end: those of hosts that were there, and buffers. */
const SPARE_KEYS = 8;
const SPARE_BYTES = 1 << 20;
const SHOWN = 20;

/** Each shape as often as its weight. */
const drawn = SHAPES.flatMap((shape) => Array<Shape>(shape.weight).fill(shape));
const random = createSeededRandom(Number(values.seed));
/** Of its own, so that which faults come does not hang on how many calls were made meanwhile. */
const chance = createSeededRandom(Number(values.seed) + 1);
const accepted = new Map<string, Shape>();
const violations: string[] = [];
const struck: Partial<Record<FaultName, number>> = {};

const fleet = await Fleet.start(Number(values.hosts), random);
await warmUp();
const before = await fleet.redisSize();
const begunAt = performance.now();
let isOver = false;

/** Each shape has run and left once: scripts and definitions are known, and what stays for ever is there. */
async function warmUp(): Promise<void> {
  await fleet.post(
    '/api/v1/workflow/batch',
    SHAPES.map((shape) => ({ ...shape.body, trigger: true })),
  );
  await awaitEnds();
  for (let keys = -1, tries = 0; tries < 240; tries++) {
    await pause(500);
    const found = (await fleet.redisSize()).keys;
    if (found === keys && found <= 2 * PARTITIONS) return;
    keys = found;
  }
  throw new Error('Redis does not get small after the warm-up');
}

function loadGoesOn(): boolean {
  if (values.executions !== undefined) return accepted.size < Number(values.executions);
  return performance.now() - begunAt < Number(values.minutes) * 60_000;
}

/** Submissions that were not acknowledged are sent again, as new ones. */
async function submitAll(): Promise<void> {
  const lanes = Array.from({ length: LANES }, async () => {
    while (loadGoesOn()) {
      const shapes = Array.from({ length: BATCH }, () => drawn[random.integer(0, drawn.length - 1)] as Shape);
      const reply = (await fleet.post(
        '/api/v1/workflow/batch',
        shapes.map((shape) => ({ ...shape.body, trigger: true })),
      )) as { readonly results: readonly { readonly execution_id?: string }[] };
      for (const [index, { execution_id: id }] of reply.results.entries()) {
        if (id) accepted.set(id, shapes[index] as Shape);
      }
      await pause((LANES * BATCH * 1000) / rate);
    }
  });
  await Promise.all(lanes);
}

async function disturb(): Promise<void> {
  for (let round = 0; !isOver || round < LEAST_FAULTS; round++) {
    await pause(everyMs * (0.5 + chance.next()));
    const name = faults[chance.integer(0, faults.length - 1)] as FaultName;
    struck[name] = (struck[name] ?? 0) + 1;
    try {
      await FAULTS[name](fleet, chance);
    } catch (error) {
      if (!(error instanceof BadExit)) throw error;
      violations.push(error.message);
      await fleet.addHost();
    }
  }
}

async function awaitEnds(): Promise<void> {
  const deadline = performance.now() + END_BOUND_MS;
  for (;;) {
    const stats = (await fleet.call('/api/v1/admin/stats')) as {
      readonly executions?: { readonly pending: number; readonly running: number };
      readonly outbox_events?: number;
    };
    const { executions, outbox_events: outbox } = stats;
    if (executions?.running === 0 && executions.pending === 0 && outbox === 0) return;
    if (performance.now() > deadline) {
      violations.push(`not everything ended: ${JSON.stringify(stats)}`);
      return;
    }
    await pause(250);
  }
}

async function ask(id: string): Promise<Told | undefined> {
  const path = `/api/v1/workflow/${id}`;
  const status = (await fleet.call(`${path}?detail=nodes`)) as Told['status'];
  if (!status.status) return undefined;
  const { outputs } = (await fleet.call(`${path}/results`)) as { readonly outputs: Told['outputs'] };
  return { status, outputs };
}

async function awaitSmallRedis(): Promise<void> {
  for (let tries = 0; tries < 120; tries++) {
    const now = await fleet.redisSize();
    if (now.keys <= before.keys + SPARE_KEYS && now.bytes <= before.bytes + SPARE_BYTES) return;
    await pause(500);
  }
  const after = await fleet.redisSize();
  violations.push(`Redis did not shrink: ${JSON.stringify(before)} before, ${JSON.stringify(after)} after`);
}

async function checkAll(): Promise<EffectsByExecution> {
  const effects = await readEffects(effectsFile(fleet.handlersDir));
  const record = { databaseUrl: fleet.postgres.url, accepted, effects, ask };
  for await (const violation of recordViolations(record)) violations.push(violation);
  for (const { host } of fleet.hosts) {
    const repairs = await host.repairs();
    if (repairs > 0) violations.push(`a host repaired ${repairs} executions that nothing would have woken`);
  }
  await awaitSmallRedis();
  return effects;
}

/** Runs of the counting handler, and how many of them were a second run of one attempt. */
function countEffects(effects: EffectsByExecution): { readonly runs: number; readonly again: number } {
  let runs = 0;
  let attempts = 0;
  for (const each of effects.values()) {
    runs += each.length;
    attempts += new Set(each.map(({ node, attempt }) => `${node} ${attempt}`)).size;
  }
  return { runs, again: runs - attempts };
}

async function writeReport(report: object, lines: readonly string[]): Promise<void> {
  await mkdir(values.out, { recursive: true });
  const json = JSON.stringify(report, undefined, 1);
  const text = `${lines.join('\n')}\n`;
  await writeFile(path.join(values.out, 'chaos.json'), `${json}\n`);
  await writeFile(path.join(values.out, 'chaos.txt'), text);
  process.stdout.write(text);
}

const disturbing = disturb();
await Promise.race([submitAll(), disturbing]);
const loadMs = Math.round(performance.now() - begunAt);
isOver = true;
await disturbing;
await awaitEnds();
const endedMs = Math.round(performance.now() - begunAt);
const effects = countEffects(await checkAll());
const after = await fleet.redisSize();
const settings = { ...values, hosts: Number(values.hosts), faults };
await writeReport(
  {
    settings,
    acknowledged: accepted.size,
    struck,
    loadMs,
    endedMs,
    effects,
    redis: { before, after },
    violations,
  },
  [
    `${accepted.size} executions acknowledged in ${loadMs} ms by ${values.hosts} hosts, seed ${values.seed}; all ended after ${endedMs} ms`,
    `faults: ${Object.entries(struck)
      .map(([name, count]) => `${count} ${name}`)
      .join(', ')}`,
    `counting handler: ${effects.runs} runs, ${effects.again} of them a second run of an attempt`,
    `Redis: ${before.keys} keys before, ${after.keys} after`,
    `${violations.length} violations`,
    ...violations.slice(0, SHOWN).map((violation) => `  ${violation}`),
  ],
);
if (violations.length > 0) console.error(fleet.errors().join('\n'));
await fleet.close();
process.exit(violations.length > 0 ? 1 : 0);
