import { Packr } from 'msgpackr';

const HEAD_LENGTH_BYTES = 4;
const codec = new Packr({ useRecords: false });

/**
 * One message between threads:
 *
 *   head length (u32, little endian) | head (MessagePack) | payload | payload | …
 *
 * The head is small and says how long each payload is. Payloads are opaque and are copied once, into the frame; its
 * buffer is the frame's own, so that it can be transferred, and the reader gets views of it.
 */
export function joinFrame(head: readonly unknown[], payloads: readonly Uint8Array[]): Buffer<ArrayBuffer> {
  const packed = codec.pack(head);
  let length = HEAD_LENGTH_BYTES + packed.length;
  for (const payload of payloads) length += payload.length;
  const frame = Buffer.allocUnsafeSlow(length);
  frame.writeUInt32LE(packed.length, 0);
  frame.set(packed, HEAD_LENGTH_BYTES);
  let offset = HEAD_LENGTH_BYTES + packed.length;
  for (const payload of payloads) {
    frame.set(payload, offset);
    offset += payload.length;
  }
  return frame;
}

export interface OpenedFrame {
  readonly head: unknown;
  readonly payloads: PayloadReader;
}

export function openFrame(frame: Uint8Array): OpenedFrame {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  const headEnd = HEAD_LENGTH_BYTES + view.getUint32(0, true);
  return {
    head: codec.unpack(frame.subarray(HEAD_LENGTH_BYTES, headEnd)),
    payloads: new PayloadReader(frame, headEnd),
  };
}

/** Hands out a frame's payloads in the order in which they were joined. */
export class PayloadReader {
  readonly #frame: Uint8Array;
  #offset: number;

  constructor(frame: Uint8Array, offset: number) {
    this.#frame = frame;
    this.#offset = offset;
  }

  next(length: number): Uint8Array {
    const start = this.#offset;
    this.#offset = start + length;
    return this.#frame.subarray(start, this.#offset);
  }
}
