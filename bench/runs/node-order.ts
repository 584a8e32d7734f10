import type { WorkflowDefinition } from '../../src/model/definition.js';
import type { ExecutionStatus } from '../../src/testing/api-client.js';

/** Throws unless every node that ran did so at its first attempt, after all that it depends on, and the execution completed. */
export function verifyNodes(definition: WorkflowDefinition, status: ExecutionStatus): void {
  const { nodes = {}, node_statuses: states } = status;
  if (status.status !== 'COMPLETED') throw new Error(`${definition.name} ended ${status.status}`);
  for (const { id, dependencies = [] } of definition.dag.nodes) {
    if (states[id] === 'SKIPPED') continue;
    const node = nodes[id];
    if (node?.attempt !== 1 || !node.started_at || !node.finished_at)
      throw new Error(`${id} did not run once`);
    for (const dependency of dependencies) {
      if (states[dependency] === 'SKIPPED') continue;
      const finishedAt = nodes[dependency]?.finished_at;
      if (!finishedAt || Date.parse(finishedAt) > Date.parse(node.started_at))
        throw new Error(`${id} started before ${dependency} had finished`);
    }
  }
}
