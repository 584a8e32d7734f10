import type { LeasedTask, LeaseRequest } from '../../model/commands.js';
import type { ExecutionId, WorkflowId } from '../../model/ids.js';
import type { Plan } from '../../model/plan.js';
import type { RedisTask } from './advance-items.js';
import { packForLua, separateTexts, unpackFromLua } from './plan-wire.js';
import type { ScriptArgument } from './script-registry.js';
import { NODE_FLAG } from './vocabulary.js';

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
  readonly executionId: ExecutionId;
  readonly workflowId: WorkflowId;
  readonly node: number;
  readonly isPaged: boolean;
  toTask(plan: Plan, pagedInputs: LeasedTask['inputs'] | undefined): RedisTask;
}

/** id, node, fence, attempt, deliveries, flags, queued, workflow, lane, entry, 1 where its inputs are read apart, number of payloads. */
type PackedTask = readonly [
  ...[
    ExecutionId,
    number,
    number,
    number,
    number,
    number,
    number,
    WorkflowId,
    string,
    string,
    number,
    number,
  ],
];

/** The tasks of a reply (lib/settle.lua): packed, and the payloads of all of them one after the other. */
export function decodeLeased(leased: unknown): LeasedRow[] {
  const [packed, joined] = leased as [] | [Buffer, [Buffer, Buffer]];
  if (!packed || !joined) return [];
  const payloads = separateTexts(joined);
  let first = 0;
  return (unpackFromLua(packed) as PackedTask[]).map((task) => {
    first += task[11];
    return leasedRow(task, payloads.slice(first - task[11], first));
  });
}

/** `payloads`: params, a config in place of the plan's, outputs of the inputs; null: there is none. */
function leasedRow(task: PackedTask, payloads: readonly (Buffer | null)[]): LeasedRow {
  const [executionId, node, fence, attempt, deliveries, flags, queued, workflowId, lane, entry, paged] = task;
  const [params, config, ...outputs] = payloads;
  return {
    ...{ executionId, workflowId, node },
    isPaged: paged === 1,
    toTask: (plan, pagedInputs) => ({
      ...{ executionId, plan, node, fence, attempt, deliveries },
      alone: (flags & NODE_FLAG.alone) !== 0,
      suspect: deliveries > 0,
      queuedAt: queued,
      params: params ?? Buffer.from('{}'),
      inputs:
        pagedInputs ??
        (plan.nodes[node]?.inputs ?? []).flatMap((input, at) => {
          const output = outputs[at];
          return output ? [{ node: input, output }] : [];
        }),
      ...(config && { configOverride: config }),
      ...{ lane, entry },
    }),
  };
}
