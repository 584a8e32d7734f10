import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ClientBase } from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { uuidToBytes } from '../../model/ids.js';

/** A value of a row, in the binary form of its column; undefined: NULL. */
export type CopyValue = Buffer | undefined;

/** https://www.postgresql.org/docs/current/sql-copy.html, "Binary Format" */
const SIGNATURE = Buffer.concat([Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1'), Buffer.alloc(8)]);
const TRAILER = Buffer.from([0xff, 0xff]);

export const copied = {
  uuid: (text: string): Buffer => uuidToBytes(text),
  text: (text: string): Buffer => Buffer.from(text),
  smallint(value: number): Buffer {
    const bytes = Buffer.allocUnsafe(2);
    bytes.writeInt16BE(value);
    return bytes;
  },
  bigint(value: number | undefined): CopyValue {
    if (value === undefined) return undefined;
    const bytes = Buffer.allocUnsafe(8);
    bytes.writeBigInt64BE(BigInt(Math.floor(value)));
    return bytes;
  },
  boolean: (value: boolean): Buffer => Buffer.of(value ? 1 : 0),
};

/** Streams rows into a table. `target`: table and columns. */
export async function copyRows(
  client: ClientBase,
  target: string,
  rows: readonly (readonly CopyValue[])[],
): Promise<void> {
  const stream = client.query(copyFrom(`COPY ${target} FROM STDIN BINARY`));
  await pipeline(Readable.from(chunks(rows)), stream);
}

const CHUNK_BYTES = 64 << 10;

function* chunks(rows: readonly (readonly CopyValue[])[]): Generator<Buffer> {
  let parts: Buffer[] = [SIGNATURE];
  let bytes = 0;
  for (const row of rows) {
    const head = Buffer.allocUnsafe(2);
    head.writeInt16BE(row.length);
    parts.push(head);
    for (const value of row) {
      const length = Buffer.allocUnsafe(4);
      length.writeInt32BE(value === undefined ? -1 : value.length);
      parts.push(length);
      if (value !== undefined) parts.push(value);
      bytes += 4 + (value?.length ?? 0);
    }
    if (bytes < CHUNK_BYTES) continue;
    yield Buffer.concat(parts);
    parts = [];
    bytes = 0;
  }
  parts.push(TRAILER);
  yield Buffer.concat(parts);
}
