import { BUILTIN_HANDLERS } from '../model/builtin-handlers.js';
import type { Plan, PlanNode } from '../model/plan.js';
import type { ExecutionSnapshot, NodeSnapshot } from '../model/snapshot.js';
import { hasEnded, isSatisfied } from '../model/states.js';
import type { HostInfo } from '../store/host-registry.js';

/** Why a node is not done. Times in milliseconds since the epoch. */
export type NodeReason =
  | { readonly kind: 'not_triggered' }
  /** `parents`: indices of the dependencies that are neither completed nor skipped. */
  | { readonly kind: 'waiting_for_parents'; readonly parents: readonly number[] }
  /** `depth`: ready tasks in its queue, of all executions; at most so many go before it. */
  | { readonly kind: 'in_queue'; readonly queue: string; readonly depth: number; readonly since?: number }
  | { readonly kind: 'no_host_for_queue'; readonly queue: string }
  | { readonly kind: 'no_host_for_handler'; readonly handler: string; readonly queue: string }
  | { readonly kind: 'backing_off' | 'circuit_open' | 'sleeping'; readonly until?: number }
  /** `host_gone`: the host has stopped answering; its lease runs out, and the node runs again. */
  | { readonly kind: 'running' | 'host_gone'; readonly host: string; readonly since?: number };

export interface ExplainOptions {
  readonly snapshot: ExecutionSnapshot;
  readonly plan: Plan;
  /** Who works on the store now. */
  readonly hosts: readonly HostInfo[];
  readonly readyByQueue: ReadonlyMap<string, number>;
}

const BUILTIN: ReadonlySet<string> = new Set(BUILTIN_HANDLERS);
/** The error of an attempt that was not made because what it calls is cut off for a while. */
const CIRCUIT_OPEN = 'CIRCUIT_OPEN';

/** The reason of each unfinished node, by its index; empty where the execution has ended. */
export function explainNodes(options: ExplainOptions): ReadonlyMap<number, NodeReason> {
  const { snapshot, plan } = options;
  const reasons = new Map<number, NodeReason>();
  if (hasEnded(snapshot.state)) return reasons;
  for (const node of plan.nodes) {
    const reason = reasonOf(node, options);
    if (reason) reasons.set(node.index, reason);
  }
  return reasons;
}

function reasonOf(node: PlanNode, options: ExplainOptions): NodeReason | undefined {
  const { snapshot, hosts } = options;
  if (snapshot.state === 'pending') return { kind: 'not_triggered' };
  const known = snapshot.nodes[node.index];
  switch (known?.state) {
    case undefined:
    case 'pending':
      return { kind: 'waiting_for_parents', parents: unsatisfiedParents(node, snapshot) };
    case 'ready':
      return reasonInQueue(node, known, options);
    case 'delayed':
      return { kind: delayOf(known), ...(known.dueAt !== undefined && { until: known.dueAt }) };
    case 'running': {
      const isAlive = hosts.some(({ host }) => host === known.host);
      const since = known.startedAt;
      const kind = isAlive ? 'running' : 'host_gone';
      return { kind, host: known.host ?? '', ...(since !== undefined && { since }) };
    }
    default:
      return undefined;
  }
}

function unsatisfiedParents(node: PlanNode, snapshot: ExecutionSnapshot): readonly number[] {
  return node.dependencies.filter((parent) => !isSatisfied(snapshot.nodes[parent]?.state ?? 'pending'));
}

function reasonInQueue(node: PlanNode, known: NodeSnapshot, options: ExplainOptions): NodeReason {
  const { queue, handler } = node;
  const taking = options.hosts.filter(
    ({ roles, queues }) => roles.includes('worker') && (queues === undefined || queues.includes(queue)),
  );
  if (taking.length === 0) return { kind: 'no_host_for_queue', queue };
  if (!BUILTIN.has(handler) && !taking.some(({ handlers }) => handlers.includes(handler)))
    return { kind: 'no_host_for_handler', handler, queue };
  const depth = Math.max(1, options.readyByQueue.get(queue) ?? 0);
  const since = known.queuedAt;
  return { kind: 'in_queue', queue, depth, ...(since !== undefined && { since }) };
}

function delayOf({ sleeping, failures }: NodeSnapshot): 'backing_off' | 'circuit_open' | 'sleeping' {
  if (sleeping) return 'sleeping';
  return failures?.at(-1)?.error.code === CIRCUIT_OPEN ? 'circuit_open' : 'backing_off';
}
