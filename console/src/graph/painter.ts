import { NODE_STATES, type NodeState } from '../api/types.js';
import { stateShape } from '../parts/status.tsx';
import { resolveColours } from '../theme.js';
import { type Camera, type Size, seenBox } from './camera.js';
import { type Block, type GraphLayout, NODE_HEIGHT, NODE_WIDTH } from './graph-layout.js';

/** What stands in a node's card. */
export interface NodeFace {
  readonly state: NodeState;
  readonly name: string;
  readonly handler: string;
  readonly attempt: number;
}

export interface Scene {
  readonly layout: GraphLayout;
  readonly face: (index: number) => NodeFace;
  readonly selected: number | undefined;
  readonly camera: Camera;
  readonly screen: Size;
  /** Moves the dashes on edges to running nodes; 0: they stand still. */
  readonly phase: number;
}

/** Below this scale nodes are plain fields of colour, below that one their handlers are left out. */
const CARD_SCALE = 0.3;
const DETAIL_SCALE = 0.6;
const FAR_SCALE = 0.12;
const ICON_BOX = 16;
const FONT = 'ui-sans-serif, system-ui, sans-serif';
const COLOUR_NAMES = [
  ...['card', 'ink', 'muted', 'line', 'edge', 'edge-done', 'accent', 'sunken'],
  ...NODE_STATES.map((state) => `state-${state.toLowerCase()}`),
];
const DONE: ReadonlySet<NodeState> = new Set(['COMPLETED', 'SKIPPED']);

/** Paints a graph on a canvas: only what is seen, and no more of it than its scale lets one read. */
export class Painter {
  readonly #canvas: HTMLCanvasElement;
  readonly #context: CanvasRenderingContext2D;
  readonly #shapes = new Map<NodeState, Path2D>();
  readonly #cut = new Map<string, string>();
  #colours: ReadonlyMap<string, string> = new Map();

  constructor(canvas: HTMLCanvasElement) {
    const context = canvas.getContext('2d');
    if (!context) throw new Error('This browser paints no canvas');
    this.#canvas = canvas;
    this.#context = context;
    for (const state of NODE_STATES) this.#shapes.set(state, new Path2D(stateShape(state)));
    this.readColours();
  }

  readColours(): void {
    const host = this.#canvas.parentElement ?? document.body;
    this.#colours = resolveColours(host, COLOUR_NAMES);
  }

  paint(scene: Scene): void {
    const { camera, screen } = scene;
    const ratio = devicePixelRatio || 1;
    const [width, height] = [Math.round(screen.width * ratio), Math.round(screen.height * ratio)];
    if (this.#canvas.width !== width || this.#canvas.height !== height) {
      this.#canvas.width = width;
      this.#canvas.height = height;
    }
    const context = this.#context;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, screen.width, screen.height);
    context.translate(camera.x, camera.y);
    context.scale(camera.scale, camera.scale);
    this.#paintBlocks(scene);
    this.#paintEdges(scene);
    this.#paintNodes(scene);
  }

  #colour(name: string): string {
    return this.#colours.get(name) ?? '#888';
  }

  #stateColour(state: NodeState): string {
    return this.#colour(`state-${state.toLowerCase()}`);
  }

  #paintBlocks(scene: Scene): void {
    const context = this.#context;
    const { scale } = scene.camera;
    for (const block of scene.layout.blocks) {
      context.beginPath();
      context.roundRect(block.x, block.y, block.width, block.height, 16);
      context.fillStyle = this.#colour('sunken');
      context.fill();
      context.strokeStyle = this.#colour('line');
      context.lineWidth = 1 / scale;
      context.stroke();
      // In pixels of the screen, so that it can be read at any scale; where it fits.
      const size = Math.min(15 / scale, block.width / 10);
      context.fillStyle = this.#colour('muted');
      context.font = `600 ${size}px ${FONT}`;
      context.textBaseline = 'bottom';
      context.fillText(blockWords(block, scene), block.x, block.y - 6 / scale);
    }
  }

  #paintEdges({ layout, face, selected, camera, screen, phase }: Scene): void {
    const context = this.#context;
    const { points, offsets, targets } = layout.lines;
    const seen = seenBox(camera, screen);
    const width = Math.max(1.4, 0.5 / camera.scale);
    const groups: [number[], number[], number[], number[]] = [[], [], [], []];
    for (let line = 0; line < targets.length; line++) {
      const [from, to] = [offsets[line] ?? 0, offsets[line + 1] ?? 0];
      // Far off, the ways from one line to the next would cover the nodes.
      if (camera.scale < FAR_SCALE && to - from > 4) continue;
      if (!isSeen(points, from, to, seen)) continue;
      const target = targets[line] ?? -1;
      const state = target < 0 ? 'PENDING' : face(target).state;
      const isSelected = target >= 0 && target === selected;
      const group = isSelected ? 3 : state === 'RUNNING' ? 2 : DONE.has(state) ? 1 : 0;
      groups[group].push(line);
    }
    for (const [group, lines] of groups.entries()) {
      context.beginPath();
      for (const line of lines) tracePath(context, points, offsets[line] ?? 0, offsets[line + 1] ?? 0);
      context.strokeStyle = this.#colour(['edge', 'edge-done', 'state-running', 'accent'][group] ?? 'edge');
      context.lineWidth = group >= 2 ? width * 1.4 : width;
      context.setLineDash(group === 2 && phase > 0 ? [8, 6] : []);
      context.lineDashOffset = -phase;
      context.stroke();
    }
    context.setLineDash([]);
  }

  #paintNodes(scene: Scene): void {
    const { layout, face, camera, screen, selected } = scene;
    const seen = seenBox(camera, screen);
    const byState = new Map<NodeState, number[]>();
    for (let index = 0; index < layout.x.length; index++) {
      const [x, y] = [layout.x[index] ?? 0, layout.y[index] ?? 0];
      if (x > seen.x + seen.width || x + NODE_WIDTH < seen.x) continue;
      if (y > seen.y + seen.height || y + NODE_HEIGHT < seen.y) continue;
      const { state } = face(index);
      const same = byState.get(state);
      if (same) same.push(index);
      else byState.set(state, [index]);
    }
    for (const [state, indices] of byState) {
      if (camera.scale < CARD_SCALE) this.#paintFields(state, indices, layout);
      else for (const index of indices) this.#paintCard(index, face(index), scene);
    }
    if (selected !== undefined) this.#paintSelection(selected, scene);
  }

  #paintFields(state: NodeState, indices: readonly number[], { x, y }: GraphLayout): void {
    const context = this.#context;
    context.beginPath();
    for (const index of indices) context.rect(x[index] ?? 0, y[index] ?? 0, NODE_WIDTH, NODE_HEIGHT);
    context.fillStyle = this.#stateColour(state);
    context.fill();
  }

  #paintCard(index: number, { state, name, handler, attempt }: NodeFace, { layout, camera }: Scene): void {
    const context = this.#context;
    const [x, y] = [layout.x[index] ?? 0, layout.y[index] ?? 0];
    const colour = this.#stateColour(state);
    context.beginPath();
    context.roundRect(x, y, NODE_WIDTH, NODE_HEIGHT, 10);
    context.fillStyle = this.#colour('card');
    context.fill();
    context.strokeStyle = state === 'PENDING' ? this.#colour('line') : colour;
    context.lineWidth = state === 'PENDING' ? 1.2 : 1.6;
    context.stroke();
    this.#paintIcon(state, x + 14, y + NODE_HEIGHT / 2 - 11, colour);
    const isDetailed = camera.scale >= DETAIL_SCALE;
    context.textBaseline = 'middle';
    context.fillStyle = this.#colour('ink');
    context.font = `600 13px ${FONT}`;
    context.fillText(this.#fitting(name, 122, 'name'), x + 48, y + (isDetailed ? 17 : NODE_HEIGHT / 2));
    if (!isDetailed) return;
    context.fillStyle = this.#colour('muted');
    context.font = `11px ${FONT}`;
    const text = attempt > 1 ? `${handler} · attempt ${attempt}` : handler;
    context.fillText(this.#fitting(text, 128, 'handler'), x + 48, y + 33);
  }

  /** In a disc of its colour, so that it stands out also to who does not see colours. */
  #paintIcon(state: NodeState, x: number, y: number, colour: string): void {
    const shape = this.#shapes.get(state);
    if (!shape) return;
    const context = this.#context;
    context.save();
    context.globalAlpha = 0.16;
    context.fillStyle = colour;
    context.beginPath();
    context.arc(x + 11, y + 11, 13, 0, 2 * Math.PI);
    context.fill();
    context.globalAlpha = 1;
    context.translate(x + 2, y + 2);
    context.scale(18 / ICON_BOX, 18 / ICON_BOX);
    context.strokeStyle = colour;
    context.lineWidth = 1.9;
    context.lineCap = 'round';
    context.lineJoin = 'round';
    context.stroke(shape);
    context.restore();
  }

  #paintSelection(index: number, { layout, camera }: Scene): void {
    const context = this.#context;
    const gap = Math.max(4, 2 / camera.scale);
    const [x, y] = [(layout.x[index] ?? 0) - gap, (layout.y[index] ?? 0) - gap];
    context.beginPath();
    context.roundRect(x, y, NODE_WIDTH + 2 * gap, NODE_HEIGHT + 2 * gap, 13);
    context.strokeStyle = this.#colour('accent');
    context.lineWidth = Math.max(2.5, 2 / camera.scale);
    context.stroke();
  }

  /** The text, cut to the width in the font that is set; measured once. */
  #fitting(text: string, width: number, kind: string): string {
    const key = `${kind} ${text}`;
    const known = this.#cut.get(key);
    if (known !== undefined) return known;
    let cut = text;
    if (this.#context.measureText(text).width > width) {
      let [least, most] = [0, Math.min(text.length, 64)];
      while (least < most) {
        const middle = Math.ceil((least + most) / 2);
        if (this.#context.measureText(`${text.slice(0, middle)}…`).width <= width) least = middle;
        else most = middle - 1;
      }
      cut = `${text.slice(0, least)}…`;
    }
    this.#cut.set(key, cut);
    return cut;
  }
}

function blockWords(block: Block, { face }: Scene): string {
  let [done, failed, running] = [0, 0, 0];
  for (const index of block.nodes) {
    const { state } = face(index);
    if (DONE.has(state)) done += 1;
    else if (state === 'FAILED') failed += 1;
    else if (state === 'RUNNING') running += 1;
  }
  const parts = [`${block.nodes.length.toLocaleString()} nodes`, `${done.toLocaleString()} done`];
  if (running > 0) parts.push(`${running.toLocaleString()} running`);
  if (failed > 0) parts.push(`${failed.toLocaleString()} failed`);
  return parts.join(' · ');
}

type SeenBox = ReturnType<typeof seenBox>;

function isSeen(points: Float32Array, from: number, to: number, seen: SeenBox): boolean {
  let [left, right, top, bottom] = [Infinity, -Infinity, Infinity, -Infinity];
  for (let at = from; at < to; at += 2) {
    const [x, y] = [points[at] ?? 0, points[at + 1] ?? 0];
    if (x < left) left = x;
    if (x > right) right = x;
    if (y < top) top = y;
    if (y > bottom) bottom = y;
  }
  return left <= seen.x + seen.width && right >= seen.x && top <= seen.y + seen.height && bottom >= seen.y;
}

/** Two points: a curve that leaves and arrives level. More: a smooth line by them. */
function tracePath(context: CanvasRenderingContext2D, points: Float32Array, from: number, to: number): void {
  const at = (index: number) => points[index] ?? 0;
  context.moveTo(at(from), at(from + 1));
  if (to - from === 4) {
    const bend = Math.max(24, (at(from + 2) - at(from)) / 2);
    const [endX, endY] = [at(from + 2), at(from + 3)];
    context.bezierCurveTo(at(from) + bend, at(from + 1), endX - bend, endY, endX, endY);
    return;
  }
  for (let next = from + 2; next + 2 < to; next += 2) {
    const isLast = next + 4 >= to;
    const endX = isLast ? at(next + 2) : (at(next) + at(next + 2)) / 2;
    const endY = isLast ? at(next + 3) : (at(next + 1) + at(next + 3)) / 2;
    context.quadraticCurveTo(at(next), at(next + 1), endX, endY);
  }
}
