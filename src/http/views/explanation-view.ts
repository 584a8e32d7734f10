import type { NodeReason } from '../../engine/explain.js';
import type { Explanation } from '../../engine/workflow-engine.js';
import type { Plan } from '../../model/plan.js';
import { API_EXECUTION_STATUS } from '../../model/states.js';
import { stateOf } from './execution-view.js';
import { instant, nodeKeys } from './json-text.js';

/** Parents that are named; the rest are counted. */
const MAX_NAMED_PARENTS = 100;

/** JSON text. Finished nodes are absent. */
export function explanationText({ snapshot, plan, reasons }: Explanation): string {
  const keys = nodeKeys(plan);
  const nodes = [...reasons].map(([index, reason]) => {
    const view = { state: stateOf(snapshot, index).toUpperCase(), ...reasonView(reason, plan) };
    return `${keys[index]}${JSON.stringify(view)}`;
  });
  return (
    `{"execution_id":"${snapshot.executionId}","workflow_id":"${snapshot.workflowId}",` +
    `"status":"${API_EXECUTION_STATUS[snapshot.state]}","nodes":{${nodes.join(',')}}}`
  );
}

function reasonView(reason: NodeReason, plan: Plan): Readonly<Record<string, unknown>> {
  switch (reason.kind) {
    case 'not_triggered':
      return told(reason, 'The execution is not triggered');
    case 'waiting_for_parents': {
      const names = reason.parents.slice(0, MAX_NAMED_PARENTS).map((index) => plan.nodes[index]?.id);
      const count = reason.parents.length;
      const message = `Waits for ${count} ${count === 1 ? 'node' : 'nodes'}`;
      return { ...told(reason, message), parents: names, parent_count: count };
    }
    case 'in_queue': {
      const { queue, depth, since } = reason;
      return {
        ...told(reason, `Waits for a worker in queue ${queue}`),
        ...{ queue, queue_depth: depth, since: instant(since) },
      };
    }
    case 'no_host_for_queue':
      return { ...told(reason, `No living host takes queue ${reason.queue}`), queue: reason.queue };
    case 'no_host_for_handler': {
      const { handler, queue } = reason;
      const message = `No living host that takes queue ${queue} has handler ${handler}`;
      return { ...told(reason, message), handler, queue };
    }
    case 'backing_off':
    case 'sleeping':
    case 'circuit_open':
      return { ...told(reason, DELAYS[reason.kind]), until: instant(reason.until) };
    case 'running':
    case 'host_gone': {
      const { host, since } = reason;
      const message =
        reason.kind === 'running' ? `Runs on ${host}` : `Its host ${host} has stopped answering`;
      return { ...told(reason, message), host, since: instant(since) };
    }
  }
}

const DELAYS = {
  backing_off: 'Waits for its next attempt',
  sleeping: 'Sleeps, as its handler asked',
  circuit_open: 'Waits until the circuit of what it calls lets a trial through',
} as const;

function told({ kind }: NodeReason, message: string): { readonly reason: string; readonly message: string } {
  return { reason: kind, message };
}
