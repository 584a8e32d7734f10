import type { WorkflowDefinition } from '../../src/model/definition.js';
import { createApiClient } from '../../src/testing/api-client.js';
import { runForkedLoad } from '../load/forked-load.js';
import { onLoopback } from '../load/http-connection.js';
import type { LoadOrder, LoadProgress, LoadReport } from '../load/load-order.js';
import { type RecordedTimes, untilRecorded, verifyRecorded } from '../load/recorded-executions.js';
import { startCpuMeter } from './cpu-meter.js';
import type { EngineGroup } from './engine-group.js';
import { verifyNodes } from './node-order.js';
import { coresOf, latenciesOf, type RunLatencies, type TimelinePoint, throughputOf } from './run-figures.js';
import type { BenchCase, RunSettings } from './run-settings.js';
import { readScenario, type Scenario } from './scenarios.js';

export interface RunResult {
  readonly executions: number;
  readonly nodesPerExecution: number;
  /** From the first request until the record held the end of the last execution. */
  readonly elapsedMs: number;
  readonly workflowsPerSecond: number;
  readonly refused: number;
  readonly latencies: RunLatencies;
  /** Microseconds of CPU a workflow, by process. */
  readonly cpuMicros: Readonly<Record<string, number>>;
  readonly peakRssMib: Readonly<Record<string, number>>;
  /** Executions that ended, a second. */
  readonly throughput: readonly TimelinePoint[];
  /** Cores in use, by process. */
  readonly cores: Readonly<Record<string, readonly TimelinePoint[]>>;
  readonly readyLine: string;
}

export interface RunOptions {
  readonly benchCase: BenchCase;
  readonly settings: RunSettings;
  /** Executions a second, open loop; 0: closed loop. */
  readonly rate: number;
  readonly onProgress?: (progress: LoadProgress) => void;
}

const DRAIN_TIMEOUT_MS = 300_000;
/** Longest body of a batch. */
const MAX_BATCH_BYTES = 15 << 20;

/** Finds the hosts for a run, and takes them back after it. */
export interface HostSource {
  take(benchCase: BenchCase, scenario: Scenario): Promise<EngineGroup>;
  giveBack(group: EngineGroup): Promise<void>;
}

/** One run. Rejects where any execution is not recorded once, as COMPLETED. */
export async function runBench(source: HostSource, options: RunOptions): Promise<RunResult> {
  const { benchCase, settings } = options;
  const { seed, largeNodes } = settings;
  const scenario = readScenario(benchCase.scenario, {
    ...{ payload: benchCase.payload, seed },
    ...(largeNodes !== undefined && { largeNodes }),
  });
  const group = await source.take(benchCase, scenario);
  try {
    if (!scenario.isLarge && settings.warmupSeconds > 0) await warmUp(group, scenario, options);
    return await measure(group, scenario, options);
  } finally {
    await source.giveBack(group);
  }
}

/** The same load for a while, so that what is measured runs on compiled code. A large workflow is measured cold. */
async function warmUp(group: EngineGroup, scenario: Scenario, options: RunOptions): Promise<void> {
  const order = orderOf(group, withOwnName(scenario.definition), options);
  const load = await runForkedLoad({ ...order, seconds: options.settings.warmupSeconds });
  refuseFailures(load);
  await untilRecorded(portsOf(group), group.expect(load.executionIds.length), DRAIN_TIMEOUT_MS);
}

/** The load, the wait for the record, and the proof. */
async function measure(group: EngineGroup, scenario: Scenario, options: RunOptions): Promise<RunResult> {
  const definition = withOwnName(scenario.definition);
  const meter = startCpuMeter(group.pids);
  const order = orderOf(group, definition, options);
  const load = await runForkedLoad({ ...order, ...limitOf(options, scenario) }, options.onProgress);
  refuseFailures(load);
  const loadEndedAt = performance.now();
  const executions = load.executionIds.length;
  const recordedAt = await untilRecorded(portsOf(group), group.expect(executions), DRAIN_TIMEOUT_MS);
  meter.stop();
  const cpu = { ...meter.used(), load: load.cpuMicros };
  const times = await verify(group, definition, load);
  const elapsedMs = load.elapsedMs + (recordedAt - loadEndedAt);
  return {
    executions,
    nodesPerExecution: definition.dag.nodes.length,
    elapsedMs,
    workflowsPerSecond: (executions * 1000) / elapsedMs,
    refused: load.refused,
    latencies: latenciesOf(load, times),
    cpuMicros: mapValues(cpu, (micros) => micros / executions),
    peakRssMib: mapValues(meter.peakRss, (bytes) => bytes / 2 ** 20),
    throughput: throughputOf(load, times),
    cores: coresOf(meter),
    readyLine: group.readyLine,
  };
}

let named = 0;

/** Executions are listed by their name, and hosts may be used for several runs. */
function withOwnName(definition: WorkflowDefinition): WorkflowDefinition {
  named += 1;
  return { ...definition, name: `${definition.name}-run-${named}` };
}

function portsOf({ hosts }: EngineGroup): number[] {
  return hosts.map(({ port }) => port);
}

function orderOf(
  group: EngineGroup,
  definition: WorkflowDefinition,
  { benchCase, settings, rate }: RunOptions,
): LoadOrder {
  const body = JSON.stringify(definition);
  const { connections, seconds, batchSize } = settings;
  return {
    targets: portsOf(group).map(onLoopback),
    ...{ connections, body, seconds, rate },
    load: benchCase.load,
    batchSize: Math.min(batchSize, Math.max(1, Math.floor(MAX_BATCH_BYTES / body.length))),
  };
}

/** How long a load goes on where a count ends it. */
const NO_TIME_LIMIT_S = 1e9;

function limitOf(
  { benchCase, settings }: RunOptions,
  { isLarge }: Scenario,
): Pick<LoadOrder, 'limit' | 'seconds'> {
  if (isLarge) return { limit: 1, seconds: NO_TIME_LIMIT_S };
  if (benchCase.load === 'alone') return { limit: settings.aloneCount, seconds: NO_TIME_LIMIT_S };
  return { seconds: settings.seconds };
}

function refuseFailures({ failed, firstFailure }: LoadReport): void {
  if (failed > 0) throw new Error(`${failed} executions failed: ${firstFailure}`);
}

function mapValues(
  record: Readonly<Record<string, number>>,
  map: (value: number) => number,
): Record<string, number> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, map(value)]));
}

async function verify(
  group: EngineGroup,
  definition: WorkflowDefinition,
  { executionIds }: LoadReport,
): Promise<ReadonlyMap<string, RecordedTimes>> {
  const [host] = group.hosts;
  if (!host) throw new Error('no host');
  const { port, baseUrl } = host;
  const times = await verifyRecorded({
    port,
    name: definition.name,
    executionIds,
    timeoutMs: DRAIN_TIMEOUT_MS,
  });
  const [first] = executionIds;
  if (first !== undefined) verifyNodes(definition, await createApiClient(baseUrl).status(first));
  return times;
}
