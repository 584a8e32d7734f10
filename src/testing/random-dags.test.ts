import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { createDagGenerator, DAG_SHAPES } from './random-dags.js';

const options = { maxNodes: 24, failingShare: 0.3, maxDelaySeconds: 0.2 };

describe('random DAGs', () => {
  test('dependencies name earlier nodes only, each once', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0 }), (seed) => {
        const { nodes } = createDagGenerator({ ...options, seed }).next().definition.dag;
        const seen = new Set<string>();
        for (const node of nodes) {
          const dependencies = node.dependencies ?? [];
          assert.equal(new Set(dependencies).size, dependencies.length);
          for (const dependency of dependencies)
            assert.ok(seen.has(dependency), `${node.id} on ${dependency}`);
          assert.ok(!seen.has(node.id));
          seen.add(node.id);
        }
      }),
    );
  });

  test('a seed fixes the whole sequence', () => {
    const draw = (seed: number): unknown[] => {
      const generator = createDagGenerator({ ...options, seed });
      return Array.from({ length: 20 }, () => generator.next().definition);
    };
    assert.deepEqual(draw(7), draw(7));
    assert.notDeepEqual(draw(7), draw(8));
  });

  test('every shape and both endings are drawn', () => {
    const generator = createDagGenerator({ ...options, seed: 1 });
    const drawn = Array.from({ length: 200 }, () => generator.next());
    assert.deepEqual(new Set(drawn.map((dag) => dag.shape)), new Set(DAG_SHAPES));
    assert.deepEqual(new Set(drawn.map((dag) => dag.expectedStatus)), new Set(['COMPLETED', 'FAILED']));
  });

  test('each node is expected to complete, to be skipped or to fail', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0 }), (seed) => {
        const dag = createDagGenerator({ ...options, seed }).next();
        const failing = dag.definition.dag.nodes.filter(
          (node) => !dag.expectedOutputs.has(node.id) && !dag.skipped.has(node.id),
        );
        assert.equal(failing.length, dag.expectedStatus === 'FAILED' ? 1 : 0);
        assert.ok(failing.every((node) => node.config?.simulate_failure === true));
      }),
    );
  });
});
