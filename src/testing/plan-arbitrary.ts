import fc from 'fast-check';
import type { Plan } from '../model/plan.js';
import { planOf } from './plan-fixtures.js';

/** Random DAGs: each node depends on any of those before it. */
export function planArbitrary(options: {
  readonly maxNodes: number;
  readonly queues?: readonly string[];
  /** Time-outs to choose from; undefined: none. */
  readonly timeouts?: readonly (number | undefined)[];
}): fc.Arbitrary<Plan> {
  const { maxNodes, queues = ['default'], timeouts = [undefined] } = options;
  const node = fc.record({
    parents: fc.array(fc.nat(), { maxLength: 3 }),
    queue: fc.constantFrom(...queues),
  });
  return fc
    .tuple(fc.array(node, { minLength: 1, maxLength: maxNodes }), fc.constantFrom(...timeouts))
    .map(([nodes, timeoutMs]) =>
      planOf({
        ...(timeoutMs !== undefined && { timeoutMs }),
        nodes: nodes.map(({ parents, queue }, index) => ({
          id: `n${index}`,
          on: index === 0 ? [] : [...new Set(parents.map((parent) => `n${parent % index}`))],
          queue,
        })),
      }),
    );
}
