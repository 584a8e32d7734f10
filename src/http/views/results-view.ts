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
    const output = snapshot.nodes[index]?.output;
    if (!output) continue;
    parts.push(Buffer.from(separator + key), output);
    separator = ',';
  }
  parts.push(Buffer.from('}}'));
  return Buffer.concat(parts);
}
