import { Graph, layout } from '@dagrejs/dagre';
import {
  GAP_X,
  GAP_Y,
  type GraphInput,
  type GraphLayout,
  LineCollector,
  NODE_HEIGHT,
  NODE_WIDTH,
} from './graph-layout.js';

/** The layout of small graphs, with edges that keep clear of nodes. Its time grows faster than the graph. */
export function layOutWithDagre({ count, edges }: GraphInput): GraphLayout {
  const graph = new Graph({ multigraph: false });
  graph.setGraph({ rankdir: 'LR', nodesep: GAP_Y + 4, ranksep: GAP_X, edgesep: GAP_Y });
  graph.setDefaultEdgeLabel(() => ({}));
  // It puts what it is told last on top.
  for (let node = count - 1; node >= 0; node--)
    graph.setNode(String(node), { width: NODE_WIDTH, height: NODE_HEIGHT });
  for (let at = edges.length - 2; at >= 0; at -= 2) graph.setEdge(String(edges[at]), String(edges[at + 1]));
  layout(graph);
  const x = new Float32Array(count);
  const y = new Float32Array(count);
  for (let node = 0; node < count; node++) {
    const place = graph.node(String(node));
    x[node] = (place.x ?? 0) - NODE_WIDTH / 2;
    y[node] = (place.y ?? 0) - NODE_HEIGHT / 2;
  }
  const lines = new LineCollector();
  for (const edge of graph.edges()) {
    const [from, to] = [Number(edge.v), Number(edge.w)];
    const points: { x: number; y: number }[] = graph.edge(edge).points ?? [];
    const between = points.slice(1, -1).flatMap((point) => [point.x, point.y]);
    const start = [(x[from] ?? 0) + NODE_WIDTH, (y[from] ?? 0) + NODE_HEIGHT / 2];
    const end = [x[to] ?? 0, (y[to] ?? 0) + NODE_HEIGHT / 2];
    // A way between neighbouring ranks needs no bend of its own.
    lines.add(to, points.length <= 3 ? [...start, ...end] : [...start, ...between, ...end]);
  }
  const { width = 0, height = 0 } = graph.graph() as { width?: number; height?: number };
  return { x, y, width, height, lines: lines.finish(), blocks: [] };
}
