import { Packr } from 'msgpackr';
import type { NodeError } from '../../model/errors.js';
import type { ExecutionSnapshot } from '../../model/snapshot.js';

/** First byte of a record: how the rest is written. 1: msgpack of an ExecutionSnapshot. */
const FORMAT = 1;
const packr = new Packr({ useRecords: false });

export function encodeRecord(snapshot: ExecutionSnapshot): Buffer {
  return Buffer.concat([Buffer.of(FORMAT), packr.pack(snapshot)]);
}

export function decodeRecord(bytes: Buffer): ExecutionSnapshot {
  if (bytes[0] !== FORMAT) throw new Error(`a record of format ${bytes[0]} cannot be read by this version`);
  return packr.unpack(bytes.subarray(1)) as ExecutionSnapshot;
}

export function encodeError(error: NodeError | undefined): Buffer | undefined {
  return error && Buffer.from(JSON.stringify(error));
}

export function decodeError(bytes: Buffer | null): NodeError | undefined {
  return bytes ? (JSON.parse(String(bytes)) as NodeError) : undefined;
}

/** PostgreSQL's text has no U+0000. */
export function escapeText(text: string): string {
  return text.includes('\\') || text.includes('\0')
    ? text.replaceAll('\\', '\\\\').replaceAll('\0', '\\0')
    : text;
}

export function unescapeText(text: string): string {
  return text.includes('\\')
    ? text.replace(/\\(.)/g, (_match, letter: string) => (letter === '0' ? '\0' : letter))
    : text;
}
