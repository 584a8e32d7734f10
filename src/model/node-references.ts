import { type AncestryQuestion, answerAncestry } from './dag.js';
import type { NodeDefinition } from './definition.js';
import { pointerToken, quoted } from './json-value.js';
import type { NodeGraph } from './node-graph.js';
import {
  headCandidates,
  mayHavePlaceholder,
  type Placeholder,
  reservedHead,
  scanPlaceholders,
} from './placeholder.js';
import { type Problem, ProblemList } from './problems.js';

export interface NodeReferences {
  /** For each node, the nodes that its config and condition refer to; in no order, each once. */
  readonly byNode: readonly ReadonlySet<number>[];
  /** Placeholders that begin with a node which is not an ancestor. */
  readonly problems: ProblemList;
}

/** A placeholder that does not begin with a direct dependency. */
interface OpenReference {
  readonly node: number;
  readonly head: Head;
  readonly raw: string;
  /** JSON pointer below the node. */
  readonly path: string;
}

/** Nodes that a path may begin with, longest id first; at least one. One object for each longest id and spelling. */
type Head = readonly [longest: number, ...shorter: number[]];

/**
 * Finds which outputs each node's placeholders read. Direct dependencies are seen at once; for the rest it is asked
 * which of the candidates are ancestors, all in one go (see `answerAncestry` for the cost). A placeholder that begins
 * with no node's id is text.
 */
export function findNodeReferences(nodes: readonly NodeDefinition[], graph: NodeGraph): NodeReferences {
  const open: OpenReference[] = [];
  const headOf = createHeadFinder(nodes, graph.indexById);
  const byNode = nodes.map((definition, node) => {
    let direct: ReadonlySet<number> | undefined;
    const found = new Set<number>();
    visitPlaceholders(definition, (placeholder, keys) => {
      const head = headOf(placeholder);
      if (head === undefined) return;
      direct ??= new Set(graph.dependencies[node]);
      if (direct.has(head[0])) found.add(head[0]);
      else
        open.push({
          node,
          head,
          raw: placeholder.raw,
          path: keys.map((key) => `/${pointerToken(key)}`).join(''),
        });
    });
    return found;
  });
  return { byNode, problems: closeReferences({ nodes, graph, open, byNode }) };
}

/** Finds what a placeholder may begin with. What follows from an id alone is worked out once for each id. */
function createHeadFinder(nodes: readonly NodeDefinition[], indexById: ReadonlyMap<string, number>) {
  const dottedHeads = new Map<number, Head>();
  const quotedHeads = new Map<number, Head>();
  const shorterIds = (id: string) =>
    headCandidates(id.split('.').map((name) => ({ name, dotted: true })))
      .map((candidate) => indexById.get(candidate))
      .filter((index) => index !== undefined);
  return ({ path }: Placeholder): Head | undefined => {
    if (reservedHead(path) !== undefined) return undefined;
    const longestId = headCandidates(path).find((candidate) => indexById.has(candidate));
    const longest = longestId === undefined ? undefined : indexById.get(longestId);
    if (longest === undefined) return undefined;
    const isDotted = path[0]?.dotted === true;
    const heads = isDotted ? dottedHeads : quotedHeads;
    const known = heads.get(longest);
    if (known !== undefined) return known;
    const head: Head = isDotted ? [longest, ...shorterIds(nodes[longest]?.id ?? '').slice(1)] : [longest];
    heads.set(longest, head);
    return head;
  };
}

/** Adds each open reference to the longest of its candidates that is an ancestor; a problem where none is. */
function closeReferences(state: {
  readonly nodes: readonly NodeDefinition[];
  readonly graph: NodeGraph;
  readonly open: readonly OpenReference[];
  readonly byNode: readonly Set<number>[];
}): ProblemList {
  const { nodes, graph, open, byNode } = state;
  const questions: AncestryQuestion[] = [];
  const firstQuestion = new Map<Head, number>();
  const firstQuestions = open.map(({ node, head }) => {
    const asked = firstQuestion.get(head);
    if (asked !== undefined && questions[asked]?.vertex === node) return asked;
    firstQuestion.set(head, questions.length);
    for (const ancestor of head) questions.push({ vertex: node, ancestor });
    return questions.length - head.length;
  });
  const answers = answerAncestry(graph, questions);
  const problems = new ProblemList();
  for (const [index, reference] of open.entries()) {
    const first = firstQuestions[index] ?? 0;
    const ancestor = reference.head.find((_, position) => answers[first + position] === true);
    if (ancestor !== undefined) byNode[reference.node]?.add(ancestor);
    else problems.add(() => describeProblem(nodes, reference));
  }
  return problems;
}

function describeProblem(
  nodes: readonly NodeDefinition[],
  { node, head, raw, path }: OpenReference,
): Problem {
  const user = quoted(nodes[node]?.id ?? '');
  const used = quoted(nodes[head[0]]?.id ?? '');
  return {
    path: `/dag/nodes/${node}${path}`,
    message: `node ${user} uses ${quoted(raw)}, but ${used} is not upstream of it; add it to the dependencies`,
  };
}

type PlaceholderVisitor = (placeholder: Placeholder, keys: readonly string[]) => void;

/** Visits the placeholders of a node's config and condition, each with the keys that lead to its string. */
function visitPlaceholders(node: NodeDefinition, visit: PlaceholderVisitor): void {
  if (node.config !== undefined) visitStrings(node.config, ['config'], visit);
  if (node.condition !== undefined) visitStrings(node.condition, ['condition'], visit);
}

/** `keys` is one array, which grows and shrinks with the walk. */
function visitStrings(value: unknown, keys: string[], visit: PlaceholderVisitor): void {
  if (typeof value === 'string') {
    if (!mayHavePlaceholder(value)) return;
    for (const piece of scanPlaceholders(value)) if (typeof piece === 'object') visit(piece, keys);
    return;
  }
  if (typeof value !== 'object' || value === null) return;
  for (const [key, item] of Object.entries(value)) {
    keys.push(key);
    visitStrings(item, keys, visit);
    keys.pop();
  }
}
