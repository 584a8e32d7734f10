import type { Database } from 'lmdb';
import type { Clock } from '../../model/clock.js';

/** Rows that are looked at before other work has its turn. */
const CHUNK = 512;

export interface KeyRange {
  /** Both inclusive, in the order of the keys. */
  readonly from: Buffer;
  readonly to: Buffer;
  readonly reverse: boolean;
}

/**
 * Walks the rows of a range, a chunk a turn of the event loop, each chunk as the table is then. `visit` answers false
 * to stop.
 */
export async function walk(
  table: Database<Buffer, Buffer>,
  range: KeyRange,
  clock: Clock,
  visit: (key: Buffer, value: Buffer) => boolean,
): Promise<void> {
  let last: Buffer | undefined;
  for (;;) {
    let seen = 0;
    const at = last ?? (range.reverse ? range.to : range.from);
    const options = range.reverse
      ? { start: at, end: range.from, reverse: true, inclusiveEnd: true, exclusiveStart: last !== undefined }
      : { start: at, end: range.to, inclusiveEnd: true, exclusiveStart: last !== undefined };
    for (const { key, value } of table.getRange({ ...options, limit: CHUNK })) {
      seen += 1;
      last = Buffer.from(key);
      if (!visit(last, value)) return;
    }
    if (seen < CHUNK) return;
    await new Promise<void>((resolve) => clock.soon(resolve));
  }
}

/** The range of all keys that begin with `prefix`. `width`: the length of the longest key in bytes. */
export function prefixRange(prefix: Buffer, width: number, reverse: boolean): KeyRange {
  const rest = Math.max(0, width - prefix.length);
  return {
    from: Buffer.concat([prefix, Buffer.alloc(rest, 0)]),
    to: Buffer.concat([prefix, Buffer.alloc(rest, 0xff)]),
    reverse,
  };
}
