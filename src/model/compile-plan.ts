import { BUILTIN_HANDLERS } from './builtin-handlers.js';
import {
  canonicalDefinition,
  canonicalJson,
  DEFAULT_QUEUE,
  type DefinitionBody,
  workflowIdOf,
} from './canonical.js';
import type { NodeDefinition, WorkflowDefinition } from './definition.js';
import { buildNodeGraph, type NodeGraph } from './node-graph.js';
import { findNodeReferences, type NodeReferences } from './node-references.js';
import type { Plan, PlanNode } from './plan.js';
import { retryPolicyOf } from './retry-policy.js';

/** A definition on its way to a plan: its graph is sound, its references are known. */
export interface AnalysedDefinition {
  readonly definition: WorkflowDefinition;
  readonly graph: NodeGraph;
  readonly references: NodeReferences;
}

/** Throws what `buildNodeGraph` throws; problems of references are only listed. */
export function analyseDefinition(body: DefinitionBody): AnalysedDefinition {
  const graph = buildNodeGraph(body.dag.nodes);
  const definition = canonicalDefinition(body);
  return { definition, graph, references: findNodeReferences(definition.dag.nodes, graph) };
}

/**
 * The plan of a definition that was accepted before, as of one that a store loads. The plan's id follows from the
 * content: the canonical definition of a plan compiles to the same plan. A reference that later rules would refuse
 * stays as text. Throws what `buildNodeGraph` throws where the definition is damaged.
 */
export function compilePlan(definition: WorkflowDefinition): Plan {
  return buildPlan(analyseDefinition(definition));
}

export function buildPlan({ definition, graph, references }: AnalysedDefinition): Plan {
  const text = canonicalJson(definition);
  const nodes = definition.dag.nodes.map((node, index) =>
    planNode({ node, index, graph, references: references.byNode[index] ?? NONE }),
  );
  return {
    workflowId: workflowIdOf(text),
    name: definition.name,
    timeoutMs: timeoutMs(definition.timeout_seconds),
    nodes,
    indexById: graph.indexById,
    roots: nodes.filter(({ dependencies }) => dependencies.length === 0).map(({ index }) => index),
    definition,
    definitionBytes: Buffer.byteLength(text),
  };
}

const NONE: ReadonlySet<number> = new Set();
const BUILTIN: ReadonlySet<string> = new Set(BUILTIN_HANDLERS);

function planNode(source: {
  readonly node: NodeDefinition;
  readonly index: number;
  readonly graph: NodeGraph;
  readonly references: ReadonlySet<number>;
}): PlanNode {
  const { node, index, graph, references } = source;
  const dependencies = graph.dependencies[index] ?? [];
  return {
    index,
    id: node.id,
    handler: node.handler,
    queue: node.queue ?? DEFAULT_QUEUE,
    timeoutMs: timeoutMs(node.timeout_seconds),
    retry: retryPolicyOf(node.retry),
    dependencies,
    successors: graph.successors[index] ?? [],
    inputs: BUILTIN.has(node.handler)
      ? ascending(references)
      : ascending(new Set([...references, ...dependencies])),
  };
}

function ascending(indices: ReadonlySet<number>): readonly number[] {
  return [...indices].sort((a, b) => a - b);
}

/** Whole milliseconds, at least 1. */
function timeoutMs(seconds: number | undefined): number | undefined {
  return seconds === undefined ? undefined : Math.max(1, Math.round(seconds * 1000));
}
