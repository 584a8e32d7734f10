import type { ExecutionView } from '../../engine/workflow-engine.js';
import { changePosition, nodeProgress } from '../../model/change-position.js';
import type { ExecutionSnapshot } from '../../model/snapshot.js';
import { API_EXECUTION_STATUS, API_NODE_STATUS, hasEnded } from '../../model/states.js';
import { executionTimes, nodeTimes, stateOf, statusText } from './execution-view.js';
import { errorView } from './json-text.js';

/** A comment of an event stream: keeps the connection open and means nothing. */
export const HEARTBEAT = ':\n\n';

/** The state as a whole; the stream goes on from its id. */
export function snapshotEvent(view: ExecutionView): string {
  return eventText('snapshot', statusText(view, { nodes: false }), changePosition(view.snapshot));
}

/** The last event of a stream. */
export function endEvent({ snapshot }: ExecutionView): string {
  return eventText('end', executionText(snapshot), changePosition(snapshot));
}

/**
 * What lies between two views, one event for each node that changed and one for the execution. Only the last one has an
 * id: who lost the others of them gets all of them again.
 */
export function changeEvents(before: ExecutionView, after: ExecutionView): string {
  const { snapshot, plan } = after;
  const parts: { readonly name: string; readonly data: string }[] = [];
  for (let index = 0; index < plan.nodes.length; index++) {
    if (!hasChanged(before.snapshot, snapshot, index)) continue;
    parts.push({ name: 'node', data: nodeText(after, index) });
  }
  if (hasEnded(snapshot.state)) parts.push({ name: 'end', data: executionText(snapshot) });
  else if (before.snapshot.revision !== snapshot.revision)
    parts.unshift({ name: 'execution', data: executionText(snapshot) });
  const last = parts.length - 1;
  const id = changePosition(snapshot);
  return parts.map(({ name, data }, at) => eventText(name, data, at === last ? id : undefined)).join('');
}

function hasChanged(before: ExecutionSnapshot, after: ExecutionSnapshot, index: number): boolean {
  const [was, is] = [before.nodes[index], after.nodes[index]];
  if (stateOf(before, index) !== stateOf(after, index)) return true;
  return was !== undefined && is !== undefined && nodeProgress(was) !== nodeProgress(is);
}

function nodeText({ snapshot, plan }: ExecutionView, index: number): string {
  const node = snapshot.nodes[index];
  const state = stateOf(snapshot, index);
  return JSON.stringify({
    execution_id: snapshot.executionId,
    node_id: plan.nodes[index]?.id,
    status: API_NODE_STATUS[state],
    state: state.toUpperCase(),
    attempt: node?.attempt ?? 0,
    host: node?.host ?? null,
    ...nodeTimes(node),
    error: errorView(node?.error),
  });
}

function executionText(snapshot: ExecutionSnapshot): string {
  return JSON.stringify({
    execution_id: snapshot.executionId,
    workflow_id: snapshot.workflowId,
    status: API_EXECUTION_STATUS[snapshot.state],
    name: snapshot.name,
    ...executionTimes(snapshot),
  });
}

/** `data`: JSON text, which has no line break of its own. */
function eventText(name: string, data: string, id: string | undefined): string {
  return `event: ${name}\n${id === undefined ? '' : `id: ${id}\n`}data: ${data}\n\n`;
}
