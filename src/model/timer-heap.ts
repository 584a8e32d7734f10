/** A binary min-heap of things that are due at a time. No entry is removed alone before its time: whoever pops one checks
 * whether it still means anything, so that calling a timer off costs nothing; `retain` clears away what was called off. */
export class TimerHeap<T> {
  readonly #dueAt: number[] = [];
  readonly #items: T[] = [];

  get size(): number {
    return this.#items.length;
  }

  /** When the earliest entry is due; undefined: the heap is empty. */
  nextDueAt(): number | undefined {
    return this.#dueAt[0];
  }

  push(dueAt: number, item: T): void {
    let index = this.#items.length;
    this.#dueAt.push(dueAt);
    this.#items.push(item);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if ((this.#dueAt[parent] as number) <= dueAt) break;
      this.#move(parent, index);
      index = parent;
    }
    this.#place(index, dueAt, item);
  }

  /** The earliest entry that is due at `now`, taken out; undefined: none is. */
  popDue(now: number): T | undefined {
    const first = this.#dueAt[0];
    if (first === undefined || first > now) return undefined;
    const top = this.#items[0] as T;
    const lastDue = this.#dueAt.pop() as number;
    const lastItem = this.#items.pop() as T;
    if (this.#items.length > 0) this.#sink(lastDue, lastItem);
    return top;
  }

  /** Drops the entries that `isWanted` answers false to. Cost: one look at each entry. */
  retain(isWanted: (item: T) => boolean): void {
    let kept = 0;
    for (const [index, item] of this.#items.entries()) {
      if (!isWanted(item)) continue;
      this.#move(index, kept);
      kept += 1;
    }
    this.#dueAt.length = kept;
    this.#items.length = kept;
    for (let index = (kept >> 1) - 1; index >= 0; index--) {
      this.#sink(this.#dueAt[index] as number, this.#items[index] as T, index);
    }
  }

  #sink(dueAt: number, item: T, from = 0): void {
    const size = this.#items.length;
    let index = from;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= size) break;
      if (child + 1 < size && (this.#dueAt[child + 1] as number) < (this.#dueAt[child] as number)) child += 1;
      if ((this.#dueAt[child] as number) >= dueAt) break;
      this.#move(child, index);
      index = child;
    }
    this.#place(index, dueAt, item);
  }

  #move(from: number, to: number): void {
    this.#place(to, this.#dueAt[from] as number, this.#items[from] as T);
  }

  #place(index: number, dueAt: number, item: T): void {
    this.#dueAt[index] = dueAt;
    this.#items[index] = item;
  }
}
