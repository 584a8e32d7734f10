import { createHash } from 'node:crypto';
import { Packr } from 'msgpackr';
import type { NodeError } from '../../model/errors.js';
import type { ExecutionId, WorkflowId } from '../../model/ids.js';
import type { ExecutionSnapshot, ExecutionSummary, NodeSnapshot } from '../../model/snapshot.js';
import { EXECUTION_STATES, NODE_STATES } from '../../model/states.js';

/** A row of `executions` or `unfinished` as a list needs it; the driver answers bigint as text. */
export interface SummaryRow {
  readonly execution_id: string;
  readonly workflow_id: string;
  readonly name: string;
  readonly state: number;
  readonly created_at: string;
  readonly started_at: string | null;
  readonly finished_at: string | null;
  readonly error: Buffer | null;
}

export interface ExecutionRow extends SummaryRow {
  readonly revision: string;
  readonly record: Buffer;
}

export const SUMMARY_COLUMNS =
  'execution_id, workflow_id, name, state, created_at, started_at, finished_at, error';
export const EXECUTION_COLUMNS = `${SUMMARY_COLUMNS}, revision, record`;

/**
 * First byte of a record: how the rest is written. 1: msgpack of [deadline, params, hosts, nodes] and, where there is one, the callback's
 * URL: what the columns beside it do not hold. A node is [state, fence, attempt, deliveries, host, queued, started, finished, output, rest]: the host by its place among
 * the hosts, instants from the creation of the execution, null for what there is not, `rest` for what few nodes have, left out
 * where there is nothing of it. Names of fields would be two thirds of a small record.
 */
const FORMAT = 1;
const packr = new Packr({ useRecords: false });

type PackedNode = readonly [
  state: number,
  fence: number,
  attempt: number,
  deliveries: number,
  host: number | null,
  queued: number | null,
  started: number | null,
  finished: number | null,
  output: Uint8Array | null,
  rest?: Rest,
];
type Rest = Omit<
  NodeSnapshot,
  'state' | 'fence' | 'attempt' | 'deliveries' | 'host' | 'queuedAt' | 'startedAt' | 'finishedAt' | 'output'
>;
type PackedRecord = readonly [
  deadline: number | null,
  params: Uint8Array,
  hosts: readonly string[],
  nodes: readonly PackedNode[],
  callbackUrl?: string,
];

export function encodeRecord(snapshot: ExecutionSnapshot): Buffer {
  const { createdAt, deadlineAt, params, callbackUrl } = snapshot;
  const since = (instant: number | undefined): number | null =>
    instant === undefined ? null : instant - createdAt;
  const hosts: string[] = [];
  const nodes = snapshot.nodes.map((node) => packNode(node, hosts, since));
  const head = [since(deadlineAt), params, hosts, nodes] as const;
  const packed: PackedRecord = callbackUrl === undefined ? head : [...head, callbackUrl];
  return Buffer.concat([Buffer.of(FORMAT), packr.pack(packed)]);
}

function packNode(
  node: NodeSnapshot,
  hosts: string[],
  since: (instant: number | undefined) => number | null,
): PackedNode {
  const { state, fence, attempt, deliveries, host, queuedAt, startedAt, finishedAt, output, ...rest } = node;
  let place: number | null = null;
  if (host !== undefined) {
    place = hosts.indexOf(host);
    if (place < 0) place = hosts.push(host) - 1;
  }
  const times = [since(queuedAt), since(startedAt), since(finishedAt)] as const;
  const head = [NODE_STATES.indexOf(state), fence, attempt, deliveries, place, ...times] as const;
  for (const _ in rest) return [...head, output ?? null, rest];
  return [...head, output ?? null];
}

export function decodeRecord(row: ExecutionRow): ExecutionSnapshot {
  if (row.record[0] !== FORMAT)
    throw new Error(`a record of format ${row.record[0]} cannot be read by this version`);
  const [deadline, params, hosts, nodes, callbackUrl] = packr.unpack(row.record.subarray(1)) as PackedRecord;
  const summary = decodeSummary(row);
  const { createdAt } = summary;
  return {
    ...summary,
    revision: Number(row.revision),
    ...(deadline !== null && { deadlineAt: createdAt + deadline }),
    ...(callbackUrl !== undefined && { callbackUrl }),
    params,
    nodes: nodes.map((node) => unpackNode(node, hosts, createdAt)),
  };
}

function unpackNode(packed: PackedNode, hosts: readonly string[], createdAt: number): NodeSnapshot {
  const [state, fence, attempt, deliveries, place, queued, started, finished, output, rest] = packed;
  const host = place === null ? undefined : hosts[place];
  return {
    state: NODE_STATES[state] ?? 'pending',
    ...{ fence, attempt, deliveries },
    ...(host !== undefined && { host }),
    ...(queued !== null && { queuedAt: createdAt + queued }),
    ...(started !== null && { startedAt: createdAt + started }),
    ...(finished !== null && { finishedAt: createdAt + finished }),
    ...(output !== null && { output }),
    ...rest,
  };
}

export function decodeSummary(row: SummaryRow): ExecutionSummary {
  const error = row.error && (JSON.parse(String(row.error)) as NodeError);
  return {
    executionId: row.execution_id as ExecutionId,
    workflowId: row.workflow_id as WorkflowId,
    name: unescapeText(row.name),
    state: EXECUTION_STATES[row.state] ?? 'pending',
    createdAt: Number(row.created_at),
    ...(row.started_at !== null && { startedAt: Number(row.started_at) }),
    ...(row.finished_at !== null && { finishedAt: Number(row.finished_at) }),
    ...(error && { error }),
  };
}

/** The whole of it, legible without its row. */
export function encodeWhole(snapshot: ExecutionSnapshot): Buffer {
  return packr.pack(snapshot);
}

export function encodeError(error: NodeError | undefined): Buffer | undefined {
  return error && Buffer.from(JSON.stringify(error));
}

/** PostgreSQL's text has no U+0000. */
export function escapeText(text: string): string {
  return text.includes('\\') || text.includes('\0')
    ? text.replaceAll('\\', '\\\\').replaceAll('\0', '\\0')
    : text;
}

function unescapeText(text: string): string {
  return text.includes('\\')
    ? text.replace(/\\(.)/g, (_match, letter: string) => (letter === '0' ? '\0' : letter))
    : text;
}

/** An entry of an index may have about 2,700 bytes. */
const MAX_INDEXED = 512;

/** For a column that is only ever compared: a long text by its beginning and its hash. */
export function indexedText(text: string): string {
  if (text.length <= MAX_INDEXED) return escapeText(text);
  const hash = createHash('sha256').update(text).digest('hex');
  return escapeText(`${text.slice(0, MAX_INDEXED)}#${hash}`);
}
