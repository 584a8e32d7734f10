import { fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { Share, ShareMessage } from './simulate-share.js';
import { simulate } from './simulation.js';

const SHARE = fileURLToPath(new URL('./simulate-share.ts', import.meta.url));
const SHOWN = 10;
/** From so many seeds on, each of what follows has to have been met. */
const MANY_SEEDS = 1000;
const TO_BE_MET = [
  ...['submit accepted', 'submit duplicate', 'acknowledged', 'redrive redriven', 'redrive not_dead'],
  ...['ended completed', 'ended failed', 'ended cancelled', 'lease reclaimed', 'host stopped'],
  ...[
    'advance duplicate',
    'advance stale_lease',
    'advance execution_ended',
    'heartbeat lost',
    'heartbeat ended',
  ],
  ...['result completed', 'result skipped', 'result sleep', 'result retry', 'result failed'],
  ...['result lost', 'result released'],
];

interface Tally {
  readonly counts: Record<string, number>;
  happened: number;
  done: number;
  readonly violated: number[];
}

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1000' },
    from: { type: 'string', default: '1' },
    seed: { type: 'string' },
    trace: { type: 'boolean', default: false },
    processes: { type: 'string', default: String(availableParallelism()) },
  },
});

/** One seed, told in full. */
async function replay(seed: number): Promise<boolean> {
  const result = await simulate({ seed, keepsTrace: values.trace });
  if (values.trace) console.log(result.trace.join('\n'));
  const { violations, hash, happened, simulatedMs } = result;
  console.log(`seed ${seed}: trace ${hash}, ${happened} happenings in ${Math.round(simulatedMs)} ms`);
  for (const violation of violations) console.log(`  ${violation}`);
  return violations.length === 0;
}

async function runAll(): Promise<boolean> {
  const seeds = positive('seeds', values.seeds);
  const from = positive('from', values.from);
  const processes = Math.min(positive('processes', values.processes), seeds);
  const tally: Tally = { counts: {}, happened: 0, done: 0, violated: [] };
  const began = performance.now();
  console.log(`${seeds} seeds from ${from} on ${processes} processes`);
  await Promise.all(
    Array.from({ length: processes }, (_, index) => {
      const count = Math.ceil((seeds - index) / processes);
      return runShare({ from: from + index, count, step: processes }, tally);
    }),
  );
  const seconds = (performance.now() - began) / 1000;
  const missed = seeds >= MANY_SEEDS ? TO_BE_MET.filter((what) => !tally.counts[what]) : [];
  report(seeds, seconds, tally, missed);
  return tally.violated.length === 0 && missed.length === 0;
}

function runShare(share: Share, tally: Tally): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = fork(SHARE);
    let hasEnded = false;
    child.on('message', (message: ShareMessage) => {
      hasEnded ||= message.kind === 'end';
      take(message, tally);
    });
    child.once('error', reject);
    child.once('exit', (code) => {
      if (hasEnded) resolve();
      else reject(new Error(`a process of the simulation ended with ${code}`));
    });
    child.send(share);
  });
}

function take(message: ShareMessage, tally: Tally): void {
  switch (message.kind) {
    case 'progress':
      tally.done += message.done;
      if (tally.done % 10_000 === 0) console.log(`${tally.done} seeds done`);
      return;
    case 'violated':
      tally.violated.push(message.seed);
      if (tally.violated.length > SHOWN) return;
      console.log(`seed ${message.seed}: npm run simulate -- --seed ${message.seed} --trace`);
      for (const violation of message.violations) console.log(`  ${violation}`);
      return;
    case 'end':
      tally.happened += message.happened;
      for (const [what, times] of Object.entries(message.counts))
        tally.counts[what] = (tally.counts[what] ?? 0) + times;
  }
}

function report(seeds: number, seconds: number, tally: Tally, missed: readonly string[]): void {
  const each = Object.entries(tally.counts).sort(([one], [other]) => (one < other ? -1 : 1));
  console.log(each.map(([what, times]) => `${what} ${times}`).join(', '));
  for (const what of missed) console.log(`never met: ${what}`);
  console.log(
    `${seeds} seeds, ${tally.happened} happenings, ${seconds.toFixed(1)} s; ${tally.violated.length} seeds with violations`,
  );
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new RangeError(`--${name} ${text}: expected a whole number from 1`);
}

const held = values.seed === undefined ? await runAll() : await replay(positive('seed', values.seed));
process.exitCode = held ? 0 : 1;
