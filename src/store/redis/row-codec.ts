import type { NodeError } from '../../model/errors.js';
import { recount, waitingCount } from '../../model/execution-flow.js';
import { recordFromSnapshot } from '../../model/execution-record.js';
import type { ExecutionId, WorkflowId } from '../../model/ids.js';
import type { Plan } from '../../model/plan.js';
import type { ExecutionSnapshot, FailedAttempt, NodeSnapshot } from '../../model/snapshot.js';
import { EXECUTION_STATES, type ExecutionState, NODE_STATES, type NodeState } from '../../model/states.js';
import { workflowTimeout } from '../../model/transitions.js';
import { EXECUTION_FLAG, NODE_FLAG, OUTBOX_KINDS } from './vocabulary.js';

/*
 * Rows, little-endian, times in milliseconds (0: never):
 *
 *   head  u8 state · u8 outbox kind · u8 flags · u32 revision · u32 nodes · u32 unsatisfied · u32 ready · u32 leased · u32 delayed
 *         u16 unfinished fan-outs · u48 created · u48 started · u48 finished · u48 deadline · u48 bytes of outputs
 *   node  u8 state · u8 flags · u32 fence · u32 attempt · u16 deliveries · u32 host · u48 queued · u48 first queued · u48 started
 *         u48 finished · u48 due · u48 lease until · u48 and u32 of its stream entry
 *
 * Both are at most 64 bytes, so that the hash of a small execution stays in its compact encoding.
 */
export const HEAD_BYTES = 59;
export const NODE_BYTES = 62;

export interface Head {
  readonly state: ExecutionState;
  readonly kind: (typeof OUTBOX_KINDS)[number];
  readonly expired: boolean;
  readonly revision: number;
  readonly nodes: number;
  readonly createdAt: number;
  readonly startedAt: number | undefined;
  readonly finishedAt: number | undefined;
  readonly deadlineAt: number | undefined;
  readonly outputBytes: number;
}

/** Fields of a hash. */
export type Fields = ReadonlyMap<string, Buffer>;

export interface ExecutionRows {
  readonly executionId: ExecutionId;
  readonly workflowId: WorkflowId;
  readonly head: Head;
  readonly rows: Fields;
  readonly payloads: Fields;
}

export function fieldsOf(flat: readonly (Buffer | null)[]): Fields {
  const fields = new Map<string, Buffer>();
  for (let at = 0; at + 1 < flat.length; at += 2) fields.set(String(flat[at]), flat[at + 1] as Buffer);
  return fields;
}

export function decodeHead(row: Buffer): Head {
  return {
    state: EXECUTION_STATES[row.readUInt8(0)] ?? 'pending',
    kind: OUTBOX_KINDS[row.readUInt8(1)] ?? 'accepted',
    expired: (row.readUInt8(2) & EXECUTION_FLAG.expired) !== 0,
    revision: row.readUInt32LE(3),
    nodes: row.readUInt32LE(7),
    createdAt: row.readUIntLE(29, 6),
    startedAt: time(row, 35),
    finishedAt: time(row, 41),
    deadlineAt: time(row, 47),
    outputBytes: row.readUIntLE(53, 6),
  };
}

function time(row: Buffer, offset: number): number | undefined {
  return row.readUIntLE(offset, 6) || undefined;
}

/** `hostName`: the host of a number. */
export function decodeExecution(
  source: ExecutionRows,
  plan: Plan,
  hostName: (host: number) => string,
): ExecutionSnapshot {
  const { head, payloads } = source;
  const hasNodes = head.startedAt !== undefined;
  const nodes = hasNodes ? plan.nodes.map((_node, index) => decodeNode(source, index, plan, hostName)) : [];
  const error = executionError(source, plan, nodes);
  const callbackUrl = payloads.get('u');
  return {
    executionId: source.executionId,
    workflowId: source.workflowId,
    name: plan.name,
    state: head.state,
    revision: head.revision,
    createdAt: head.createdAt,
    ...(head.startedAt !== undefined && { startedAt: head.startedAt }),
    ...(head.finishedAt !== undefined && { finishedAt: head.finishedAt }),
    ...(head.deadlineAt !== undefined && { deadlineAt: head.deadlineAt }),
    ...(error && { error }),
    ...(callbackUrl && { callbackUrl: String(callbackUrl) }),
    params: payloads.get('p') ?? Buffer.from('{}'),
    nodes,
  };
}

function executionError(
  { head, rows, payloads }: ExecutionRows,
  plan: Plan,
  nodes: readonly NodeSnapshot[],
): NodeError | undefined {
  const told = payloads.get('x');
  if (told) return JSON.parse(String(told)) as NodeError;
  if (head.state !== 'failed') return undefined;
  if (head.expired) return workflowTimeout(plan);
  const dead = Number(rows.get('d') ?? -1);
  const error = nodes[dead]?.error;
  return error && { ...error, message: `Node ${plan.nodes[dead]?.id} failed: ${error.message}` };
}

function decodeNode(
  { head, rows, payloads }: ExecutionRows,
  index: number,
  plan: Plan,
  hostName: (host: number) => string,
): NodeSnapshot {
  const row = rows.get(`n${index}`);
  const kept = row ? NODE_STATES[row.readUInt8(0)] : 'pending';
  const state = finalState(kept ?? 'pending', head);
  const isCut = state !== kept;
  const error = isCut && state === 'failed' ? workflowTimeout(plan) : parsed(payloads.get(`e${index}`));
  const payload = { output: payloads.get(`o${index}`), config: payloads.get(`c${index}`) };
  const failures = payloads.get(`f${index}`);
  const rest = {
    ...(error && state === 'failed' && { error }),
    ...(payload.output && { output: payload.output }),
    ...(failures && { failures: decodeFailures(failures, hostName) }),
    ...(payload.config && { configOverride: payload.config }),
  };
  const ended = isCut && head.finishedAt !== undefined ? { finishedAt: head.finishedAt } : {};
  if (!row) return { state, fence: 0, attempt: 0, deliveries: 0, ...ended, ...rest };
  const flags = row.readUInt8(1);
  const host = row.readUInt32LE(12);
  return {
    state,
    fence: row.readUInt32LE(2),
    attempt: row.readUInt32LE(6),
    deliveries: row.readUInt16LE(10),
    ...((flags & NODE_FLAG.sleeping) !== 0 && !isCut && { sleeping: true }),
    ...((flags & NODE_FLAG.alone) !== 0 && { alone: true }),
    ...(host !== 0 && { host: hostName(host) }),
    ...timed('queuedAt', time(row, 16)),
    ...timed('firstQueuedAt', time(row, 22)),
    ...timed('startedAt', time(row, 28)),
    ...timed('finishedAt', time(row, 34)),
    ...timed('dueAt', isCut ? undefined : time(row, 40)),
    ...ended,
    ...rest,
  };
}

function timed<K extends string>(name: K, value: number | undefined): { [P in K]?: number } {
  return (value === undefined ? {} : { [name]: value }) as { [P in K]?: number };
}

function parsed(json: Buffer | undefined): NodeError | undefined {
  return json && (JSON.parse(String(json)) as NodeError);
}

/** The end of an execution decides on the nodes that were not terminal; their rows stay as they were. */
function finalState(kept: NodeState, head: Head): NodeState {
  if (head.state !== 'failed' && head.state !== 'cancelled') return kept;
  if (kept === 'completed' || kept === 'skipped' || kept === 'failed' || kept === 'cancelled') return kept;
  return head.expired && kept !== 'pending' ? 'failed' : 'cancelled';
}

function decodeFailures(bytes: Buffer, hostName: (host: number) => string): FailedAttempt[] {
  const failures: FailedAttempt[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = bytes.readUInt32LE(at + 20);
    const host = bytes.readUInt32LE(at + 16);
    failures.push({
      attempt: bytes.readUInt32LE(at),
      startedAt: bytes.readUIntLE(at + 4, 6),
      finishedAt: bytes.readUIntLE(at + 10, 6),
      host: host === 0 ? '' : hostName(host),
      error: JSON.parse(bytes.toString('utf8', at + 24, at + 24 + length)) as NodeError,
    });
    at += 24 + length;
  }
  return failures;
}

/** An execution as it is staged. No node of it is running. */
export interface StagedExecution {
  readonly rows: readonly (readonly [field: string, value: Uint8Array | string])[];
  readonly payloads: readonly (readonly [field: string, value: Uint8Array | string])[];
  readonly ready: readonly number[];
  readonly delayed: readonly (readonly [node: number, dueAt: number])[];
}

export function encodeExecution(
  snapshot: ExecutionSnapshot,
  plan: Plan,
  options: { readonly kind: (typeof OUTBOX_KINDS)[number]; readonly hostNumber: (host: string) => number },
): StagedExecution {
  const record = recordFromSnapshot(snapshot, plan);
  recount(record);
  const ready: number[] = [];
  const delayed: (readonly [number, number])[] = [];
  const rows: (readonly [string, Uint8Array | string])[] = [['w', snapshot.workflowId]];
  const payloads: (readonly [string, Uint8Array | string])[] = [['p', snapshot.params]];
  if (snapshot.error) payloads.push(['x', JSON.stringify(snapshot.error)]);
  if (snapshot.callbackUrl !== undefined) payloads.push(['u', snapshot.callbackUrl]);
  const isRunning = snapshot.state === 'running';
  for (const [index, node] of snapshot.nodes.entries()) {
    if (isRunning && node.state === 'ready') ready.push(index);
    if (isRunning && node.state === 'delayed') delayed.push([index, node.dueAt ?? 0]);
    if (node.state === 'failed') rows.push(['d', String(index)]);
    const dependencies = plan.nodes[index]?.dependencies.length ?? 0;
    if (node.state === 'pending' && dependencies > 1) {
      rows.push([`a${index}`, String(dependencies - waitingCount(record, index))]);
    }
    rows.push([`n${index}`, encodeNode(node, options.hostNumber)]);
    encodePayloads(payloads, index, node, options.hostNumber);
  }
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUInt8(EXECUTION_STATES.indexOf(snapshot.state), 0);
  head.writeUInt8(OUTBOX_KINDS.indexOf(options.kind), 1);
  head.writeUInt32LE(snapshot.revision, 3);
  head.writeUInt32LE(plan.nodes.length, 7);
  head.writeUInt32LE(record.unsatisfied, 11);
  head.writeUInt32LE(ready.length, 15);
  head.writeUInt32LE(delayed.length, 23);
  head.writeUIntLE(snapshot.createdAt, 29, 6);
  head.writeUIntLE(snapshot.startedAt ?? 0, 35, 6);
  head.writeUIntLE(snapshot.finishedAt ?? 0, 41, 6);
  head.writeUIntLE(snapshot.deadlineAt ?? 0, 47, 6);
  head.writeUIntLE(record.outputBytes, 53, 6);
  rows.push(['h', head]);
  return { rows, payloads, ready, delayed };
}

function encodeNode(node: NodeSnapshot, hostNumber: (host: string) => number): Buffer {
  const row = Buffer.alloc(NODE_BYTES);
  row.writeUInt8(NODE_STATES.indexOf(node.state), 0);
  row.writeUInt8((node.sleeping ? NODE_FLAG.sleeping : 0) | (node.alone ? NODE_FLAG.alone : 0), 1);
  row.writeUInt32LE(node.fence, 2);
  row.writeUInt32LE(node.attempt, 6);
  row.writeUInt16LE(Math.min(node.deliveries, 0xffff), 10);
  row.writeUInt32LE(node.host === undefined ? 0 : hostNumber(node.host), 12);
  row.writeUIntLE(node.queuedAt ?? 0, 16, 6);
  row.writeUIntLE(node.firstQueuedAt ?? 0, 22, 6);
  row.writeUIntLE(node.startedAt ?? 0, 28, 6);
  row.writeUIntLE(node.finishedAt ?? 0, 34, 6);
  row.writeUIntLE(node.dueAt ?? 0, 40, 6);
  return row;
}

function encodePayloads(
  payloads: (readonly [string, Uint8Array | string])[],
  index: number,
  node: NodeSnapshot,
  hostNumber: (host: string) => number,
): void {
  if (node.output) payloads.push([`o${index}`, node.output]);
  if (node.error) payloads.push([`e${index}`, JSON.stringify(node.error)]);
  if (node.configOverride) payloads.push([`c${index}`, node.configOverride]);
  if (!node.failures?.length) return;
  const parts = node.failures.flatMap((failure) => {
    const error = Buffer.from(JSON.stringify(failure.error));
    const row = Buffer.alloc(24);
    row.writeUInt32LE(failure.attempt, 0);
    row.writeUIntLE(failure.startedAt, 4, 6);
    row.writeUIntLE(failure.finishedAt, 10, 6);
    row.writeUInt32LE(failure.host === '' ? 0 : hostNumber(failure.host), 16);
    row.writeUInt32LE(error.length, 20);
    return [row, error];
  });
  payloads.push([`f${index}`, Buffer.concat(parts)]);
}
