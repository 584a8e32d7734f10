import type { LiveExecution } from '../execution/live-execution.js';
import { plainText } from '../parts/text.tsx';
import { onThemeChange } from '../theme.js';
import { type Camera, firstCamera, fitted, revealing, type Size, zoomed } from './camera.js';
import { Gestures } from './gestures.js';
import { type GraphLayout, NODE_HEIGHT, NODE_WIDTH } from './graph-layout.js';
import { type NodeFace, Painter } from './painter.js';
import { nodeAt } from './walk.js';

/** A small graph opens at no less than this scale, even where not all of it fits. */
const READABLE_SCALE = 0.6;
/** On a phone it is read from nearer, and moved by a finger. */
const PHONE_SCALE = 0.85;
const PHONE_PX = 600;
const MAX_READABLE_NODES = 150;
/** Dashes move on graphs of up to so many nodes. */
const MAX_MOVING_NODES = 500;
const DASHES_PER_SECOND = 24;

/** The picture of one graph on one canvas: its camera, and when it is painted. */
export class GraphStage {
  onPick: (index: number | undefined) => void = () => {};
  readonly #painter: Painter;
  readonly #layout: GraphLayout;
  readonly #execution: LiveExecution;
  readonly #frame: HTMLElement;
  readonly #closers: (() => void)[] = [];
  readonly #isStill = matchMedia('(prefers-reduced-motion: reduce)').matches;
  readonly #faces: NodeFace[];
  #camera: Camera = { scale: 1, x: 0, y: 0 };
  #screen: Size = { width: 0, height: 0 };
  #marked: number | undefined;
  #hasMoved = false;
  #request: number | undefined;

  constructor(canvas: HTMLCanvasElement, frame: HTMLElement, layout: GraphLayout, execution: LiveExecution) {
    this.#frame = frame;
    this.#layout = layout;
    this.#execution = execution;
    this.#painter = new Painter(canvas);
    this.#faces = execution.nodes.map(({ id, handler }) => ({
      ...{ name: id, handler: plainText(handler) },
      ...{ state: 'PENDING', attempt: 0 },
    }));
    const observer = new ResizeObserver(() => this.#measure());
    observer.observe(frame);
    const gestures = new Gestures(canvas, {
      pan: (x, y) => this.pan(x, y),
      zoom: (factor, x, y) => this.#zoomAt(factor, x, y),
      tap: (x, y) => this.onPick(this.#nodeAt(x, y)),
    });
    this.#closers.push(
      () => observer.disconnect(),
      () => gestures.close(),
      onThemeChange(() => this.#recolour()),
    );
    this.#measure();
  }

  /** Paints what has changed, and what is marked. */
  show(marked: number | undefined): void {
    this.#marked = marked;
    this.#paintSoon();
  }

  reveal(index: number): void {
    const { x, y } = this.#layout;
    const box = { x: x[index] ?? 0, y: y[index] ?? 0, width: NODE_WIDTH, height: NODE_HEIGHT };
    this.#move(revealing(this.#camera, box, this.#screen));
  }

  fit(): void {
    this.#move(fitted(this.#layout, this.#screen));
  }

  zoom(factor: number): void {
    this.#zoomAt(factor, this.#screen.width / 2, this.#screen.height / 2);
  }

  pan(x: number, y: number): void {
    const { scale, x: left, y: top } = this.#camera;
    this.#move({ scale, x: left + x, y: top + y });
  }

  close(): void {
    for (const close of this.#closers) close();
    if (this.#request !== undefined) cancelAnimationFrame(this.#request);
  }

  #zoomAt(factor: number, x: number, y: number): void {
    this.#move(zoomed(this.#camera, factor, x, y));
  }

  #move(camera: Camera): void {
    this.#camera = camera;
    this.#hasMoved = true;
    this.#paintSoon();
  }

  #nodeAt(x: number, y: number): number | undefined {
    const { scale, x: left, y: top } = this.#camera;
    return nodeAt(this.#layout, (x - left) / scale, (y - top) / scale);
  }

  /** Until somebody moves it, the picture keeps to the size of its frame. */
  #measure(): void {
    this.#screen = { width: this.#frame.clientWidth, height: this.#frame.clientHeight };
    if (!this.#hasMoved) {
      const least = this.#screen.width < PHONE_PX ? PHONE_SCALE : READABLE_SCALE;
      const readable = this.#layout.x.length <= MAX_READABLE_NODES ? least : 0;
      this.#camera = firstCamera(this.#layout, this.#screen, readable);
    }
    this.#paintSoon();
  }

  #recolour(): void {
    this.#painter.readColours();
    this.#paintSoon();
  }

  #face(index: number): NodeFace {
    const face = this.#faces[index];
    const detail = this.#execution.details[index];
    if (!face) return { state: 'PENDING', name: '', handler: '', attempt: 0 };
    if (!detail || (face.state === detail.state && face.attempt === detail.attempt)) return face;
    const changed = { ...face, state: detail.state, attempt: detail.attempt };
    this.#faces[index] = changed;
    return changed;
  }

  #paintSoon(): void {
    this.#request ??= requestAnimationFrame((timeMs) => {
      this.#request = undefined;
      this.#paint(timeMs);
    });
  }

  #paint(timeMs: number): void {
    const isMoving = this.#isMoving();
    this.#painter.paint({
      layout: this.#layout,
      face: (index) => this.#face(index),
      selected: this.#marked,
      camera: this.#camera,
      screen: this.#screen,
      phase: isMoving ? 1 + (((timeMs / 1000) * DASHES_PER_SECOND) % 14) : 0,
    });
    this.#frame.dataset.scale = this.#camera.scale.toFixed(3);
    if (isMoving) this.#paintSoon();
  }

  #isMoving(): boolean {
    if (this.#isStill || this.#layout.x.length > MAX_MOVING_NODES) return false;
    return this.#execution.details.some(({ state }) => state === 'RUNNING');
  }
}
