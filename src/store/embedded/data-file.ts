import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { MillraceError } from '../../model/errors.js';

/*
 * LMDB maps its file into memory, so a file that was cut short kills the process at the first look beyond its end. The
 * two meta pages at its start tell how long it has to be (lmdb.h, mdb.c: struct MDB_meta):
 *
 *     magic u32 · version u32 · address u64 · map size u64 · 2 × database (48 bytes, the first begins with the page
 *     size u32) · last page u64 · transaction u64
 */
const MAGIC = 0xbeefc0de;
const LAST_PAGE_AT = 24 + 2 * 48;
const META_BYTES = LAST_PAGE_AT + 16;
const SEARCH_BYTES = 64;
/** Pages that one commit takes and gives back are few. */
const MAX_UNWRITTEN_BYTES = 1 << 20;

interface Meta {
  readonly pageSize: number;
  readonly lastPage: bigint;
  readonly transaction: bigint;
}

/**
 * Bytes that are missing at the end of the file by its newest meta page; mostly 0. LMDB counts pages that a commit took at the end
 * and gave back within itself, and does not write them, so a whole store may lack its last few. Throws STORE_DAMAGED where the file is
 * no data file, or lacks more than that.
 */
export function missingBytes(path: string): number {
  const file = openSync(path, 'r');
  try {
    const { size } = fstatSync(file);
    const first = readMeta(file, 0);
    const second = first && readMeta(file, first.pageSize);
    if (!first || !second) {
      throw new MillraceError(
        'STORE_DAMAGED',
        `${path} is no data file of the store, or its beginning is overwritten; restore it from a backup`,
      );
    }
    const newest = first.transaction > second.transaction ? first : second;
    const missing = Number(newest.lastPage + 1n) * newest.pageSize - size;
    if (missing <= 0) return 0;
    if (missing > MAX_UNWRITTEN_BYTES || missing % newest.pageSize !== 0) throw cutShort(path, missing);
    return missing;
  } finally {
    closeSync(file);
  }
}

export function cutShort(path: string, missing: number): MillraceError {
  return new MillraceError(
    'STORE_DAMAGED',
    `${path} is cut short by ${missing} bytes; restore it from a backup`,
  );
}

function readMeta(file: number, offset: number): Meta | undefined {
  const bytes = Buffer.alloc(SEARCH_BYTES + META_BYTES);
  if (readSync(file, bytes, 0, bytes.length, offset) < bytes.length) return undefined;
  for (let at = 0; at < SEARCH_BYTES; at += 4) {
    if (bytes.readUInt32LE(at) !== MAGIC) continue;
    const pageSize = bytes.readUInt32LE(at + 24);
    if (pageSize < 256 || pageSize > 65536) return undefined;
    return {
      pageSize,
      lastPage: bytes.readBigUInt64LE(at + LAST_PAGE_AT),
      transaction: bytes.readBigUInt64LE(at + LAST_PAGE_AT + 8),
    };
  }
  return undefined;
}
