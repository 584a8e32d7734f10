import { parseArgs } from 'node:util';
import { LOADS, type LoadName } from '../load/load-order.js';
import { FSYNCS, STORES } from './bench-store.js';
import type { BenchCase, RunSettings } from './run-settings.js';
import { readScenarios } from './scenarios.js';
import { PAYLOADS, type PayloadName } from './workloads.js';

/** What `npm run bench` was asked for. */
export interface BenchOrder {
  readonly cases: readonly BenchCase[];
  readonly settings: RunSettings;
  readonly runs: number;
  /** Share of a case's closed-loop throughput at which its latency is taken; 0: not at all. */
  readonly latencyShare: number;
  /** Executions a second in place of that share. */
  readonly rate: number | undefined;
  /** Keep hosts and stores from run to run. */
  readonly sharesHosts: boolean;
}

const DEFAULT_SCENARIOS =
  'two-node,five-node,twenty-node,diamond,random-100,fan-out-1000,fan-out-10000,chain-10000,one-node';
/** Nodes that stand in for 1,000 and 10,000 where a run is to be short. */
const SMOKE_LARGE_NODES = 300;

/** Lists are comma-separated; each combination is a case. Throws an Error that tells what is wrong. */
export function readBenchOrder(args: readonly string[]): BenchOrder {
  const { values } = parseArgs({
    args: [...args],
    options: {
      scenario: { type: 'string', default: DEFAULT_SCENARIOS },
      mode: { type: 'string', default: 'embedded,distributed' },
      hosts: { type: 'string', default: '1' },
      fsync: { type: 'string', default: 'always' },
      load: { type: 'string', default: 'rest,batch' },
      payload: { type: 'string', default: 'small' },
      runs: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '10' },
      connections: { type: 'string', default: '32' },
      'batch-size': { type: 'string', default: '100' },
      'alone-count': { type: 'string', default: '300' },
      'latency-share': { type: 'string', default: '0.33' },
      rate: { type: 'string' },
      warmup: { type: 'string', default: '2' },
      'share-hosts': { type: 'boolean', default: false },
      seed: { type: 'string', default: '1' },
      'large-nodes': { type: 'string' },
    },
  });
  const settings: RunSettings = {
    seconds: positive('--seconds', values.seconds),
    connections: positive('--connections', values.connections),
    batchSize: positive('--batch-size', values['batch-size']),
    aloneCount: positive('--alone-count', values['alone-count']),
    warmupSeconds: Number(values.warmup),
    seed: Number(values.seed),
    ...(values['large-nodes'] !== undefined && {
      largeNodes: positive('--large-nodes', values['large-nodes']),
    }),
  };
  const lists = {
    scenarios: list(values.scenario),
    stores: choices('--mode', values.mode, STORES),
    hosts: list(values.hosts).map((text) => positive('--hosts', text)),
    fsyncs: choices('--fsync', values.fsync, FSYNCS),
    loads: choices('--load', values.load, LOADS),
    payloads: choices('--payload', values.payload, Object.keys(PAYLOADS) as PayloadName[]),
  };
  return {
    cases: combine(lists, settings),
    settings,
    runs: positive('--runs', values.runs),
    latencyShare: Number(values['latency-share']),
    sharesHosts: values['share-hosts'],
    rate: values.rate === undefined ? undefined : positive('--rate', values.rate),
  };
}

/** Every scenario on every store, with the loads in turn, as short as it can be, on hosts that all of them share. */
export function smokeOrder(args: readonly string[]): BenchOrder {
  const order = readBenchOrder([
    ...['--scenario', 'all', '--load', LOADS.join(), '--share-hosts'],
    ...['--runs', '1', '--seconds', '0.1', '--warmup', '0', '--alone-count', '2', '--batch-size', '5'],
    ...['--connections', '4', '--large-nodes', String(SMOKE_LARGE_NODES), '--latency-share', '0'],
    ...args,
  ]);
  const names = [...new Set(order.cases.map(({ scenario }) => scenario))];
  const cases = order.cases.filter(({ scenario, load }) => {
    const isOnlyOne = order.cases.every((each) => each.scenario !== scenario || each.load === load);
    return isOnlyOne || load === LOADS[names.indexOf(scenario) % LOADS.length];
  });
  return { ...order, cases };
}

interface Lists {
  readonly scenarios: readonly string[];
  readonly stores: readonly BenchCase['store'][];
  readonly hosts: readonly number[];
  readonly fsyncs: readonly BenchCase['fsync'][];
  readonly loads: readonly LoadName[];
  readonly payloads: readonly PayloadName[];
}

/** The embedded store has one host and one way to sync; a large workflow and a single node are measured alone. */
function combine(lists: Lists, { seed }: RunSettings): BenchCase[] {
  const cases = new Map<string, BenchCase>();
  for (const payload of lists.payloads)
    for (const { name, isLarge } of readScenarios(lists.scenarios, { payload, seed }))
      for (const store of lists.stores)
        for (const hosts of store === 'embedded' ? [1] : lists.hosts)
          for (const fsync of store === 'embedded' ? (['always'] as const) : lists.fsyncs)
            for (const load of isLarge || name === 'one-node' ? (['alone'] as const) : lists.loads) {
              const benchCase = { scenario: name, store, hosts, fsync, payload, load };
              cases.set(JSON.stringify(benchCase), benchCase);
            }
  return [...cases.values()];
}

function list(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

function choices<T extends string>(option: string, text: string, known: readonly T[]): T[] {
  return list(text).map((part) => {
    const found = known.find((each) => each === part);
    if (found === undefined) throw new Error(`${option} ${part}: expected ${known.join(', ')}`);
    return found;
  });
}

function positive(option: string, text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new Error(`${option} ${text}: expected a number above 0`);
  return value;
}
