import type { ExecutionRecord } from '../../model/execution-record.js';
import type { ExecutionId, HostId } from '../../model/ids.js';
import type { Plan } from '../../model/plan.js';
import type { ExecutionState, NodeState } from '../../model/states.js';

/** What the witness knows of a node. */
export class NodeBook {
  state: NodeState = 'pending';
  /** Of the latest lease; 0: never leased. */
  fence = 0;
  /** The lease in force. */
  lease: { readonly owner: HostId | undefined; until: number } | undefined = undefined;
  /** The attempt that the next lease is. */
  attempt = 1;
  /** Whether its outcome since the last redrive is recorded. */
  isAnswered = false;
  /** The output that its outcome carried. */
  answer: Uint8Array | undefined = undefined;
  /** The output of a completed node. */
  output: Uint8Array | undefined = undefined;
  /** What a redrive put in place of the definition's config. */
  config: Uint8Array | undefined = undefined;
  /** Fences under which a handler began. */
  readonly runs = new Set<number>();
}

/** What the witness knows of an execution, and what clients were told of it. */
export class ExecutionBook {
  readonly id: ExecutionId;
  readonly plan: Plan;
  readonly nodes: readonly NodeBook[];
  params: Uint8Array;
  state: ExecutionState = 'pending';
  revision = 0;
  /** The failures that were driven on: node and instant. */
  readonly redrives = new Set<string>();
  /** When its deadline was set, by the store's time. */
  armedAt: number | undefined = undefined;
  /** Whether it has ended at any time. */
  wasEnded = false;

  constructor(id: ExecutionId, plan: Plan, params: Uint8Array) {
    this.id = id;
    this.plan = plan;
    this.params = params;
    this.nodes = plan.nodes.map(() => new NodeBook());
  }

  node(index: number): NodeBook {
    const node = this.nodes[index];
    if (!node) throw new RangeError(`${this.id} has no node ${index}`);
    return node;
  }
}

/** All that a result may change of an execution, in one line. */
export function fingerprintOf({ state, revision, nodes, outputBytes }: ExecutionRecord): string {
  const each = nodes.map(
    (node) =>
      `${node.state} ${node.fence} ${node.attempt} ${node.deliveries} ${node.waiting} ${node.leaseUntil} ${node.dueAt}`,
  );
  return `${state} ${revision} ${outputBytes} ${each.join(',')}`;
}
