/** A workflow's id: UUID version 8 (RFC 9562) made from the SHA-256 of its canonical content. */
export type WorkflowId = string & { readonly __brand: 'WorkflowId' };
/** An execution's id: UUID version 7 (RFC 9562), so that id order is creation order. */
export type ExecutionId = string & { readonly __brand: 'ExecutionId' };
/** One Millrace process, for as long as it lives. */
export type HostId = string & { readonly __brand: 'HostId' };

/** A UUID in upper or lower case, for JSON Schema. */
export const UUID_PATTERN = '^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$';
const UUID = new RegExp(UUID_PATTERN);

/** The id in its canonical lower-case spelling, or undefined where the text is no UUID. */
export function parseExecutionId(text: string): ExecutionId | undefined {
  const lower = text.toLowerCase();
  return UUID.test(lower) ? (lower as ExecutionId) : undefined;
}

/** The id in its canonical lower-case spelling, or undefined where the text is no UUID. */
export function parseWorkflowId(text: string): WorkflowId | undefined {
  const lower = text.toLowerCase();
  return UUID.test(lower) ? (lower as WorkflowId) : undefined;
}

/** `digest`: at least 16 bytes of SHA-256. */
export function workflowIdFromDigest(digest: Uint8Array): WorkflowId {
  const bytes = Buffer.from(digest.subarray(0, 16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return uuidFromBytes(bytes) as WorkflowId;
}

export function uuidFromBytes(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes.buffer, bytes.byteOffset, 16).toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** The 16 bytes of a UUID in canonical spelling. */
export function uuidToBytes(uuid: string): Buffer {
  return Buffer.from(uuid.replaceAll('-', ''), 'hex');
}

/** Milliseconds since the epoch that a version 7 id carries. */
export function timeOfExecutionId(id: ExecutionId): number {
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
}

export interface ExecutionIdSource {
  next(partition: number): ExecutionId;
}

/**
 * Ids that grow within one process: 48 bits of milliseconds, a 12-bit counter (RFC 9562, method 1) that borrows from
 * the next millisecond when it overflows, then 16 bits of partition (8 of them above the variant's low bits) and
 * 46 random bits.
 */
export function createExecutionIdSource(
  nowMs: () => number,
  randomBytes: (count: number) => Uint8Array,
): ExecutionIdSource {
  const bytes = Buffer.alloc(16);
  let lastMs = 0;
  let counter = 0;
  return {
    next(partition) {
      const now = nowMs();
      if (now > lastMs) {
        lastMs = now;
        counter = 0;
      } else if (++counter > 0xfff) {
        lastMs += 1;
        counter = 0;
      }
      bytes.writeUIntBE(lastMs, 0, 6);
      bytes.writeUInt16BE(0x7000 | counter, 6);
      bytes.set(randomBytes(8), 8);
      bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
      bytes.writeUInt16BE(partition, 9);
      return uuidFromBytes(bytes) as ExecutionId;
    },
  };
}

/** The partition that an execution id carries. */
export function partitionOf(id: ExecutionId): number {
  return Number.parseInt(id.slice(21, 23) + id.slice(24, 26), 16);
}
