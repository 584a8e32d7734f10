import { monotonicMs } from './frames/thread-clock.js';

/** Something to be looked at when a time has come. Both fields belong to the watchdog. */
export interface Watched {
  /** `monotonicMs` */
  dueAt: number;
  /** -1: not watched. */
  watchIndex: number;
}

/**
 * One timer for all that is watched: a binary heap in which each item knows its place, so that an item is taken out as
 * soon as it is settled and the heap holds no more than what is under way. The timer is armed while something is
 * watched, for the earliest time or an earlier one, and is not moved when that item goes: rearming for each task costs
 * more than a needless wake-up now and then.
 */
export class Watchdog<T extends Watched> {
  readonly #onDue: (item: T, nowMs: number) => void;
  readonly #heap: T[] = [];
  #timer: NodeJS.Timeout | undefined;
  #armedFor = Number.POSITIVE_INFINITY;

  constructor(onDue: (item: T, nowMs: number) => void) {
    this.#onDue = onDue;
  }

  get size(): number {
    return this.#heap.length;
  }

  /** Watches the item, or moves it to another time. */
  set(item: T, dueAt: number): void {
    item.dueAt = dueAt;
    if (item.watchIndex === -1) {
      item.watchIndex = this.#heap.length;
      this.#heap.push(item);
    }
    this.#settle(item);
    this.#arm();
  }

  clear(item: T): void {
    const index = item.watchIndex;
    if (index === -1) return;
    item.watchIndex = -1;
    const last = this.#heap.pop();
    if (last === undefined || last === item) return;
    this.#place(last, index);
    this.#settle(last);
  }

  close(): void {
    clearTimeout(this.#timer);
    for (const item of this.#heap) item.watchIndex = -1;
    this.#heap.length = 0;
  }

  #arm(): void {
    const first = this.#heap[0];
    if (first === undefined || first.dueAt >= this.#armedFor) return;
    clearTimeout(this.#timer);
    this.#armedFor = first.dueAt;
    const delayMs = Math.max(0, Math.ceil(first.dueAt - monotonicMs()));
    this.#timer = setTimeout(() => this.#wake(), Math.min(delayMs, LONGEST_TIMER_MS));
    this.#timer.unref();
  }

  #wake(): void {
    this.#armedFor = Number.POSITIVE_INFINITY;
    const now = monotonicMs();
    for (;;) {
      const first = this.#heap[0];
      if (first === undefined || first.dueAt > now) break;
      this.clear(first);
      this.#onDue(first, now);
    }
    this.#arm();
  }

  /** Moves the item up or down to where its time belongs. */
  #settle(item: T): void {
    while (item.watchIndex > 0) {
      const parent = this.#heap[(item.watchIndex - 1) >> 1];
      if (parent === undefined || parent.dueAt <= item.dueAt) break;
      this.#swap(item, parent);
    }
    for (;;) {
      const child = this.#earlierChild(item.watchIndex);
      if (child === undefined || child.dueAt >= item.dueAt) return;
      this.#swap(item, child);
    }
  }

  #earlierChild(index: number): T | undefined {
    const left = this.#heap[2 * index + 1];
    const right = this.#heap[2 * index + 2];
    return right !== undefined && left !== undefined && right.dueAt < left.dueAt ? right : left;
  }

  #swap(a: T, b: T): void {
    const index = a.watchIndex;
    this.#place(a, b.watchIndex);
    this.#place(b, index);
  }

  #place(item: T, index: number): void {
    this.#heap[index] = item;
    item.watchIndex = index;
  }
}

/** setTimeout fires at once for anything longer. */
const LONGEST_TIMER_MS = 0x7fffffff;
