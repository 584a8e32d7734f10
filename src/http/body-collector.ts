import { MAX_DROPPED_BYTES } from './protocol-limits.js';

const EMPTY = Buffer.alloc(0);

/**
 * One request's body as it arrives: kept up to the limit, dropped beyond it, given up where dropping goes on too long.
 */
export class BodyCollector {
  readonly #maxBytes: number;
  #chunks: Buffer[] = [];
  #receivedBytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Takes a chunk, which it keeps: the caller hands over bytes that nobody changes. */
  add(chunk: Buffer): void {
    this.#receivedBytes += chunk.length;
    if (this.isTooLarge) this.#chunks = [];
    else if (chunk.length > 0) this.#chunks.push(chunk);
  }

  get isTooLarge(): boolean {
    return this.#receivedBytes > this.#maxBytes;
  }

  /** Whether so much was dropped that the connection is to be closed. */
  get isHopeless(): boolean {
    return isHopeless(this.#receivedBytes, this.#maxBytes);
  }

  body(): Buffer {
    const [first] = this.#chunks;
    if (first === undefined) return EMPTY;
    return this.#chunks.length === 1 ? first : Buffer.concat(this.#chunks);
  }
}

/** Whether a body of this length need not be waited for: dropping it would cost more than a closed connection. */
export function isHopeless(bytes: number, maxBytes: number): boolean {
  return bytes > maxBytes + MAX_DROPPED_BYTES;
}
