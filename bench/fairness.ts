import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type ApiClient, createApiClient } from '../src/testing/api-client.js';
import { startEngineProcess } from '../src/testing/engine-process.js';
import { describeMachine } from './report/machine.js';
import { percentile } from './report/statistics.js';
import { parseStoreName, startBenchStore } from './runs/bench-store.js';
import { fanOut } from './runs/workloads.js';

/**
 * What small executions pay for a large one beside them: one-node workflows are sent at a fixed rate, first alone, then while wide
 * fan-outs run one after the other, and timed from the submission's sending to the answer that tells the end.
 *
 *     node --import tsx bench/fairness.ts --store distributed
 */
const { values } = parseArgs({
  options: {
    store: { type: 'string', default: 'distributed' },
    width: { type: 'string' },
    samples: { type: 'string' },
    every: { type: 'string', default: '20' },
    smoke: { type: 'boolean', default: false },
  },
});
const width = Number(values.width ?? (values.smoke ? 500 : 10_000));
const samples = Number(values.samples ?? (values.smoke ? 20 : 300));
const everyMs = Number(values.every);
const WAIT_SECONDS = 60;
const SMALL = { name: 'small', dag: { nodes: [{ id: 'only', handler: 'echo', config: { n: 1 } }] } };

async function timeSmall(client: ApiClient): Promise<number> {
  const begun = performance.now();
  const { executionId } = await client.submit({ definition: SMALL, trigger: true });
  await client.ended(executionId, WAIT_SECONDS);
  return performance.now() - begun;
}

/** Open loop: the next one is sent on time, whether the one before has ended or not. */
async function timeMany(client: ApiClient): Promise<number[]> {
  const under: Promise<number>[] = [];
  for (let sent = 0; sent < samples; sent += 1) {
    under.push(timeSmall(client));
    await pause(everyMs);
  }
  return Promise.all(under);
}

async function keepWideOnesRunning(client: ApiClient, until: { isOver: boolean }): Promise<number> {
  let run = 0;
  for (; !until.isOver; run += 1) {
    const { executionId } = await client.submit({ definition: fanOut(width), trigger: true });
    await client.ended(executionId, WAIT_SECONDS);
  }
  return run;
}

function describe(what: string, times: readonly number[]): string {
  const [p50, p99, most] = [percentile(times, 0.5), percentile(times, 0.99), Math.max(...times)];
  return `${what}: p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms, max ${most.toFixed(1)} ms`;
}

console.log(describeMachine());
const store = await startBenchStore(parseStoreName(values.store));
const settings = { LOG_LEVEL: 'warn', MAX_NODES: String(width + 2), MAX_BODY_BYTES: String(16 << 20) };
const engine = await startEngineProcess({ from: 'dist', settings: { ...settings, ...store.settings } });
try {
  const client = createApiClient(engine.baseUrl);
  await timeMany(client);
  console.log(`${values.store}: ${samples} one-node executions, one every ${everyMs} ms`);
  console.log(describe('alone', await timeMany(client)));
  const until = { isOver: false };
  const wide = keepWideOnesRunning(client, until);
  const beside = await timeMany(client);
  until.isOver = true;
  console.log(`${describe(`beside fan-outs of ${width}`, beside)}; ${await wide} of these ended`);
} finally {
  await engine.stop();
  await engine.removeDataDir();
  await store.stop();
}
