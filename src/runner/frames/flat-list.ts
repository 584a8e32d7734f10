/**
 * Reads a list in which records of several fields follow each other without nesting; a list for each record would cost
 * an allocation on either side. The frames of both sides are made by this program, so a wrong type is a fault of it.
 */
export class FlatList {
  readonly #items: readonly unknown[];
  #next = 0;

  constructor(items: unknown) {
    this.#items = items as readonly unknown[];
  }

  get done(): boolean {
    return this.#next >= this.#items.length;
  }

  number(): number {
    return this.#items[this.#next++] as number;
  }

  text(): string {
    return this.#items[this.#next++] as string;
  }
}
