/** What is to be laid out: nodes by number, and edges as pairs of numbers, parent then child. */
export interface GraphInput {
  readonly count: number;
  readonly edges: Int32Array;
}

/** Lines to draw: each a run of points in `points`, x and y in turn, from `offsets[i]` to `offsets[i + 1]`. */
export interface EdgeLines {
  readonly points: Float32Array;
  readonly offsets: Int32Array;
  /** The child of each; -1: a bundle of several. */
  readonly targets: Int32Array;
}

/** Many nodes of one level, drawn as a grid of which the bundles of edges lead to the frame. */
export interface Block {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly nodes: Int32Array;
}

/** Places of nodes by their upper left corners, in the units of the picture. */
export interface GraphLayout {
  readonly x: Float32Array;
  readonly y: Float32Array;
  readonly width: number;
  readonly height: number;
  readonly lines: EdgeLines;
  readonly blocks: readonly Block[];
}

export const NODE_WIDTH = 188;
export const NODE_HEIGHT = 48;
export const GAP_X = 64;
export const GAP_Y = 16;

/** Collects lines while a layout is made. */
export class LineCollector {
  readonly #points: number[] = [];
  readonly #offsets: number[] = [0];
  readonly #targets: number[] = [];

  add(target: number, points: readonly number[]): void {
    for (const value of points) this.#points.push(value);
    this.#offsets.push(this.#points.length);
    this.#targets.push(target);
  }

  finish(): EdgeLines {
    return {
      points: Float32Array.from(this.#points),
      offsets: Int32Array.from(this.#offsets),
      targets: Int32Array.from(this.#targets),
    };
  }
}
