/** Values from here on keep eight leading binary digits, which is two significant decimal ones; smaller ones are exact. */
const EXACT_BELOW = 256;
const CELLS_A_SHIFT = EXACT_BELOW / 2;
/** A day in microseconds; what is longer counts as this. */
export const LONGEST_US = 24 * 3_600 * 1_000_000;
const TWO_32 = 2 ** 32;
const CELL_COUNT = cellOf(LONGEST_US) + 1;

/** Counts by cell, those that are not zero in growing order of their cells; sum and maximum in microseconds. */
export interface CountedCells {
  readonly cells: Uint16Array;
  readonly counts: Float64Array;
  readonly count: number;
  readonly sumUs: number;
  readonly maxUs: number;
}

export const NO_CELLS: CountedCells = {
  cells: new Uint16Array(0),
  counts: new Float64Array(0),
  count: 0,
  sumUs: 0,
  maxUs: 0,
};

/**
 * Durations counted in the cells of an HdrHistogram of two significant digits (Gil Tene, http://hdrhistogram.org): exact below 256 µs,
 * then 128 cells for every doubling, so that a cell is never wider than 0.8% of what it holds.
 *
 *     us:      0 … 255 │ 256 … 511 by 2 │ 512 … 1023 by 4 │ …
 *     cell:    0 … 255 │ 256 … 383      │ 384 … 511       │ …
 *
 * hdr-histogram-js counts in the same cells, but takes 75 ns of CPU a value for it, where this takes 5 (Node 20, two million values over six
 * magnitudes), and a walk over all cells for each percentile. Several values are recorded for every node that runs.
 */
export class LatencyCells {
  readonly #counts = new Float64Array(CELL_COUNT);
  #count = 0;
  #sumUs = 0;
  #maxUs = 0;

  record(durationMs: number): void {
    const us = durationMs > 0 ? Math.min(Math.round(durationMs * 1000), LONGEST_US) : 0;
    const cell = cellOf(us);
    this.#counts[cell] = (this.#counts[cell] ?? 0) + 1;
    this.#count += 1;
    this.#sumUs += us;
    if (us > this.#maxUs) this.#maxUs = us;
  }

  add(other: CountedCells): void {
    for (let at = 0; at < other.cells.length; at += 1) {
      const cell = other.cells[at] ?? 0;
      this.#counts[cell] = (this.#counts[cell] ?? 0) + (other.counts[at] ?? 0);
    }
    this.#count += other.count;
    this.#sumUs += other.sumUs;
    if (other.maxUs > this.#maxUs) this.#maxUs = other.maxUs;
  }

  counted(): CountedCells {
    if (this.#count === 0) return NO_CELLS;
    const cells: number[] = [];
    for (let cell = 0; cell < CELL_COUNT; cell += 1) if (this.#counts[cell] !== 0) cells.push(cell);
    return {
      cells: Uint16Array.from(cells),
      counts: Float64Array.from(cells, (cell) => this.#counts[cell] ?? 0),
      count: this.#count,
      sumUs: this.#sumUs,
      maxUs: this.#maxUs,
    };
  }

  clear(): void {
    if (this.#count === 0) return;
    this.#counts.fill(0);
    this.#count = 0;
    this.#sumUs = 0;
    this.#maxUs = 0;
  }
}

function cellOf(us: number): number {
  if (us < EXACT_BELOW) return us;
  // clz32 knows 32 binary digits; the few durations of over an hour are cut down to those first.
  const cut = us < TWO_32 ? 0 : 8;
  const head = cut === 0 ? us : Math.floor(us / 2 ** cut);
  const shift = 24 - Math.clz32(head);
  return (shift + cut) * CELLS_A_SHIFT + (head >>> shift);
}

/** The least duration that a cell counts. */
export function lowestOf(cell: number): number {
  if (cell < EXACT_BELOW) return cell;
  const shift = Math.floor(cell / CELLS_A_SHIFT) - 1;
  return (cell - shift * CELLS_A_SHIFT) * 2 ** shift;
}

/** The longest duration that a cell counts. */
export function highestOf(cell: number): number {
  return lowestOf(cell + 1) - 1;
}
