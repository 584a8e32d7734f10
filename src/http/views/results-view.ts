import type { ExecutionView } from '../../engine/workflow-engine.js';
import { nodeKeys } from './json-text.js';

/** JSON text of an execution's outputs. The outputs are JSON text already: they are copied, never parsed. */
export function resultsBytes({ snapshot, plan }: ExecutionView): Buffer {
  const parts: Uint8Array[] = [
    Buffer.from(
      `{"execution_id":"${snapshot.executionId}","workflow_id":"${snapshot.workflowId}","outputs":{`,
    ),
  ];
  let separator = '';
  for (const [index, key] of nodeKeys(plan).entries()) {
    const node = snapshot.nodes[index];
    // A sleeping node holds already what it will end with.
    if (!node?.output || node.state !== 'completed') continue;
    parts.push(Buffer.from(separator + key), node.output);
    separator = ',';
  }
  parts.push(Buffer.from('}}'));
  return Buffer.concat(parts);
}
