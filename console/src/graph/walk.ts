import type { NodeDefinition } from '../api/types.js';
import { type GraphLayout, NODE_HEIGHT, NODE_WIDTH } from './graph-layout.js';

export type Direction = 'left' | 'right' | 'up' | 'down';

/** The node that lies at a point of the picture. */
export function nodeAt({ x, y }: GraphLayout, pointX: number, pointY: number): number | undefined {
  for (let index = 0; index < x.length; index++) {
    const [left, top] = [x[index] ?? 0, y[index] ?? 0];
    if (pointX < left || pointX > left + NODE_WIDTH || pointY < top || pointY > top + NODE_HEIGHT) continue;
    return index;
  }
  return undefined;
}

/**
 * Where an arrow key leads: left to the nearest dependency, right to the nearest node that follows, up and down to the next one in
 * that direction, the nearer and the straighter the better.
 */
export function neighbourOf(
  layout: GraphLayout,
  nodes: readonly NodeDefinition[],
  from: number,
  direction: Direction,
): number | undefined {
  const id = nodes[from]?.id ?? '';
  if (direction === 'left') {
    const parents = new Set(nodes[from]?.dependencies ?? []);
    return nearest(layout, from, (index) => parents.has(nodes[index]?.id ?? ''));
  }
  if (direction === 'right') {
    return nearest(layout, from, (index) => nodes[index]?.dependencies?.includes(id) ?? false);
  }
  const [x, y] = [layout.x[from] ?? 0, layout.y[from] ?? 0];
  const sign = direction === 'down' ? 1 : -1;
  return nearest(layout, from, (index) => {
    const aside = Math.abs((layout.x[index] ?? 0) - x);
    return ((layout.y[index] ?? 0) - y) * sign > 1 && aside < NODE_WIDTH;
  });
}

function nearest(
  layout: GraphLayout,
  from: number,
  isWanted: (index: number) => boolean,
): number | undefined {
  let [best, least]: [number | undefined, number] = [undefined, Infinity];
  for (let index = 0; index < layout.x.length; index++) {
    if (index === from || !isWanted(index)) continue;
    const across = (layout.x[index] ?? 0) - (layout.x[from] ?? 0);
    const down = (layout.y[index] ?? 0) - (layout.y[from] ?? 0);
    const distance = across * across + down * down;
    if (distance < least) [best, least] = [index, distance];
  }
  return best;
}
