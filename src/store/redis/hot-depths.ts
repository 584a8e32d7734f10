import { MillraceError } from '../../model/errors.js';

/** Share of the bound from which on what the record has leaves at once, without its grace. */
const PRESSED = 0.5;

/** How much the partitions hold: as the last sweep found it, and what this host has added since. */
export class HotDepths {
  readonly #options: { readonly maxBytes: number; readonly isShortOfMemory: () => boolean };
  readonly #depths: { readonly unfinished: number; readonly bytes: number }[];

  constructor(
    partitions: number,
    options: { readonly maxBytes: number; readonly isShortOfMemory: () => boolean },
  ) {
    this.#options = options;
    this.#depths = Array.from({ length: partitions }, () => ({ unfinished: 0, bytes: 0 }));
  }

  /** Executions that have not ended. */
  get unfinished(): number {
    let sum = 0;
    for (const depth of this.#depths) sum += depth.unfinished;
    return sum;
  }

  found(partition: number, depth: { readonly unfinished: number; readonly bytes: number }): void {
    this.#depths[partition] = depth;
  }

  accepted(partition: number, executions: number): void {
    const depth = this.#depths[partition];
    if (depth) this.#depths[partition] = { ...depth, unfinished: depth.unfinished + executions };
  }

  /** Whether there is so much that room must be made. */
  get isPressed(): boolean {
    return this.#bytes() >= this.#options.maxBytes * PRESSED || this.#options.isShortOfMemory();
  }

  #bytes(): number {
    let bytes = 0;
    for (const depth of this.#depths) bytes += depth.bytes;
    return bytes;
  }

  /** Throws OVERLOADED where the hot store has no room for another submission. */
  refuseWhenFull(): void {
    const { maxBytes, isShortOfMemory } = this.#options;
    const bytes = this.#bytes();
    if (bytes < maxBytes && !isShortOfMemory()) return;
    const message =
      bytes >= maxBytes
        ? `The hot store holds ${bytes} bytes that have not left it (OUTBOX_MAX_BYTES). Try again once the record has taken some.`
        : 'Redis is short of memory. Try again later, or raise its maxmemory.';
    throw new MillraceError('OVERLOADED', message, { retryAfterSeconds: 5 });
  }
}
