import { layOutWithDagre } from './dagre-layout.js';
import type { GraphInput } from './graph-layout.js';
import { layOutLevels } from './level-layout.js';

/** Up to these dagre takes less than about a second. */
const MAX_DAGRE_NODES = 250;
const MAX_DAGRE_EDGES = 600;

/** Lays out off the page's own thread. */
self.addEventListener('message', ({ data }: MessageEvent<GraphInput>) => {
  const isSmall = data.count <= MAX_DAGRE_NODES && data.edges.length / 2 <= MAX_DAGRE_EDGES;
  self.postMessage(isSmall ? layOutWithDagre(data) : layOutLevels(data));
});
