import { parseArgs } from 'node:util';
import { type EngineProcess, startEngineProcess } from '../src/testing/engine-process.js';
import { parseStoreName, type StoreName, startBenchStore } from './bench-store.js';
import { runForkedLoad } from './forked-load.js';
import type { LatencySummary, LoadReport } from './load-process.js';
import { describeMachine } from './machine.js';
import { untilRecorded, verifyRecorded } from './recorded-executions.js';
import { percentile, spread } from './statistics.js';
import { SHAPES, type Shape, workload } from './workloads.js';

const USAGE = `npm run bench -- [--shape ${SHAPES.join('|')}] [--seconds 10] [--connections 32] [--runs 5]
                [--batch N: through the batch path]  [--rate N: workflows a second, open loop]
                [--store embedded|distributed]  [--smoke]`;
const DRAIN_TIMEOUT_MS = 120_000;
/** No limit may cut a load test short; the rest is as it ships. */
const SETTINGS = { LOG_LEVEL: 'warn', RATE_LIMIT_ENABLED: 'false' };

interface Options {
  readonly shape: Shape;
  readonly seconds: number;
  readonly connections: number;
  readonly runs: number;
  readonly batch: number;
  readonly rate: number;
  readonly store: StoreName;
}

interface RunResult {
  readonly workflowsPerSecond: number;
  readonly load: LoadReport;
  /** Milliseconds from the start to the end of each execution. */
  readonly durationsMs: readonly number[];
}

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      shape: { type: 'string', default: 'two-node' },
      seconds: { type: 'string' },
      connections: { type: 'string', default: '32' },
      runs: { type: 'string' },
      batch: { type: 'string', default: '0' },
      rate: { type: 'string', default: '0' },
      store: { type: 'string', default: 'embedded' },
      smoke: { type: 'boolean', default: false },
    },
  });
  const shape = SHAPES.find((known) => known === values.shape);
  const options = {
    seconds: Number(values.seconds ?? (values.smoke ? 2 : 10)),
    connections: Number(values.connections),
    runs: Number(values.runs ?? (values.smoke ? 1 : 5)),
    batch: Number(values.batch),
    rate: Number(values.rate),
  };
  if (!shape || Object.values(options).some((value) => !(value >= 0)) || options.runs < 1)
    throw new Error(USAGE);
  return { shape, ...options, store: parseStoreName(values.store) };
}

/** One run on a fresh engine and a fresh store. */
async function runOnce(options: Options): Promise<RunResult & { readyLine: string }> {
  const store = await startBenchStore(options.store);
  const engine = await startEngineProcess({ from: 'dist', settings: { ...SETTINGS, ...store.settings } });
  try {
    return { ...(await measure(engine, options)), readyLine: engine.readyLine };
  } finally {
    await engine.stop();
    await engine.removeDataDir();
    await store.stop();
  }
}

async function measure({ port }: EngineProcess, options: Options): Promise<RunResult> {
  const definition = workload(options.shape, `bench-${options.shape}`);
  const { connections, seconds, batch, rate } = options;
  const load = await runForkedLoad({
    port,
    connections,
    seconds,
    batch,
    rate,
    body: JSON.stringify(definition),
  });
  const loadEndedAt = performance.now();
  const recordedAt = await untilRecorded(port, load.executionIds.length, DRAIN_TIMEOUT_MS);
  const durationsMs = await verifyRecorded({
    port,
    name: definition.name,
    executionIds: load.executionIds,
    timeoutMs: DRAIN_TIMEOUT_MS,
  });
  const elapsedMs = load.elapsedMs + (recordedAt - loadEndedAt);
  return { workflowsPerSecond: (load.executionIds.length * 1000) / elapsedMs, load, durationsMs };
}

function describeRun({ workflowsPerSecond, load, durationsMs }: RunResult): string {
  const trigger = load.trigger ? `  trigger ${describeLatency(load.trigger)}` : '';
  const refused = load.refused > 0 ? `  refused ${load.refused}` : '';
  const [p50, p99] = [percentile(durationsMs, 0.5), percentile(durationsMs, 0.99)];
  return (
    `${workflowsPerSecond.toFixed(0)} workflows/s (${load.executionIds.length} completed, each recorded once)` +
    `  submit ${describeLatency(load.submit)}${trigger}  start to end p50 ${p50} p99 ${p99} ms${refused}`
  );
}

function describeLatency({ p50, p99, p999, max }: LatencySummary): string {
  const ms = (micros: number): string => (micros / 1000).toFixed(1);
  return `p50 ${ms(p50)} p99 ${ms(p99)} p99.9 ${ms(p999)} max ${ms(max)} ms`;
}

const options = readOptions();
console.log(describeMachine());
console.log(
  `${options.store}, ${options.shape}, ${options.connections} connections, ${options.seconds} s, ` +
    (options.batch > 0
      ? `batches of ${options.batch}, triggered at once`
      : 'submit and trigger as two requests') +
    (options.rate > 0 ? `, open loop at ${options.rate} a second` : ', closed loop'),
);
console.log(
  `settings beside the defaults: ${Object.entries(SETTINGS)
    .map((pair) => pair.join('='))
    .join(' ')}`,
);
const throughputs: number[] = [];
for (let run = 1; run <= options.runs; run += 1) {
  const result = await runOnce(options);
  if (run === 1) console.log(result.readyLine);
  console.log(`run ${run}: ${describeRun(result)}`);
  throughputs.push(result.workflowsPerSecond);
}
const { median, least, most } = spread(throughputs);
console.log(
  `median ${median.toFixed(0)} workflows/s (${least.toFixed(0)} to ${most.toFixed(0)}) over ${options.runs} runs`,
);
