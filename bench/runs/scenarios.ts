import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { WorkflowDefinition } from '../../src/model/definition.js';
import { chain, fanOut, type PayloadName, randomDag } from './workloads.js';

/** A workflow to be measured, and what an engine needs to be set to for it. */
export interface Scenario {
  readonly name: string;
  readonly definition: WorkflowDefinition;
  /** One at a time: what counts is how long it takes. */
  readonly isLarge: boolean;
  readonly settings: Readonly<Record<string, string>>;
}

export interface ScenarioOptions {
  readonly payload: PayloadName;
  readonly seed: number;
  /** Stands in for 1,000 and 10,000 nodes, where a run is to be short. */
  readonly largeNodes?: number;
}

const PAYLOADS_DIR = fileURLToPath(new URL('../../payloads/', import.meta.url));
/** One is to fail, the other calls a service that is not there. */
const LEFT_OUT = new Set(['workflow_timeout', 'live_health_check']);
const NO_SETTINGS = {};
/** The samples call services; here they answer at once. */
const SIMULATED = { SIMULATE_SERVICES: 'true', SIMULATED_LATENCY: '0' };

const BUILDERS: Readonly<Record<string, (options: ScenarioOptions) => WorkflowDefinition>> = {
  'one-node': ({ payload }) => chain(1, payload),
  'two-node': ({ payload }) => chain(2, payload),
  'five-node': ({ payload }) => fanOut(3, payload),
  'twenty-node': ({ payload }) => chain(20, payload),
  diamond: ({ payload }) => fanOut(2, payload),
  'random-100': ({ payload, seed }) => randomDag(100, seed, payload),
};

const LARGE_BUILDERS: typeof BUILDERS = {
  'fan-out-1000': ({ payload, largeNodes }) => fanOut(largeNodes ?? 1000, payload),
  'fan-out-10000': ({ payload, largeNodes }) => fanOut(largeNodes ?? 10_000, payload),
  'chain-10000': ({ payload, largeNodes }) => chain(largeNodes ?? 10_000, payload),
};

/** Names that `--scenario` takes. `samples` stands for every DAG below `payloads/`, `all` for everything. */
export const SCENARIO_NAMES = [...Object.keys(BUILDERS), ...Object.keys(LARGE_BUILDERS), ...sampleNames()];

/** Throws where a name is none. */
export function readScenarios(names: readonly string[], options: ScenarioOptions): Scenario[] {
  const wanted = names.flatMap((name) => {
    if (name === 'all') return SCENARIO_NAMES;
    return name === 'samples' ? sampleNames() : [name];
  });
  return [...new Set(wanted)].map((name) => readScenario(name, options));
}

export function readScenario(name: string, options: ScenarioOptions): Scenario {
  const build = BUILDERS[name];
  if (build) return { name, definition: build(options), isLarge: false, settings: NO_SETTINGS };
  const buildLarge = LARGE_BUILDERS[name];
  if (buildLarge) {
    const definition = buildLarge(options);
    const settings = { MAX_NODES: String(definition.dag.nodes.length), MAX_BODY_BYTES: String(64 << 20) };
    return { name, definition, isLarge: true, settings };
  }
  if (!sampleNames().includes(name)) throw new Error(`no scenario ${name}: ${SCENARIO_NAMES.join(' ')}`);
  const text = readFileSync(samplePaths().get(name) ?? '', 'utf8');
  return { name, definition: JSON.parse(text) as WorkflowDefinition, isLarge: false, settings: SIMULATED };
}

function sampleNames(): string[] {
  return [...samplePaths().keys()];
}

/** Files by the name of their scenario, as `sample:linear`. */
function samplePaths(): ReadonlyMap<string, string> {
  const files = readdirSync(PAYLOADS_DIR, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.json'))
    .sort();
  const paths = new Map<string, string>();
  for (const file of files) {
    const name = basename(file, '.json');
    if (!LEFT_OUT.has(name)) paths.set(`sample:${name}`, join(PAYLOADS_DIR, file));
  }
  return paths;
}
