import type { NodeDefinition, WorkflowDefinition } from '../src/model/definition.js';

export const SHAPES = ['two-node', 'five-node'] as const;
export type Shape = (typeof SHAPES)[number];

/** `two-node`: input → output. `five-node`: input → three echoes side by side → output. */
export function workload(shape: Shape, name: string): WorkflowDefinition {
  const start: NodeDefinition = { id: 'start', handler: 'input', config: { n: 1 } };
  if (shape === 'two-node') {
    return { name, dag: { nodes: [start, { ...join(['start']), config: { n: '{{ start.n }}' } }] } };
  }
  const middle = ['b', 'c', 'd'].map(
    (id): NodeDefinition => ({
      id,
      handler: 'echo',
      dependencies: ['start'],
      config: { n: '{{ start.n }}' },
    }),
  );
  return {
    name,
    dag: { nodes: [start, ...middle, { ...join(['b', 'c', 'd']), config: { n: '{{ d.n }}' } }] },
  };
}

function join(dependencies: string[]): NodeDefinition {
  return { id: 'end', handler: 'output', dependencies };
}

/** A root, `width` children and a join. */
export function fanOut(width: number): WorkflowDefinition {
  const children = Array.from({ length: width }, (_, index) => `child-${index}`);
  return {
    name: `fan-out-${width}`,
    dag: {
      nodes: [
        { id: 'start', handler: 'input' },
        ...children.map((id): NodeDefinition => ({ id, handler: 'echo', dependencies: ['start'] })),
        join(children),
      ],
    },
  };
}

/** `length` nodes, each on the one before. */
export function chain(length: number): WorkflowDefinition {
  const nodes = Array.from({ length }, (_, index): NodeDefinition => {
    const dependencies = index === 0 ? [] : [`link-${index - 1}`];
    return { id: `link-${index}`, handler: 'echo', dependencies };
  });
  return { name: `chain-${length}`, dag: { nodes } };
}
