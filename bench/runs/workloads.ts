import type { NodeDefinition, WorkflowDefinition } from '../../src/model/definition.js';
import { createSeededRandom } from '../../src/testing/seeded-random.js';

/** What every node puts out, about: its config comes back as its output. */
export const PAYLOADS = { small: 0, '1k': 1 << 10, '64k': 64 << 10 } as const;
export type PayloadName = keyof typeof PAYLOADS;

const FIRST: readonly number[] = [];

/**
 * A workflow of these shape: `parents[i]` are the indices of node i's parents. The first node is an `input`, the last an `output`, the
 * others `echo`. Each hands on what its first parent put out, so that templates and inputs are at work in every node.
 */
function workflow(
  name: string,
  parents: readonly (readonly number[])[],
  payload: PayloadName,
): WorkflowDefinition {
  const last = parents.length - 1;
  const seed = { n: 1, ...(PAYLOADS[payload] > 0 && { blob: 'x'.repeat(PAYLOADS[payload]) }) };
  const nodes = parents.map((above, index): NodeDefinition => {
    const [parent] = above;
    const path = parent === last ? undefined : parent;
    const handed = (key: string): string => `{{ node-${path}.${key} }}`;
    return {
      id: `node-${index}`,
      handler: index === 0 ? 'input' : index === last ? 'output' : 'echo',
      dependencies: above.map((each) => `node-${each}`),
      config:
        path === undefined
          ? seed
          : { n: handed('n'), ...(PAYLOADS[payload] > 0 && { blob: handed('blob') }) },
    };
  });
  return { name, dag: { nodes } };
}

/** `length` nodes, each on the one before. */
export function chain(length: number, payload: PayloadName = 'small'): WorkflowDefinition {
  const parents = Array.from({ length }, (_, index) => (index === 0 ? FIRST : [index - 1]));
  return workflow(`chain-${length}`, parents, payload);
}

/** A root, `width` children and a join. `fanOut(3)` is the five-node shape, `fanOut(2)` the diamond. */
export function fanOut(width: number, payload: PayloadName = 'small'): WorkflowDefinition {
  const children = Array.from({ length: width }, (_, index) => index + 1);
  const parents = [FIRST, ...children.map(() => [0]), children];
  return workflow(`fan-out-${width}`, parents, payload);
}

/** Each node but the first has one to three parents among the twelve before it; the last one joins all that have no child. */
export function randomDag(size: number, seed: number, payload: PayloadName = 'small'): WorkflowDefinition {
  const random = createSeededRandom(seed);
  const parents: number[][] = [[]];
  const childless = new Set([0]);
  for (let index = 1; index < size - 1; index += 1) {
    const above = new Set<number>();
    for (let count = random.integer(1, 3); count > 0; count -= 1)
      above.add(random.integer(Math.max(0, index - 12), index - 1));
    for (const each of above) childless.delete(each);
    parents.push([...above]);
    childless.add(index);
  }
  parents.push([...childless]);
  return workflow(`random-${size}-${seed}`, parents, payload);
}
