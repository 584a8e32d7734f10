import type { ExecutionSnapshot, NodeSnapshot } from '../model/snapshot.js';
import type { NaiveExecution, NaiveNode } from './naive-machine.js';

/** What the rules say of an execution, of a snapshot. */
export function told(snapshot: ExecutionSnapshot): unknown {
  return { ...pickExecution(snapshot), nodes: snapshot.nodes.map(pickNode) };
}

/** The same of a naive execution. */
export function toldNaively(execution: NaiveExecution): unknown {
  return { ...pickExecution(execution), nodes: execution.nodes.map(pickNaiveNode) };
}

interface Compared {
  readonly state: string;
  readonly params: Uint8Array;
  readonly startedAt?: number | undefined;
  readonly finishedAt?: number | undefined;
  readonly deadlineAt?: number | undefined;
}

function pickExecution({ state, params, startedAt, finishedAt, deadlineAt }: Compared): object {
  return { state, params, startedAt, finishedAt, deadlineAt };
}

function pickNode(node: NodeSnapshot): unknown {
  return {
    state: node.state,
    fence: node.fence,
    attempt: node.attempt,
    deliveries: node.deliveries,
    sleeping: node.sleeping ?? false,
    alone: node.alone ?? false,
    dueAt: node.dueAt,
    output: node.output,
    errorCode: node.error?.code,
    config: node.configOverride,
  };
}

function pickNaiveNode(node: NaiveNode): unknown {
  const { state, fence, attempt, deliveries, sleeping, alone, dueAt, output, errorCode, config } = node;
  return { state, fence, attempt, deliveries, sleeping, alone, dueAt, output, errorCode, config };
}
