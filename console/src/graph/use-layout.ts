import { useEffect, useState } from 'preact/hooks';
import type { NodeDefinition } from '../api/types.js';
import type { GraphInput, GraphLayout } from './graph-layout.js';

/** The layout of these nodes, once the worker has made it. */
export function useLayout(nodes: readonly NodeDefinition[]): GraphLayout | undefined {
  const [layout, setLayout] = useState<GraphLayout>();
  useEffect(() => {
    const worker = new Worker(new URL('./layout-worker.ts', import.meta.url), { type: 'module' });
    worker.addEventListener('message', ({ data }: MessageEvent<GraphLayout>) => {
      setLayout(data);
      worker.terminate();
    });
    worker.postMessage(inputOf(nodes));
    return () => worker.terminate();
  }, [nodes]);
  return layout;
}

function inputOf(nodes: readonly NodeDefinition[]): GraphInput {
  const indexById = new Map(nodes.map(({ id }, index) => [id, index]));
  const edges: number[] = [];
  for (const [index, { dependencies }] of nodes.entries()) {
    for (const parent of new Set(dependencies ?? [])) edges.push(indexById.get(parent) ?? 0, index);
  }
  return { count: nodes.length, edges: Int32Array.from(edges) };
}
