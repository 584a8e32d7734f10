/**
 * Arrays in PostgreSQL's binary form, which a parameter takes as it is: no text is made of numbers and bytes, and none is parsed by
 * the server (src/backend/utils/adt/arrayfuncs.c, array_recv).
 */
const HEADER_BYTES = 20;
const OID = { bytea: 17, bigint: 20, smallint: 21, int: 23, text: 25, uuid: 2950 } as const;
const NULL_LENGTH = -1;
const TWO_TO_32 = 2 ** 32;

export const arrayOf = {
  /** UUIDs in canonical spelling. */
  uuid(values: readonly string[]): Buffer {
    const bytes = fixedArray(OID.uuid, 16, values.length);
    let at = HEADER_BYTES;
    for (const value of values) {
      bytes.write(value.replaceAll('-', ''), at + 4, 'hex');
      at += 20;
    }
    return bytes;
  },
  smallint(values: readonly number[]): Buffer {
    const bytes = fixedArray(OID.smallint, 2, values.length);
    for (const [index, value] of values.entries()) bytes.writeInt16BE(value, HEADER_BYTES + 4 + index * 6);
    return bytes;
  },
  int(values: readonly number[]): Buffer {
    const bytes = fixedArray(OID.int, 4, values.length);
    for (const [index, value] of values.entries()) bytes.writeInt32BE(value, HEADER_BYTES + 4 + index * 8);
    return bytes;
  },
  /** Whole numbers; what is not whole is rounded down. */
  bigint(values: readonly (number | undefined)[]): Buffer {
    const present = values.filter((value) => value !== undefined).length;
    const bytes = head(OID.bigint, values.length, values.length * 4 + present * 8);
    let at = HEADER_BYTES;
    for (const value of values) {
      at = bytes.writeInt32BE(value === undefined ? NULL_LENGTH : 8, at);
      if (value === undefined) continue;
      const whole = Math.floor(value);
      at = bytes.writeInt32BE(Math.floor(whole / TWO_TO_32), at);
      at = bytes.writeUInt32BE(whole - Math.floor(whole / TWO_TO_32) * TWO_TO_32, at);
    }
    return bytes;
  },
  text: (values: readonly string[]): Buffer =>
    variableArray(
      OID.text,
      values.map((value) => Buffer.from(value)),
    ),
  bytea: (values: readonly (Buffer | undefined)[]): Buffer => variableArray(OID.bytea, values),
};

function head(oid: number, count: number, bodyBytes: number): Buffer {
  const bytes = Buffer.allocUnsafe(HEADER_BYTES + bodyBytes);
  // Dimensions, whether there may be a NULL, type, count, first index.
  bytes.writeInt32BE(1, 0);
  bytes.writeInt32BE(1, 4);
  bytes.writeInt32BE(oid, 8);
  bytes.writeInt32BE(count, 12);
  bytes.writeInt32BE(1, 16);
  return bytes;
}

/** Without the values, all of `size` bytes. */
function fixedArray(oid: number, size: number, count: number): Buffer {
  const bytes = head(oid, count, count * (4 + size));
  for (let at = HEADER_BYTES; at < bytes.length; at += 4 + size) bytes.writeInt32BE(size, at);
  return bytes;
}

function variableArray(oid: number, values: readonly (Buffer | undefined)[]): Buffer {
  let bodyBytes = 0;
  for (const value of values) bodyBytes += 4 + (value?.length ?? 0);
  const bytes = head(oid, values.length, bodyBytes);
  let at = HEADER_BYTES;
  for (const value of values) {
    at = bytes.writeInt32BE(value === undefined ? NULL_LENGTH : value.length, at);
    if (value) at += value.copy(bytes, at);
  }
  return bytes;
}
