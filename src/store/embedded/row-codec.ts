import { Packr } from 'msgpackr';
import { MillraceError, type NodeError } from '../../model/errors.js';
import type { ExecutionRecord, NodeRecord } from '../../model/execution-record.js';
import type { ExecutionId, WorkflowId } from '../../model/ids.js';
import type {
  DeadLetter,
  ExecutionSnapshot,
  ExecutionSummary,
  FailedAttempt,
  NodeSnapshot,
} from '../../model/snapshot.js';
import { EXECUTION_STATES, NODE_STATES } from '../../model/states.js';
import type { IdempotencyRecord } from '../../model/transitions.js';
import { crc32 } from './checksum.js';

/*
 * A row is four bytes of CRC-32 over the rest, little-endian, then one MessagePack array. Fields stand at fixed places,
 * absent ones as nil; states are their index in the model's lists. Payloads (params, outputs, configs) are opaque bytes.
 */

const packr = new Packr({ useRecords: false, moreTypes: false });
const CHECKSUM_BYTES = 4;
const SLEEPING = 1;
const ALONE = 2;

function seal(fields: unknown): Buffer {
  const packed = packr.pack(fields);
  const row = Buffer.allocUnsafe(CHECKSUM_BYTES + packed.length);
  row.writeUInt32LE(crc32(packed), 0);
  row.set(packed, CHECKSUM_BYTES);
  return row;
}

function open(row: Uint8Array): unknown[] {
  const bytes = Buffer.from(row.buffer, row.byteOffset, row.byteLength);
  const packed = bytes.subarray(CHECKSUM_BYTES);
  if (bytes.length <= CHECKSUM_BYTES || bytes.readUInt32LE(0) !== crc32(packed)) {
    throw new MillraceError('STORE_DAMAGED', 'a row of the store does not match its checksum');
  }
  const fields: unknown = packr.unpack(packed);
  if (!Array.isArray(fields))
    throw new MillraceError('STORE_DAMAGED', 'a row of the store has an unknown shape');
  return fields;
}

/** Throws STORE_DAMAGED where the row is not as it was written. */
export function checkRow(row: Uint8Array): void {
  open(row);
}

type Nullable<T> = T | null | undefined;
type ErrorFields = [
  code: string,
  message: string,
  category: NodeError['category'],
  tracebackHash: Nullable<string>,
];
type FailureFields = [
  attempt: number,
  host: string,
  startedAt: number,
  finishedAt: number,
  error: ErrorFields,
];
type NodeFields = [
  state: number,
  fence: number,
  attempt: number,
  deliveries: number,
  flags: number,
  host: Nullable<string>,
  queuedAt: Nullable<number>,
  startedAt: Nullable<number>,
  finishedAt: Nullable<number>,
  dueAt: Nullable<number>,
  error: Nullable<ErrorFields>,
  output: Nullable<Uint8Array>,
  failures: Nullable<FailureFields[]>,
  configOverride: Nullable<Uint8Array>,
  firstQueuedAt: Nullable<number>,
];
type HeadFields = [
  workflowId: string,
  name: string,
  state: number,
  revision: number,
  createdAt: number,
  startedAt: Nullable<number>,
  finishedAt: Nullable<number>,
  deadlineAt: Nullable<number>,
  error: Nullable<ErrorFields>,
  params: Uint8Array,
  /** Left out where there is none. */
  callbackUrl?: string,
];

export type ExecutionHead = Omit<ExecutionSnapshot, 'nodes'>;

export function encodeHead(execution: ExecutionRecord): Buffer {
  return seal(headFields(execution));
}

export function decodeHead(executionId: ExecutionId, row: Uint8Array): ExecutionHead {
  return headFromFields(executionId, open(row) as HeadFields);
}

/** The nodes of `indices`, as they are now. */
export function encodeNodeChanges(execution: ExecutionRecord, indices: readonly number[]): Buffer {
  const changes: unknown[] = [];
  for (const index of indices) {
    const node = execution.nodes[index];
    if (node) changes.push(index, nodeFields(node));
  }
  return seal(changes);
}

/** Calls `apply` for each node of the row. */
export function decodeNodeChanges(row: Uint8Array, apply: (index: number, node: NodeSnapshot) => void): void {
  const changes = open(row);
  for (let place = 0; place + 1 < changes.length; place += 2) {
    apply(changes[place] as number, nodeFromFields(changes[place + 1] as NodeFields));
  }
}

export function encodeRecord(execution: ExecutionRecord): Buffer {
  return seal([headFields(execution), execution.nodes.map(nodeFields)]);
}

export function decodeRecord(executionId: ExecutionId, row: Uint8Array): ExecutionSnapshot {
  const [head, nodes] = open(row) as [HeadFields, NodeFields[]];
  return { ...headFromFields(executionId, head), nodes: nodes.map(nodeFromFields) };
}

export function encodeSummary(
  execution: Omit<ExecutionSummary, 'workflowId' | 'name'> & SummaryNames,
): Buffer {
  return seal([
    execution.workflowId,
    execution.name,
    EXECUTION_STATES.indexOf(execution.state),
    execution.createdAt,
    execution.startedAt,
    execution.finishedAt,
    execution.error && errorFields(execution.error),
  ]);
}
interface SummaryNames {
  readonly workflowId: string;
  readonly name: string;
}

export function decodeSummary(executionId: ExecutionId, row: Uint8Array): ExecutionSummary {
  const [workflowId, name, state, createdAt, startedAt, finishedAt, error] = open(row) as [
    string,
    string,
    number,
    number,
    Nullable<number>,
    Nullable<number>,
    Nullable<ErrorFields>,
  ];
  return {
    executionId,
    workflowId: workflowId as WorkflowId,
    name,
    state: known(EXECUTION_STATES[state]),
    createdAt,
    ...present('startedAt', startedAt),
    ...present('finishedAt', finishedAt),
    ...(error && { error: errorFromFields(error) }),
  };
}

export function encodeDeadLetter(letter: DeadLetter): Buffer {
  const { executionId, workflowId, node, nodeId, handler, error, attempts, queuedAt, failedAt, config } =
    letter;
  return seal([
    executionId,
    workflowId,
    node,
    nodeId,
    handler,
    errorFields(error),
    attempts,
    queuedAt,
    failedAt,
    config,
  ]);
}

export function decodeDeadLetter(id: string, row: Uint8Array): DeadLetter {
  const [executionId, workflowId, node, nodeId, handler, error, attempts, queuedAt, failedAt, config] = open(
    row,
  ) as [
    ExecutionId,
    WorkflowId,
    number,
    string,
    string,
    ErrorFields,
    number,
    number,
    number,
    Nullable<string>,
  ];
  return {
    id,
    executionId,
    workflowId,
    node,
    nodeId,
    handler,
    error: errorFromFields(error),
    attempts,
    queuedAt,
    failedAt,
    ...(typeof config === 'string' && { config }),
  };
}

export function encodeIdempotency(record: IdempotencyRecord): Buffer {
  return seal([record.executionId, record.workflowId, record.bodyHash, record.expiresAt]);
}

export function decodeIdempotency(row: Uint8Array): IdempotencyRecord {
  const [executionId, workflowId, bodyHash, expiresAt] = open(row) as [
    ExecutionId,
    WorkflowId,
    string,
    number,
  ];
  return { executionId, workflowId, bodyHash, expiresAt };
}

/** What the key of a callback does not say. */
export interface CallbackRow {
  readonly url: string;
  readonly finishedAt: number;
  readonly attempts: number;
}

export function encodeCallback({ url, finishedAt, attempts }: CallbackRow): Buffer {
  return seal([url, finishedAt, attempts]);
}

export function decodeCallback(row: Uint8Array): CallbackRow {
  const [url, finishedAt, attempts] = open(row) as [string, number, number];
  return { url, finishedAt, attempts };
}

/** Any text under the same checksum: definitions and the description of the store. */
export function encodeText(text: string): Buffer {
  return seal([text]);
}

export function decodeText(row: Uint8Array): string {
  return open(row)[0] as string;
}

function headFields(execution: ExecutionRecord): HeadFields {
  const fields: HeadFields = [
    execution.plan.workflowId,
    execution.plan.name,
    EXECUTION_STATES.indexOf(execution.state),
    execution.revision,
    execution.createdAt,
    execution.startedAt,
    execution.finishedAt,
    execution.deadlineAt,
    execution.error && errorFields(execution.error),
    execution.params,
  ];
  if (execution.callbackUrl !== undefined) fields.push(execution.callbackUrl);
  return fields;
}

function headFromFields(executionId: ExecutionId, fields: HeadFields): ExecutionHead {
  const [workflowId, name, state, revision, createdAt, startedAt, finishedAt, deadlineAt, error, params] =
    fields;
  const callbackUrl = fields[10];
  return {
    executionId,
    workflowId: workflowId as WorkflowId,
    name,
    state: known(EXECUTION_STATES[state]),
    revision,
    createdAt,
    ...present('startedAt', startedAt),
    ...present('finishedAt', finishedAt),
    ...present('deadlineAt', deadlineAt),
    ...(error && { error: errorFromFields(error) }),
    ...present('callbackUrl', callbackUrl),
    params,
  };
}

function nodeFields(node: NodeRecord): NodeFields {
  return [
    NODE_STATES.indexOf(node.state),
    node.fence,
    node.attempt,
    node.deliveries,
    (node.sleeping ? SLEEPING : 0) | (node.alone ? ALONE : 0),
    node.host,
    node.queuedAt,
    node.startedAt,
    node.finishedAt,
    node.dueAt,
    node.error && errorFields(node.error),
    node.output,
    node.failures?.map(failureFields),
    node.configOverride,
    node.firstQueuedAt,
  ];
}

function nodeFromFields(fields: NodeFields): NodeSnapshot {
  const [state, fence, attempt, deliveries, flags, host, queuedAt, startedAt, finishedAt, dueAt] = fields;
  const [error, output, failures, configOverride, firstQueuedAt] = fields.slice(10) as [
    Nullable<ErrorFields>,
    Nullable<Uint8Array>,
    Nullable<FailureFields[]>,
    Nullable<Uint8Array>,
    Nullable<number>,
  ];
  return {
    state: known(NODE_STATES[state]),
    fence,
    attempt,
    deliveries,
    ...((flags & SLEEPING) !== 0 && { sleeping: true }),
    ...((flags & ALONE) !== 0 && { alone: true }),
    ...present('host', host),
    ...present('queuedAt', queuedAt),
    ...present('firstQueuedAt', firstQueuedAt),
    ...present('startedAt', startedAt),
    ...present('finishedAt', finishedAt),
    ...present('dueAt', dueAt),
    ...(error && { error: errorFromFields(error) }),
    ...present('output', output),
    ...(failures && { failures: failures.map(failureFromFields) }),
    ...present('configOverride', configOverride),
  };
}

function errorFields(error: NodeError): ErrorFields {
  return [error.code, error.message, error.category, error.tracebackHash];
}

function errorFromFields([code, message, category, tracebackHash]: ErrorFields): NodeError {
  return { code, message, category, ...present('tracebackHash', tracebackHash) };
}

function failureFields(failure: FailedAttempt): FailureFields {
  return [failure.attempt, failure.host, failure.startedAt, failure.finishedAt, errorFields(failure.error)];
}

function failureFromFields([attempt, host, startedAt, finishedAt, error]: FailureFields): FailedAttempt {
  return { attempt, host, startedAt, finishedAt, error: errorFromFields(error) };
}

function present<K extends string, T>(key: K, value: Nullable<T>): { [P in K]?: T } {
  return (value === null || value === undefined ? {} : { [key]: value }) as { [P in K]?: T };
}

function known<T>(state: T | undefined): T {
  if (state === undefined)
    throw new MillraceError('STORE_DAMAGED', 'a row of the store names an unknown state');
  return state;
}
