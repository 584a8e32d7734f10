import { type Dag, sortTopologically } from './dag.js';
import { MillraceError } from './errors.js';
import { quoted } from './json-value.js';
import { ProblemList } from './problems.js';

/** The DAG of a definition, its nodes numbered in the order of the definition. */
export interface NodeGraph extends Dag {
  readonly indexById: ReadonlyMap<string, number>;
}

/** What of a node makes the graph. */
export interface GraphNode {
  readonly id: string;
  readonly dependencies?: readonly string[] | null;
}

/**
 * Numbers the nodes and ties their dependencies to them; a dependency that is named twice counts once. Throws
 * EMPTY_WORKFLOW, DUPLICATE_NODE_ID, INVALID_NODE_REFERENCE or CYCLIC_DEPENDENCY, in this order; a node that depends
 * on itself is a cycle of one. O(V + E).
 */
export function buildNodeGraph(nodes: readonly GraphNode[]): NodeGraph {
  if (nodes.length === 0) {
    throw new MillraceError('EMPTY_WORKFLOW', 'dag.nodes is empty; a workflow needs at least one node', {
      context: { errors: [{ path: '/dag/nodes', message: 'is empty' }] },
    });
  }
  const indexById = indexIds(nodes);
  const dependencies = indexDependencies(nodes, indexById);
  const outcome = sortTopologically(dependencies);
  if (outcome.kind === 'cyclic') throw cyclicDependency(outcome.cycle.map((index) => nodes[index]?.id ?? ''));
  return { ...outcome.dag, indexById };
}

function indexIds(nodes: readonly GraphNode[]): ReadonlyMap<string, number> {
  const indexById = new Map<string, number>();
  const problems = new ProblemList();
  for (const [index, { id }] of nodes.entries()) {
    const earlier = indexById.get(id);
    if (earlier === undefined) {
      indexById.set(id, index);
      continue;
    }
    problems.add(() => ({
      path: `/dag/nodes/${index}/id`,
      message: `${quoted(id)} is the id of /dag/nodes/${earlier} too; give each node its own`,
    }));
  }
  problems.throwIfAny('DUPLICATE_NODE_ID', ({ path, message }) => `${path}: ${message}`);
  return indexById;
}

function indexDependencies(
  nodes: readonly GraphNode[],
  indexById: ReadonlyMap<string, number>,
): readonly (readonly number[])[] {
  const problems = new ProblemList();
  const dependencies = nodes.map((node, index) => {
    const found = new Set<number>();
    for (const [position, id] of (node.dependencies ?? []).entries()) {
      const dependency = indexById.get(id);
      if (dependency !== undefined) {
        found.add(dependency);
        continue;
      }
      problems.add(() => ({
        path: `/dag/nodes/${index}/dependencies/${position}`,
        message: `node ${quoted(node.id)} depends on ${quoted(id)}, which is no node of this DAG`,
      }));
    }
    return [...found];
  });
  problems.throwIfAny('INVALID_NODE_REFERENCE', ({ path, message }) => `${path}: ${message}`);
  return dependencies;
}

/** Ids that the message of a cycle names; `context.cycle_nodes` has them all. */
const MAX_NAMED_IDS = 10;

function cyclicDependency(cycle: readonly string[]): MillraceError {
  const named = cycle.length > MAX_NAMED_IDS ? [...cycle.slice(0, MAX_NAMED_IDS), '…'] : cycle;
  const path = [...named, cycle[0]].join(' → ');
  return new MillraceError(
    'CYCLIC_DEPENDENCY',
    `The dependencies form a cycle: ${path}; remove one of them`,
    {
      context: { cycle_nodes: cycle },
    },
  );
}
