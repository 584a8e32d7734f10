import {
  type Block,
  GAP_X,
  GAP_Y,
  type GraphInput,
  type GraphLayout,
  LineCollector,
  NODE_HEIGHT,
  NODE_WIDTH,
} from './graph-layout.js';

/** A level with more nodes than this becomes a block. */
const MAX_COLUMN = 24;
/** Width to height that a block, and the lines of a long graph, come near to. */
const ASPECT = 1.8;
/** A graph that is longer than this many times its height is broken into lines, as text is. */
const MAX_STRETCH = 8;
const LINE_GAP = 72;
const BLOCK_PADDING = 20;
const BLOCK_HEAD = 44;

interface Level {
  readonly nodes: readonly number[];
  readonly isBlock: boolean;
  readonly rows: number;
  readonly width: number;
  readonly height: number;
  x: number;
  y: number;
  line: number;
}

/**
 * A layout for graphs of any size in O(nodes + edges): levels by the longest path (Sugiyama, Tagawa, Toda 1981), ordered
 * within by the mean place of the parents, from left to right. Wide levels become blocks, long graphs several lines.
 */
export function layOutLevels(input: GraphInput): GraphLayout {
  const levelOf = longestPaths(input);
  const levels = measureLevels(orderLevels(input, levelOf));
  const { width, height, bottoms } = placeLevels(levels);
  const x = new Float32Array(input.count);
  const y = new Float32Array(input.count);
  const blocks: Block[] = [];
  for (const level of levels) {
    placeNodes(level, x, y);
    if (level.isBlock) {
      const { x: left, y: top, width: across, height: down } = level;
      blocks.push({ x: left, y: top, width: across, height: down, nodes: Int32Array.from(level.nodes) });
    }
  }
  const lines = drawEdges(input, { levels, levelOf, x, y, bottoms });
  return { x, y, width, height, lines, blocks };
}

/** The number of edges on the longest way to each node, by Kahn's order. */
function longestPaths({ count, edges }: GraphInput): Int32Array {
  const inDegree = new Int32Array(count);
  const first = new Int32Array(count + 1);
  for (let at = 0; at < edges.length; at += 2)
    first[(edges[at] ?? 0) + 1] = (first[(edges[at] ?? 0) + 1] ?? 0) + 1;
  for (let node = 0; node < count; node++) first[node + 1] = (first[node + 1] ?? 0) + (first[node] ?? 0);
  const children = new Int32Array(edges.length / 2);
  const filled = first.slice();
  for (let at = 0; at < edges.length; at += 2) {
    const [from, to] = [edges[at] ?? 0, edges[at + 1] ?? 0];
    const place = filled[from] ?? 0;
    children[place] = to;
    filled[from] = place + 1;
    inDegree[to] = (inDegree[to] ?? 0) + 1;
  }
  const level = new Int32Array(count);
  const ready: number[] = [];
  for (let node = 0; node < count; node++) if (inDegree[node] === 0) ready.push(node);
  for (let next = 0; next < ready.length; next++) {
    const node = ready[next] ?? 0;
    for (let at = first[node] ?? 0; at < (first[node + 1] ?? 0); at++) {
      const child = children[at] ?? 0;
      level[child] = Math.max(level[child] ?? 0, (level[node] ?? 0) + 1);
      inDegree[child] = (inDegree[child] ?? 0) - 1;
      if (inDegree[child] === 0) ready.push(child);
    }
  }
  return level;
}

/** The nodes of each level, by the mean place of their parents. */
function orderLevels({ count, edges }: GraphInput, levelOf: Int32Array): number[][] {
  const levels: number[][] = [];
  for (let node = 0; node < count; node++) {
    const level = levelOf[node] ?? 0;
    levels[level] ??= [];
    levels[level].push(node);
  }
  const parentsOf = Array.from({ length: count }, (): number[] => []);
  for (let at = 0; at < edges.length; at += 2) parentsOf[edges[at + 1] ?? 0]?.push(edges[at] ?? 0);
  const place = new Float64Array(count);
  for (const nodes of levels) {
    const middle = new Map<number, number>();
    for (const node of nodes) {
      const parents = parentsOf[node] ?? [];
      const sum = parents.reduce((total, parent) => total + (place[parent] ?? 0), 0);
      middle.set(node, parents.length === 0 ? 0.5 : sum / parents.length);
    }
    nodes.sort((one, other) => (middle.get(one) ?? 0) - (middle.get(other) ?? 0) || one - other);
    for (const [at, node] of nodes.entries()) place[node] = (at + 0.5) / nodes.length;
  }
  return levels;
}

function measureLevels(levels: readonly (readonly number[])[]): Level[] {
  const [cellWidth, cellHeight] = [NODE_WIDTH + GAP_Y, NODE_HEIGHT + GAP_Y];
  return levels.map((nodes) => {
    const isBlock = nodes.length > MAX_COLUMN;
    const rows = isBlock
      ? Math.ceil(Math.sqrt((nodes.length * cellWidth) / (cellHeight * ASPECT)))
      : nodes.length;
    const columns = Math.ceil(nodes.length / rows);
    const frame = isBlock ? 2 * BLOCK_PADDING : 0;
    return {
      nodes,
      isBlock,
      rows,
      width: columns * cellWidth - GAP_Y + frame,
      height: rows * cellHeight - GAP_Y + frame + (isBlock ? BLOCK_HEAD : 0),
      ...{ x: 0, y: 0, line: 0 },
    };
  });
}

/** Puts levels side by side, in lines where they are many. */
function placeLevels(levels: readonly Level[]): { width: number; height: number; bottoms: number[] } {
  const total = levels.reduce((sum, level) => sum + level.width + GAP_X, 0);
  const tallest = levels.reduce((most, level) => Math.max(most, level.height), 0);
  const isLong = total > MAX_STRETCH * Math.max(tallest, 8 * NODE_HEIGHT);
  const limit = isLong ? Math.sqrt(total * (tallest + LINE_GAP) * ASPECT) : total;
  const lines: Level[][] = [[]];
  let x = 0;
  for (const level of levels) {
    if (x > 0 && x + level.width > limit) {
      lines.push([]);
      x = 0;
    }
    level.x = x;
    level.line = lines.length - 1;
    lines.at(-1)?.push(level);
    x += level.width + GAP_X;
  }
  let [y, width] = [0, 0];
  const bottoms: number[] = [];
  for (const line of lines) {
    const height = line.reduce((most, level) => Math.max(most, level.height), 0);
    for (const level of line) {
      level.y = y + (height - level.height) / 2;
      width = Math.max(width, level.x + level.width);
    }
    bottoms.push(y + height);
    y += height + LINE_GAP;
  }
  return { width, height: y - LINE_GAP, bottoms };
}

function placeNodes(level: Level, x: Float32Array, y: Float32Array): void {
  const left = level.x + (level.isBlock ? BLOCK_PADDING : 0);
  const top = level.y + (level.isBlock ? BLOCK_PADDING + BLOCK_HEAD : 0);
  for (const [at, node] of level.nodes.entries()) {
    x[node] = left + Math.floor(at / level.rows) * (NODE_WIDTH + GAP_Y);
    y[node] = top + (at % level.rows) * (NODE_HEIGHT + GAP_Y);
  }
}

interface Placed {
  readonly levels: readonly Level[];
  readonly levelOf: Int32Array;
  readonly x: Float32Array;
  readonly y: Float32Array;
  /** Of the lines. */
  readonly bottoms: readonly number[];
}

/** One line for each edge; those from or to a block are drawn once for the block. */
function drawEdges({ count, edges }: GraphInput, placed: Placed): ReturnType<LineCollector['finish']> {
  const { levels, levelOf, x, y, bottoms } = placed;
  const lines = new LineCollector();
  const drawn = new Set<number>();
  for (let at = 0; at < edges.length; at += 2) {
    const [from, to] = [edges[at] ?? 0, edges[at + 1] ?? 0];
    const [source, target] = [levels[levelOf[from] ?? 0], levels[levelOf[to] ?? 0]];
    if (!source || !target) continue;
    const isBundle = source.isBlock || target.isBlock;
    if (isBundle) {
      const start = source.isBlock ? count + (levelOf[from] ?? 0) : from;
      const end = target.isBlock ? count + (levelOf[to] ?? 0) : to;
      const key = start * (count + levels.length) + end;
      if (drawn.has(key)) continue;
      drawn.add(key);
    }
    const startX = source.isBlock ? source.x + source.width : (x[from] ?? 0) + NODE_WIDTH;
    const startY = source.isBlock ? source.y + source.height / 2 : (y[from] ?? 0) + NODE_HEIGHT / 2;
    const endX = target.isBlock ? target.x : (x[to] ?? 0);
    const endY = target.isBlock ? target.y + target.height / 2 : (y[to] ?? 0) + NODE_HEIGHT / 2;
    const targetNode = isBundle ? -1 : to;
    if (source.line === target.line) {
      lines.add(targetNode, [startX, startY, endX, endY]);
      continue;
    }
    const turn = GAP_X / 3;
    const gutter = (bottoms[source.line] ?? 0) + LINE_GAP / 2;
    const way = [startX, startY, startX + turn, startY, startX + turn, gutter];
    lines.add(targetNode, [...way, endX - turn, gutter, endX - turn, endY, endX, endY]);
  }
  return lines.finish();
}
