import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { type GraphLayout, NODE_HEIGHT, NODE_WIDTH } from '../src/graph/graph-layout.js';
import { layOutLevels } from '../src/graph/level-layout.js';

/** Edges lead from lower to higher numbers, so that there is no cycle. */
const graphs = fc
  .integer({ min: 1, max: 120 })
  .chain((count) =>
    fc
      .array(fc.tuple(fc.nat(count - 1), fc.nat(count - 1)), { maxLength: 3 * count })
      .map((pairs) => ({ count, pairs: pairs.filter(([from, to]) => from < to) })),
  );

function inputOf(count: number, pairs: readonly (readonly [number, number])[]) {
  return { count, edges: Int32Array.from(pairs.flat()) };
}

function overlap({ x, y }: GraphLayout, one: number, other: number): boolean {
  const across = Math.abs((x[one] ?? 0) - (x[other] ?? 0)) < NODE_WIDTH;
  return across && Math.abs((y[one] ?? 0) - (y[other] ?? 0)) < NODE_HEIGHT;
}

describe('the layout by levels', () => {
  test('puts no node on another, all inside its size, and each after those it depends on', () => {
    fc.assert(
      fc.property(graphs, ({ count, pairs }) => {
        const layout = layOutLevels(inputOf(count, pairs));
        for (let one = 0; one < count; one++) {
          const [right, bottom] = [(layout.x[one] ?? 0) + NODE_WIDTH, (layout.y[one] ?? 0) + NODE_HEIGHT];
          assert.ok(right <= layout.width + 0.5 && bottom <= layout.height + 0.5);
          for (let other = 0; other < one; other++)
            assert.ok(!overlap(layout, one, other), `${one} on ${other}`);
        }
        for (const [from, to] of pairs) {
          const isRight = (layout.x[to] ?? 0) > (layout.x[from] ?? 0);
          const isBelow = (layout.y[to] ?? 0) > (layout.y[from] ?? 0);
          assert.ok(isRight || isBelow, `${from} to ${to}`);
        }
      }),
      { numRuns: 60 },
    );
  });

  test('makes a block of a wide level, with one line to it', () => {
    const pairs = Array.from({ length: 9999 }, (_, at): [number, number] => [0, at + 1]);
    const layout = layOutLevels(inputOf(10_000, pairs));
    assert.deepEqual(
      layout.blocks.map(({ nodes }) => nodes.length),
      [9999],
    );
    assert.equal(layout.lines.targets.length, 1);
    assert.ok(layout.width / layout.height > 1 && layout.width / layout.height < 3);
  });

  test('breaks a long chain into lines', () => {
    const pairs = Array.from({ length: 9999 }, (_, at): [number, number] => [at, at + 1]);
    const layout = layOutLevels(inputOf(10_000, pairs));
    assert.equal(layout.lines.targets.length, 9999);
    assert.ok(layout.width / layout.height > 1 && layout.width / layout.height < 3);
    assert.ok(new Set(layout.y).size > 50);
  });
});
