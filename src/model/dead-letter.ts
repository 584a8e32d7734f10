import { type ExecutionId, uuidFromBytes, uuidToBytes } from './ids.js';
import type { Plan } from './plan.js';
import { configResolver } from './resolved-config.js';
import type { DeadLetter, ExecutionSnapshot } from './snapshot.js';

/** Bytes of a key: 6 of the time of failure in milliseconds, 16 of the execution, 4 of the node; big-endian. */
export const DEAD_LETTER_KEY_BYTES = 26;

export interface DeadLetterKey {
  readonly failedAt: number;
  readonly executionId: ExecutionId;
  readonly node: number;
}

/** Keys sort by time of failure. */
export function encodeDeadLetterKey(key: DeadLetterKey): Buffer {
  const bytes = Buffer.allocUnsafe(DEAD_LETTER_KEY_BYTES);
  bytes.writeUIntBE(Math.floor(key.failedAt), 0, 6);
  bytes.set(uuidToBytes(key.executionId), 6);
  bytes.writeUInt32BE(key.node, 22);
  return bytes;
}

/** No key of that instant, in milliseconds since the epoch, or of a later one is less. */
export function leastDeadLetterKeyAt(instant: number): Buffer {
  const bytes = Buffer.alloc(DEAD_LETTER_KEY_BYTES);
  bytes.writeUIntBE(Math.max(0, Math.floor(instant)), 0, 6);
  return bytes;
}

export function deadLetterId(key: DeadLetterKey): string {
  return encodeDeadLetterKey(key).toString('base64url');
}

/** undefined where the text is no id of a dead letter. */
export function parseDeadLetterId(id: string): DeadLetterKey | undefined {
  const bytes = Buffer.from(id, 'base64url');
  if (bytes.length !== DEAD_LETTER_KEY_BYTES || bytes.toString('base64url') !== id) return undefined;
  return {
    failedAt: bytes.readUIntBE(0, 6),
    executionId: uuidFromBytes(bytes.subarray(6, 22)) as ExecutionId,
    node: bytes.readUInt32BE(22),
  };
}

/** The dead letters of a failed execution: one for each of its failed nodes. */
export function deadLettersOf(snapshot: ExecutionSnapshot, plan: Plan): DeadLetter[] {
  if (snapshot.state !== 'failed') return [];
  const letters: DeadLetter[] = [];
  const configAt = configResolver(snapshot, plan);
  for (const [index, node] of snapshot.nodes.entries()) {
    const vertex = plan.nodes[index];
    if (node.state !== 'failed' || !node.error || !vertex) continue;
    const config = configAt(index);
    const failedAt = node.finishedAt ?? snapshot.finishedAt ?? snapshot.createdAt;
    letters.push({
      id: deadLetterId({ failedAt, executionId: snapshot.executionId, node: index }),
      executionId: snapshot.executionId,
      workflowId: snapshot.workflowId,
      node: index,
      nodeId: vertex.id,
      handler: vertex.handler,
      error: node.error,
      attempts: node.attempt,
      queuedAt: node.firstQueuedAt ?? node.queuedAt ?? snapshot.createdAt,
      failedAt,
      ...(config !== undefined && { config }),
    });
  }
  return letters;
}
