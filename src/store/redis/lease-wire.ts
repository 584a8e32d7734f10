import type { LeasedTask, LeaseRequest } from '../../model/commands.js';
import type { ExecutionId, WorkflowId } from '../../model/ids.js';
import type { Plan } from '../../model/plan.js';
import type { RedisTask } from './advance-items.js';
import { packForLua, separateTexts, unpackFromLua } from './plan-wire.js';
import type { ScriptArgument } from './script-registry.js';
import { NODE_FLAG } from './vocabulary.js';

const NO_PARAMS = Buffer.from('{}');
export const NO_LEASE: readonly ScriptArgument[] = ['0'];

export interface LeaseTerms {
  readonly request: LeaseRequest;
  readonly hostNumber: number;
  /** Queues that this host takes at all; undefined: every one. */
  readonly serves: readonly string[] | undefined;
  /** User handlers that this host may be handed. */
  readonly handlers: readonly string[];
  /** Where the turn among lanes begins. */
  readonly turn: number;
  /** Inputs of an execution with more bytes of outputs are read apart. */
  readonly pageBytes: number;
  /** Bytes of one reply, about. */
  readonly maxBytes: number;
}

/** The part of a script's arguments that asks for tasks (lib/lease.lua). */
export function leaseArguments(terms: LeaseTerms): readonly ScriptArgument[] {
  const { request, hostNumber, serves, handlers, turn, pageBytes, maxBytes } = terms;
  const queues =
    request.lanes === undefined
      ? false
      : Object.fromEntries(request.lanes.map(({ queue, room }) => [encodeURIComponent(queue), room]));
  const spec = packForLua({
    queues,
    serves: serves ? Object.fromEntries(serves.map((queue) => [encodeURIComponent(queue), true])) : false,
    handlers: Object.fromEntries(handlers.map((name) => [encodeURIComponent(name), true])),
  });
  return [
    ...['1', request.owner, hostNumber, request.leaseMs, request.total, request.quarantined],
    ...[turn, pageBytes, maxBytes, spec],
  ];
}

/** A task of a reply, before its plan is known. */
export interface LeasedRow {
  readonly task: PackedTask;
  /** Params, a config in place of the plan's, outputs of the inputs; null: there is none. */
  readonly payloads: readonly (Buffer | null)[];
}

/** A task as hand_out of lib/lease.lua puts it together. */
type PackedTask = readonly [
  executionId: ExecutionId,
  node: number,
  fence: number,
  attempt: number,
  deliveries: number,
  flags: number,
  queuedAt: number,
  workflowId: WorkflowId,
  lane: string,
  entry: string,
  /** 1 where its inputs are read apart. */
  paged: number,
  payloads: number,
];

/** The tasks of a reply (lib/settle.lua): packed, and the payloads of all of them one after the other. */
export function decodeLeased(leased: unknown): LeasedRow[] {
  const [packed, joined] = leased as [] | [Buffer, [Buffer, Buffer]];
  if (!packed || !joined) return [];
  const payloads = separateTexts(joined);
  let first = 0;
  return (unpackFromLua(packed) as PackedTask[]).map((task) => {
    first += task[11];
    return { task, payloads: payloads.slice(first - task[11], first) };
  });
}

/** `pagedInputs`: the inputs where they were read apart. One shape: this is made for every task. */
export function leasedTask(
  { task, payloads }: LeasedRow,
  plan: Plan,
  pagedInputs?: LeasedTask['inputs'],
): RedisTask {
  const [executionId, node, fence, attempt, deliveries, flags, queuedAt, , lane, entry] = task;
  const [params, config] = payloads;
  const leased = {
    executionId,
    plan,
    node,
    fence,
    attempt,
    deliveries,
    alone: (flags & NODE_FLAG.alone) !== 0,
    suspect: deliveries > 0,
    queuedAt,
    params: params ?? NO_PARAMS,
    inputs: pagedInputs ?? inputsOf(payloads, plan.nodes[node]?.inputs ?? []),
    lane,
    entry,
  };
  return config ? { ...leased, configOverride: config } : leased;
}

function inputsOf(payloads: readonly (Buffer | null)[], nodes: readonly number[]): LeasedTask['inputs'] {
  const inputs: { node: number; output: Buffer }[] = [];
  for (let at = 0; at < nodes.length; at += 1) {
    const output = payloads[at + 2];
    if (output) inputs.push({ node: nodes[at] as number, output });
  }
  return inputs;
}
