/** Vertices are numbered densely from 0; lists hold each neighbour once. */
export interface Dag {
  readonly dependencies: readonly (readonly number[])[];
  readonly successors: readonly (readonly number[])[];
  /** Every vertex once, behind all of its dependencies. */
  readonly order: readonly number[];
}

export type SortOutcome =
  | { readonly kind: 'sorted'; readonly dag: Dag }
  /** Each vertex is a dependency of the next, and the last of the first. Starts at its lowest number. */
  | { readonly kind: 'cyclic'; readonly cycle: readonly number[] };

/**
 * Sorts a graph topologically (A. B. Kahn, "Topological sorting of large networks", CACM 5, 1962), ties by the order
 * in which vertices become free. `dependencies[v]` lists each dependency of v once; all lie in range. O(V + E).
 */
export function sortTopologically(dependencies: readonly (readonly number[])[]): SortOutcome {
  const successors: number[][] = dependencies.map(() => []);
  const waitingFor = new Int32Array(dependencies.length);
  const order: number[] = [];
  for (const [vertex, list] of dependencies.entries()) {
    waitingFor[vertex] = list.length;
    if (list.length === 0) order.push(vertex);
    for (const dependency of list) successors[dependency]?.push(vertex);
  }
  for (let head = 0; head < order.length; head++) {
    for (const successor of successors[order[head] as number] as number[]) {
      const left = (waitingFor[successor] as number) - 1;
      waitingFor[successor] = left;
      if (left === 0) order.push(successor);
    }
  }
  if (order.length === dependencies.length)
    return { kind: 'sorted', dag: { dependencies, successors, order } };
  return { kind: 'cyclic', cycle: findCycle(dependencies, waitingFor) };
}

/**
 * A vertex that is left over waits for another one that is left over, so that a walk from dependency to dependency
 * must come back to where it was; what lies between is a cycle.
 */
function findCycle(dependencies: readonly (readonly number[])[], waitingFor: Int32Array): readonly number[] {
  const isLeft = (vertex: number) => waitingFor[vertex] !== 0;
  const walk: number[] = [];
  const placeInWalk = new Int32Array(dependencies.length).fill(-1);
  let vertex = waitingFor.findIndex((count) => count !== 0);
  while (placeInWalk[vertex] === -1) {
    placeInWalk[vertex] = walk.length;
    walk.push(vertex);
    vertex = dependencies[vertex]?.find(isLeft) as number;
  }
  const cycle = walk.slice(placeInWalk[vertex]).reverse();
  const lowest = cycle.indexOf(cycle.reduce((least, next) => Math.min(least, next)));
  return [...cycle.slice(lowest), ...cycle.slice(0, lowest)];
}

/** A question of `answerAncestry`. */
export interface AncestryQuestion {
  readonly vertex: number;
  readonly ancestor: number;
}

interface LanedQuestion {
  readonly question: number;
  readonly vertex: number;
  readonly lane: number;
}

/** Ancestors that one pass follows at a time: the bits of an integer. */
const LANES = 32;

/**
 * Whether `ancestor` is a direct or indirect dependency of `vertex`, for each question.
 *
 * The ancestors asked for are sorted by their place in the order and taken 32 at a time; one pass over the stretch of
 * the order between the first of them and the last vertex that asks hands 32 bits on from each vertex to the next.
 * Memory O(V); time O((V + E) × A / 32) for A ancestors in the worst case, and little more than the stretches between
 * when questions are about what lies near.
 */
export function answerAncestry(dag: Dag, questions: readonly AncestryQuestion[]): readonly boolean[] {
  if (questions.length === 0) return [];
  const placeOf = new Int32Array(dag.order.length);
  for (const [place, vertex] of dag.order.entries()) placeOf[vertex] = place;
  const place = (vertex: number) => placeOf[vertex] as number;
  const ancestors = [...new Set(questions.map(({ ancestor }) => ancestor))].sort(
    (a, b) => place(a) - place(b),
  );
  const laneOf = new Map(ancestors.map((ancestor, lane) => [ancestor, lane] as const));
  const groups = Array.from({ length: Math.ceil(ancestors.length / LANES) }, (): LanedQuestion[] => []);
  for (const [question, { vertex, ancestor }] of questions.entries()) {
    const lane = laneOf.get(ancestor) as number;
    if (place(vertex) <= place(ancestor)) continue;
    groups[Math.floor(lane / LANES)]?.push({ question, vertex, lane: lane % LANES });
  }
  const answers = questions.map(() => false);
  const carried = new Int32Array(dag.order.length);
  for (const [index, group] of groups.entries()) {
    if (group.length === 0) continue;
    const members = ancestors.slice(index * LANES, (index + 1) * LANES).map(place);
    const last = group.reduce((most, { vertex }) => Math.max(most, place(vertex)), 0);
    carryLanes({ dag, placeOf, carried, members, last });
    for (const { question, vertex, lane } of group) {
      answers[question] = (((carried[place(vertex)] as number) >>> lane) & 1) === 1;
    }
  }
  return answers;
}

/**
 * Fills `carried[p]`, for each place p from the first member's to `last`, with one bit for each member (given by its
 * place) that is an ancestor of the vertex there or the vertex itself.
 */
function carryLanes(pass: {
  readonly dag: Dag;
  readonly placeOf: Int32Array;
  readonly carried: Int32Array;
  readonly members: readonly number[];
  readonly last: number;
}): void {
  const { dag, placeOf, carried, members, last } = pass;
  const from = members[0] as number;
  let lane = 0;
  for (let place = from; place <= last; place++) {
    let bits = 0;
    if (members[lane] === place) bits = 1 << lane++;
    for (const dependency of dag.dependencies[dag.order[place] as number] as readonly number[]) {
      const placeOfDependency = placeOf[dependency] as number;
      if (placeOfDependency >= from) bits |= carried[placeOfDependency] as number;
    }
    carried[place] = bits;
  }
}
