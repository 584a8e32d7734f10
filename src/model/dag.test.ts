import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { answerAncestry, type Dag, sortTopologically } from './dag.js';

type Edges = readonly (readonly number[])[];

/** Dependencies on any vertices: often cyclic. */
const graphs: fc.Arbitrary<Edges> = fc
  .integer({ min: 1, max: 12 })
  .chain((size) =>
    fc.array(fc.uniqueArray(fc.nat(size - 1), { maxLength: 3 }), { minLength: size, maxLength: size }),
  );

/** Never cyclic: a random relabelling of a graph whose dependencies come first. */
const acyclicGraphs: fc.Arbitrary<Edges> = fc.integer({ min: 1, max: 90 }).chain((size) =>
  fc
    .tuple(
      fc.array(fc.array(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), { maxLength: 4 }), {
        minLength: size,
        maxLength: size,
      }),
      fc.shuffledSubarray([...Array(size).keys()], { minLength: size }),
    )
    .map(([draws, labels]) => {
      const label = (place: number) => labels[place] ?? 0;
      const edges: number[][] = draws.map(() => []);
      for (const [place, list] of draws.entries()) {
        if (place === 0) continue;
        edges[label(place)] = [...new Set(list.map((draw) => label(Math.floor(draw * place))))];
      }
      return edges;
    }),
);

function reachable(edges: Edges, from: number): Set<number> {
  const seen = new Set<number>();
  const walk = (vertex: number) => {
    for (const next of edges[vertex] ?? []) {
      if (seen.has(next)) continue;
      seen.add(next);
      walk(next);
    }
  };
  walk(from);
  return seen;
}

function sorted(edges: Edges): Dag {
  const outcome = sortTopologically(edges);
  assert.equal(outcome.kind, 'sorted');
  return outcome.kind === 'sorted' ? outcome.dag : assert.fail();
}

describe('sortTopologically', () => {
  test('finds a cycle exactly where a vertex reaches itself', () => {
    fc.assert(
      fc.property(graphs, (edges) => {
        const hasCycle = edges.some((_, vertex) => reachable(edges, vertex).has(vertex));
        assert.equal(sortTopologically(edges).kind, hasCycle ? 'cyclic' : 'sorted');
      }),
      { numRuns: 2000 },
    );
  });

  test('a cycle is real, simple and begins at its lowest vertex', () => {
    fc.assert(
      fc.property(graphs, (edges) => {
        const outcome = sortTopologically(edges);
        fc.pre(outcome.kind === 'cyclic');
        if (outcome.kind !== 'cyclic') return;
        const { cycle } = outcome;
        assert.equal(new Set(cycle).size, cycle.length);
        assert.equal(cycle[0], Math.min(...cycle));
        for (const [place, vertex] of cycle.entries()) {
          const next = cycle[(place + 1) % cycle.length] ?? -1;
          assert.ok(edges[next]?.includes(vertex), `${vertex} is no dependency of ${next}`);
        }
      }),
    );
  });

  test('the order has each vertex once, behind its dependencies; successors mirror dependencies', () => {
    fc.assert(
      fc.property(acyclicGraphs, (edges) => {
        const { order, successors } = sorted(edges);
        assert.deepEqual(
          [...order].sort((a, b) => a - b),
          [...edges.keys()],
        );
        const place = new Map(order.map((vertex, index) => [vertex, index]));
        for (const [vertex, list] of edges.entries()) {
          for (const dependency of list) {
            assert.ok((place.get(dependency) ?? 0) < (place.get(vertex) ?? 0));
            assert.ok(successors[dependency]?.includes(vertex));
          }
        }
        assert.equal(successors.flat().length, edges.flat().length);
      }),
    );
  });

  test('a vertex that depends on itself is a cycle of one', () => {
    assert.deepEqual(sortTopologically([[], [1, 0]]), { kind: 'cyclic', cycle: [1] });
  });

  test('names the cycle and not what hangs on it', () => {
    // 0 waits for the cycle 1 → 2 → 3 → 1.
    assert.deepEqual(sortTopologically([[1], [3], [1], [2]]), { kind: 'cyclic', cycle: [1, 2, 3] });
  });

  test('a chain of 100,000 needs no stack', () => {
    const chain = Array.from({ length: 100_000 }, (_, index) => (index === 0 ? [] : [index - 1]));
    assert.equal(sorted(chain).order.length, 100_000);
    const ring = chain.map((list, index) => (index === 0 ? [99_999] : list));
    const outcome = sortTopologically(ring);
    assert.equal(outcome.kind === 'cyclic' && outcome.cycle.length, 100_000);
  });
});

describe('answerAncestry', () => {
  test('agrees with a search from each vertex', () => {
    fc.assert(
      fc.property(acyclicGraphs, fc.integer({ min: 1, max: 7 }), (edges, stride) => {
        const dag = sorted(edges);
        const questions = [...edges.keys()].flatMap((vertex) =>
          [...edges.keys()]
            .filter((ancestor) => (vertex + ancestor) % stride === 0)
            .map((ancestor) => ({ vertex, ancestor })),
        );
        const ancestors = edges.map((_, vertex) => reachable(edges, vertex));
        assert.deepEqual(
          answerAncestry(dag, questions),
          questions.map(({ vertex, ancestor }) => ancestors[vertex]?.has(ancestor)),
        );
      }),
      { numRuns: 60 },
    );
  });

  test('no question, no answer', () => {
    assert.deepEqual(answerAncestry(sorted([[]]), []), []);
  });
});
