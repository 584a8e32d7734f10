import type { NodeDefinition, WorkflowDefinition } from '../model/definition.js';
import { createSeededRandom, type SeededRandom } from './seeded-random.js';

export const DAG_SHAPES = ['chain', 'fan-out', 'layered', 'diamond', 'scattered'] as const;
export type DagShape = (typeof DAG_SHAPES)[number];

export interface DagGeneratorOptions {
  readonly seed: number;
  readonly maxNodes: number;
  /** Share of the DAGs that hold a node which fails on every attempt, 0..1. */
  readonly failingShare: number;
  /** Longest time that a delay node asks for; 0: no delay nodes. */
  readonly maxDelaySeconds: number;
}

/** A submission and what must come of it, however often the engine dies on the way. */
export interface GeneratedDag {
  readonly shape: DagShape;
  readonly definition: WorkflowDefinition;
  readonly expectedStatus: 'COMPLETED' | 'FAILED';
  /** What each node that completes puts out, by node id. Nodes that are skipped or fail are not in it. */
  readonly expectedOutputs: ReadonlyMap<string, unknown>;
  readonly skipped: ReadonlySet<string>;
}

export interface DagGenerator {
  next(): GeneratedDag;
}

/**
 * Random DAGs of the built-in handlers `echo`, `delay` and `call_external_service` (simulated), in the submission format,
 * whose outcome follows from the definition alone. The same options give the same sequence.
 */
export function createDagGenerator(options: DagGeneratorOptions): DagGenerator {
  const random = createSeededRandom(options.seed);
  let count = 0;
  return {
    next() {
      count += 1;
      const shape = random.pick(DAG_SHAPES);
      const parents = parentsOf(shape, random.integer(2, Math.max(2, options.maxNodes)), random);
      const failing = random.chance(options.failingShare) ? random.integer(0, parents.length - 1) : -1;
      return fill({ shape, name: `${shape}-${options.seed}-${count}`, parents, failing, random, options });
    },
  };
}

/** For each node the indices of its parents, all smaller than its own. */
function parentsOf(shape: DagShape, size: number, random: SeededRandom): number[][] {
  const nodes = Array.from({ length: size }, (_, index) => index);
  switch (shape) {
    case 'chain':
      return nodes.map((index) => (index === 0 ? [] : [index - 1]));
    case 'fan-out':
      return nodes.map((index) => {
        if (index === 0) return [];
        return index === size - 1 && size > 2 ? nodes.slice(1, -1) : [0];
      });
    case 'layered': {
      const width = random.integer(2, 4);
      return nodes.map((index) => {
        const layerStart = index - (index % width);
        return layerStart === 0 ? [] : subset(nodes.slice(layerStart - width, layerStart), random);
      });
    }
    case 'diamond':
      return nodes.map((index) => {
        const place = index % 3;
        if (index === 0) return [];
        return place === 0 ? [index - 2, index - 1] : [index - place];
      });
    case 'scattered':
      return nodes.map((index) => nodes.slice(0, index).filter(() => random.chance(2 / (index + 1))));
  }
}

function subset(candidates: readonly number[], random: SeededRandom): number[] {
  const chosen = candidates.filter(() => random.chance(0.5));
  return chosen.length > 0 ? chosen : candidates.slice(0, 1);
}

interface Filling {
  readonly shape: DagShape;
  readonly name: string;
  readonly parents: readonly (readonly number[])[];
  /** Index of the node that fails; -1: none. */
  readonly failing: number;
  readonly random: SeededRandom;
  readonly options: DagGeneratorOptions;
}

function fill({ shape, name, parents, failing, random, options }: Filling): GeneratedDag {
  const expectedOutputs = new Map<string, unknown>();
  const skipped = new Set<string>();
  const nodes = parents.map((ofNode, index): NodeDefinition => {
    const base = { id: `n${index}`, dependencies: ofNode.map((parent) => `n${parent}`) };
    if (index === failing) return failingNode(base);
    if (options.maxDelaySeconds > 0 && random.chance(0.15)) {
      const seconds = Math.round(random.next() * options.maxDelaySeconds * 1000) / 1000;
      expectedOutputs.set(base.id, { delayed_seconds: seconds });
      return { ...base, handler: 'delay', config: { seconds } };
    }
    const skip = random.chance(0.1);
    const source = base.dependencies.find((parent) => isEchoOutput(expectedOutputs.get(parent)));
    const value = random.integer(0, 1_000_000);
    if (skip) skipped.add(base.id);
    else expectedOutputs.set(base.id, echoOutput({ value, source, outputs: expectedOutputs }));
    return {
      ...base,
      handler: 'echo',
      config: source === undefined ? { value } : { value, from: `{{ ${source}.value }}` },
      ...(skip ? { condition: 'no' } : {}),
    };
  });
  return {
    shape,
    definition: { name, dag: { nodes } },
    expectedStatus: failing < 0 ? 'COMPLETED' : 'FAILED',
    expectedOutputs,
    skipped,
  };
}

function failingNode(base: { id: string; dependencies: string[] }): NodeDefinition {
  return {
    ...base,
    handler: 'call_external_service',
    config: { url: 'http://service.invalid/', simulate_failure: true, simulate: { latency_ms: [0, 5] } },
    retry: { max_attempts: 2, initial_interval_ms: 20, max_interval_ms: 40 },
  };
}

interface EchoOutput {
  readonly value: number;
  readonly from?: number;
}

function isEchoOutput(output: unknown): output is EchoOutput {
  return typeof output === 'object' && output !== null && 'value' in output;
}

function echoOutput(options: {
  value: number;
  source: string | undefined;
  outputs: ReadonlyMap<string, unknown>;
}): EchoOutput {
  const upstream = options.source === undefined ? undefined : options.outputs.get(options.source);
  return isEchoOutput(upstream) ? { value: options.value, from: upstream.value } : { value: options.value };
}
