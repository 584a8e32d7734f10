import { createHash } from 'node:crypto';
import { type ExecutionId, uuidFromBytes, uuidToBytes } from '../../model/ids.js';
import { EXECUTION_STATES, type ExecutionState } from '../../model/states.js';

/*
 * Keys of the index table. The first byte says what an entry orders executions by; the execution's id stands last, so
 * that entries of one prefix are in order of creation.
 *
 *     1 · name (8 bytes of SHA-256) · execution       by name
 *     2 · workflow id · execution                     by workflow
 *     3 · state (1 byte) · execution                  by state
 *     4 · ended at (6 bytes, ms) · execution          by end, for retention
 *     5 · expires at (6 bytes, ms) · key's SHA-256    idempotency keys by expiry
 */
const BY_NAME = 1;
const BY_WORKFLOW = 2;
const BY_STATE = 3;
const BY_END = 4;
const BY_EXPIRY = 5;

export const ID_BYTES = 16;

export function namePrefix(name: string): Buffer {
  return Buffer.concat([Buffer.of(BY_NAME), createHash('sha256').update(name).digest().subarray(0, 8)]);
}

export function workflowPrefix(workflowId: string): Buffer {
  return Buffer.concat([Buffer.of(BY_WORKFLOW), uuidToBytes(workflowId)]);
}

export function statePrefix(state: ExecutionState): Buffer {
  return Buffer.of(BY_STATE, EXECUTION_STATES.indexOf(state));
}

export function endPrefix(endedAt: number): Buffer {
  return timed(BY_END, endedAt);
}

export function expiryPrefix(expiresAt: number): Buffer {
  return timed(BY_EXPIRY, expiresAt);
}

/** The first key of all ends, and of all expiries. */
export const FIRST_END = timed(BY_END, 0);
export const FIRST_EXPIRY = timed(BY_EXPIRY, 0);

export function executionIdAtEnd(key: Uint8Array): ExecutionId {
  return uuidFromBytes(key.subarray(key.length - ID_BYTES)) as ExecutionId;
}

export interface Indexed {
  readonly executionId: ExecutionId;
  readonly name: string;
  readonly workflowId: string;
  readonly state: ExecutionState;
  readonly finishedAt?: number | undefined;
}

/** All entries that point to one execution. */
export function indexKeysOf(execution: Indexed): Buffer[] {
  const id = uuidToBytes(execution.executionId);
  const prefixes = [
    namePrefix(execution.name),
    workflowPrefix(execution.workflowId),
    statePrefix(execution.state),
    ...(execution.finishedAt === undefined ? [] : [endPrefix(execution.finishedAt)]),
  ];
  return prefixes.map((prefix) => Buffer.concat([prefix, id]));
}

function timed(kind: number, at: number): Buffer {
  const bytes = Buffer.alloc(7);
  bytes[0] = kind;
  bytes.writeUIntBE(Math.max(0, Math.floor(at)), 1, 6);
  return bytes;
}
