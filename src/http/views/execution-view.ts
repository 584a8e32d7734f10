import type { ExecutionView } from '../../engine/workflow-engine.js';
import type { Plan } from '../../model/plan.js';
import type { ExecutionSnapshot, ExecutionSummary, NodeSnapshot } from '../../model/snapshot.js';
import { API_EXECUTION_STATUS, API_NODE_STATUS, hasEnded, type NodeState } from '../../model/states.js';
import { withoutTrace } from '../../model/trace-context.js';
import { errorView, instant, nodeKeys } from './json-text.js';

export interface StatusDetail {
  /** Whether each node's attempts, times and errors are told. */
  readonly nodes: boolean;
}

/** JSON text of an execution's status. A snapshot without nodes is of an execution that was never started. */
export function statusText({ snapshot, plan }: ExecutionView, detail: StatusDetail): string {
  const head =
    `{"execution_id":"${snapshot.executionId}","workflow_id":"${snapshot.workflowId}",` +
    `"status":"${API_EXECUTION_STATUS[snapshot.state]}","node_statuses":${nodeStatusesText(snapshot, plan)}`;
  const nodes = detail.nodes ? `,"params":${paramsText(snapshot)},"nodes":${nodesText(snapshot, plan)}` : '';
  return `${head},"name":${JSON.stringify(snapshot.name)},${timesText(snapshot)}${nodes}}`;
}

/** One row of a list. */
export function summaryView(summary: ExecutionSummary): Readonly<Record<string, unknown>> {
  return {
    execution_id: summary.executionId,
    workflow_id: summary.workflowId,
    name: summary.name,
    status: API_EXECUTION_STATUS[summary.state],
    ...executionTimes(summary),
  };
}

/** As they were given, never parsed. */
function paramsText(snapshot: ExecutionSnapshot): string {
  const params = withoutTrace(snapshot.params);
  return params.length === 0 ? '{}' : Buffer.from(params).toString();
}

function timesText(snapshot: ExecutionSnapshot): string {
  return JSON.stringify(executionTimes(snapshot)).slice(1, -1);
}

/** When it came, began and ended, and why it failed. */
export function executionTimes(
  snapshot: Pick<ExecutionSnapshot, 'createdAt' | 'startedAt' | 'finishedAt' | 'error'>,
): Readonly<Record<string, unknown>> {
  return {
    created_at: instant(snapshot.createdAt),
    started_at: instant(snapshot.startedAt),
    finished_at: instant(snapshot.finishedAt),
    error: errorView(snapshot.error),
  };
}

function nodeStatusesText(snapshot: ExecutionSnapshot, plan: Plan): string {
  const keys = nodeKeys(plan);
  const fields = keys.map((key, index) => `${key}"${API_NODE_STATUS[stateOf(snapshot, index)]}"`);
  return `{${fields.join(',')}}`;
}

function nodesText(snapshot: ExecutionSnapshot, plan: Plan): string {
  const keys = nodeKeys(plan);
  return `{${keys.map((key, index) => key + JSON.stringify(nodeView(snapshot, index))).join(',')}}`;
}

/** Nodes of an execution that ended before it was started are cancelled with it. */
export function stateOf(snapshot: ExecutionSnapshot, index: number): NodeState {
  return snapshot.nodes[index]?.state ?? (hasEnded(snapshot.state) ? 'cancelled' : 'pending');
}

export function nodeTimes(node: NodeSnapshot | undefined): Readonly<Record<string, string | null>> {
  return {
    queued_at: instant(node?.queuedAt),
    started_at: instant(node?.startedAt),
    finished_at: instant(node?.finishedAt),
    due_at: instant(node?.dueAt),
  };
}

function nodeView(snapshot: ExecutionSnapshot, index: number): Readonly<Record<string, unknown>> {
  const node = snapshot.nodes[index];
  return {
    state: stateOf(snapshot, index).toUpperCase(),
    attempt: node?.attempt ?? 0,
    host: node?.host ?? null,
    ...nodeTimes(node),
    error: errorView(node?.error),
    failures: (node?.failures ?? []).map((failure) => ({
      attempt: failure.attempt,
      host: failure.host,
      started_at: instant(failure.startedAt),
      finished_at: instant(failure.finishedAt),
      error: errorView(failure.error),
    })),
  };
}
