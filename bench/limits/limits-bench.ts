import { parseArgs } from 'node:util';
import { printFacts, publish, readFacts } from '../report/publish.js';
import { median, spreadText } from '../report/statistics.js';
import { figure, type Table } from '../report/table.js';
import { type RunResult, runBench } from '../runs/bench-run.js';
import { ENGINE_SETTINGS } from '../runs/engine-group.js';
import { freshHosts } from '../runs/host-source.js';
import { type BenchCase, nameOfCase, type RunSettings } from '../runs/run-settings.js';
import { copyFloor } from './copy-floor.js';
import { diskFloors } from './disk-floors.js';
import { echoFloors } from './echo-floors.js';
import type { Floor, FloorResult } from './floor.js';
import { hopFloors } from './hop-floors.js';
import { naiveLoopFloor } from './naive-loop.js';
import { measureStages, type StageCosts, stageTables } from './stage-costs.js';
import { storeLoopFloor } from './store-loop.js';

/** What bounds a case of the engine, and how many units of it one workflow takes. */
interface Bound {
  readonly floor: string;
  readonly unitsPerWorkflow: number;
}

interface EngineRuns {
  readonly benchCase: BenchCase;
  readonly bounds: readonly Bound[];
  readonly runs: RunResult[];
}

interface FloorRuns {
  readonly floor: Floor;
  readonly runs: FloorResult[];
}

const UWS = 'HTTP: uWebSockets.js, the body of a submission';
const NODE_HTTP = 'HTTP: node:http, the body of a submission';
const COPY = 'PostgreSQL: COPY, 100 rows a transaction';
const LMDB = 'LMDB: a synced commit of 100 rows';
const HOP = 'Piscina: a hop to a thread and back, 64 under way';

/** `npm run bench -- limits`: the engine and what bounds it, in the same rounds. */
export async function benchLimits(args: readonly string[], command: string): Promise<void> {
  const { scenarios, stores, settings, runs } = readOptions(args);
  const engines = scenarios.flatMap((scenario) => engineRuns(scenario, stores));
  const floors = [
    ...scenarios.flatMap((scenario) => [storeLoopFloor(scenario), naiveLoopFloor(scenario)]),
    ...[...diskFloors, ...echoFloors, copyFloor, ...hopFloors],
  ].map((floor): FloorRuns => ({ floor, runs: [] }));
  const facts = {
    ...readFacts(command),
    runs: `${runs} in rounds, ${settings.seconds} s each, ${settings.batchSize} a batch`,
    durability:
      'LMDB synced before an answer; Redis with appendfsync always, in the loops too; PostgreSQL with its defaults',
    'settings beside the defaults': JSON.stringify(ENGINE_SETTINGS),
  };
  printFacts(facts);
  for (let round = 1; round <= runs; round += 1) {
    for (const { benchCase, runs: done } of engines) {
      const result = await runBench(freshHosts, { benchCase, settings, rate: 0 });
      done.push(result);
      console.error(
        `round ${round}/${runs}: ${nameOfCase(benchCase)}: ${figure(result.workflowsPerSecond)} workflows/s`,
      );
    }
    for (const { floor, runs: done } of floors) {
      const result = await floor.run(settings.seconds);
      done.push(result);
      console.error(`round ${round}/${runs}: ${floor.name}: ${figure(result.perSecond)} ${floor.unit}/s`);
    }
  }
  const stages: StageCosts[] = [];
  for (const { benchCase } of engines) {
    stages.push(await measureStages(benchCase, settings));
    console.error(`profiled: ${nameOfCase(benchCase)}`);
  }
  await publish('limits', {
    ...{ title: 'Millrace: what bounds it', facts, plots: [] },
    tables: [engineTable(engines), floorTable(floors), shareTable(engines, floors), ...stageTables(stages)],
    runs: [
      { engines, floors: floors.map(({ floor, runs: done }) => ({ name: floor.name, runs: done })), stages },
    ],
  });
}

function readOptions(args: readonly string[]) {
  const { values } = parseArgs({
    args: [...args],
    options: {
      scenario: { type: 'string', default: 'two-node,five-node,twenty-node' },
      mode: { type: 'string', default: 'embedded,distributed' },
      runs: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '5' },
      warmup: { type: 'string', default: '2' },
    },
  });
  const settings: RunSettings = {
    ...{ seconds: Number(values.seconds), warmupSeconds: Number(values.warmup) },
    ...{ connections: 32, batchSize: 100, aloneCount: 1, seed: 1 },
  };
  const stores = values.mode.split(',').filter((mode) => mode === 'embedded' || mode === 'distributed');
  if (stores.length === 0 || !(settings.seconds > 0) || !(Number(values.runs) >= 1))
    throw new Error(
      'npm run bench -- limits [--scenario …] [--mode embedded,distributed] [--runs 5] [--seconds 5]',
    );
  return { scenarios: values.scenario.split(','), stores, settings, runs: Number(values.runs) };
}

function engineRuns(scenario: string, stores: readonly BenchCase['store'][]): EngineRuns[] {
  return stores.flatMap((store) =>
    (['rest', 'batch'] as const).map((load): EngineRuns => {
      const benchCase = { scenario, store, hosts: 1, fsync: 'always', payload: 'small', load } as const;
      return { benchCase, bounds: boundsOf(benchCase), runs: [] };
    }),
  );
}

function boundsOf({ scenario, store, load }: BenchCase): Bound[] {
  const bounds: Bound[] = [{ floor: HOP, unitsPerWorkflow: Number.NaN }];
  if (store === 'distributed') {
    for (const loop of ['store loop', 'naive loop'])
      bounds.push({ floor: `${loop}: ${scenario}`, unitsPerWorkflow: 1 });
    bounds.push({ floor: COPY, unitsPerWorkflow: 1 });
  } else bounds.push({ floor: LMDB, unitsPerWorkflow: 1 });
  if (load === 'rest') for (const floor of [UWS, NODE_HTTP]) bounds.push({ floor, unitsPerWorkflow: 2 });
  return bounds;
}

function engineTable(engines: readonly EngineRuns[]): Table {
  return {
    title: 'The engine',
    columns: ['case', 'workflows/s', 'engine µs', 'redis µs', 'postgres µs'],
    rows: engines.map(({ benchCase, runs }) => [
      nameOfCase(benchCase),
      spreadText(runs.map((run) => run.workflowsPerSecond)),
      ...['engine', 'redis', 'postgres'].map((name) =>
        figure(median(runs.map(({ cpuMicros }) => cpuMicros[name] ?? 0))),
      ),
    ]),
    note: 'Microseconds of CPU a workflow.',
  };
}

function floorTable(floors: readonly FloorRuns[]): Table {
  return {
    title: 'What bounds it',
    columns: ['floor', 'a second', 'of', 'CPU a unit, µs'],
    rows: floors.map(({ floor, runs }) => [
      floor.name,
      spreadText(runs.map(({ perSecond }) => perSecond)),
      floor.unit,
      Object.keys(runs[0]?.cpuMicros ?? {})
        .map((name) => `${name} ${figure(median(runs.map(({ cpuMicros }) => cpuMicros[name] ?? 0)))}`)
        .join(', '),
    ]),
    note: 'store loop: the scripts of the Redis store, driven in one process, handlers done at once, nothing written to PostgreSQL. naive loop: a hash and a stream with two scripts, which keeps no promise.',
  };
}

function shareTable(engines: readonly EngineRuns[], floors: readonly FloorRuns[]): Table {
  const rateOf = (name: string): number => {
    const found = floors.find(({ floor }) => floor.name === name);
    return median(found?.runs.map(({ perSecond }) => perSecond) ?? []);
  };
  return {
    title: 'The engine as a share of what bounds it',
    columns: ['case', 'floor', 'units a workflow', 'share'],
    rows: engines.flatMap(({ benchCase, bounds, runs }) =>
      bounds.map(({ floor, unitsPerWorkflow }) => {
        const units = Number.isNaN(unitsPerWorkflow) ? (runs[0]?.nodesPerExecution ?? 0) : unitsPerWorkflow;
        const share = (median(runs.map((run) => run.workflowsPerSecond)) * units) / rateOf(floor);
        return [nameOfCase(benchCase), floor, figure(units), `${(share * 100).toFixed(0)}%`];
      }),
    ),
    note: 'Medians of the same rounds. A floor has the machine to itself, while the engine shares it with Redis, PostgreSQL and the load.',
  };
}
