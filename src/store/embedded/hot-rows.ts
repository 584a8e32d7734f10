import { MillraceError } from '../../model/errors.js';
import type { ExecutionRecord } from '../../model/execution-record.js';
import { type ExecutionId, uuidFromBytes, uuidToBytes } from '../../model/ids.js';
import type { ExecutionSnapshot, NodeSnapshot } from '../../model/snapshot.js';
import type { Environment } from './environment.js';
import { ID_BYTES } from './index-keys.js';
import {
  decodeHead,
  decodeNodeChanges,
  type ExecutionHead,
  encodeHead,
  encodeNodeChanges,
} from './row-codec.js';

const UNTOUCHED: NodeSnapshot = { state: 'pending', fence: 0, attempt: 0, deliveries: 0 };

/**
 * Unfinished executions on disk. Row 0 is an execution's head; each commit that changes nodes of it appends one row
 * with these nodes as they are then, so that what a commit costs grows with what changed and not with the DAG.
 */
export class HotRows {
  readonly #environment: Environment;

  constructor(environment: Environment) {
    this.#environment = environment;
  }

  /** Writes what changed of an execution into the open commit. */
  write(execution: ExecutionRecord, changed: readonly number[]): void {
    const { hot } = this.#environment;
    const { stored } = execution;
    const first = stored.rows === 0;
    if (first || stored.revision !== execution.revision) {
      void hot.put(rowKey(execution.executionId, 0), encodeHead(execution));
      stored.revision = execution.revision;
      if (first) stored.rows = 1;
    }
    const nodes = first ? begun(execution) : changed;
    if (nodes.length === 0) return;
    void hot.put(rowKey(execution.executionId, stored.rows), encodeNodeChanges(execution, nodes));
    stored.rows += 1;
  }

  remove(execution: ExecutionRecord): void {
    const { hot } = this.#environment;
    for (let row = 0; row < execution.stored.rows; row++) void hot.remove(rowKey(execution.executionId, row));
    execution.stored.rows = 0;
    execution.stored.revision = 0;
  }

  /** As of its last commit; undefined: it is not stored here. */
  head(executionId: ExecutionId): ExecutionHead | undefined {
    const row = this.#environment.hot.get(rowKey(executionId, 0));
    return row && decodeHead(executionId, row);
  }

  /** Every stored execution, as of its last commit, and the number of its next row. Throws STORE_DAMAGED. */
  *load(
    nodeCount: (head: ExecutionHead) => number,
  ): Generator<{ snapshot: ExecutionSnapshot; rows: number }> {
    let head: ExecutionHead | undefined;
    let nodes: NodeSnapshot[] = [];
    let rows = 0;
    for (const { key, value } of this.#environment.hot.getRange({})) {
      const executionId = uuidFromBytes(key.subarray(0, ID_BYTES)) as ExecutionId;
      const row = key.readUInt32BE(ID_BYTES);
      if (row === 0) {
        if (head) yield { snapshot: { ...head, nodes }, rows };
        head = decodeHead(executionId, value);
        nodes = head.state === 'pending' ? [] : new Array<NodeSnapshot>(nodeCount(head)).fill(UNTOUCHED);
      } else if (head?.executionId !== executionId) {
        throw new MillraceError('STORE_DAMAGED', `execution ${executionId} has lost its head`);
      } else {
        decodeNodeChanges(value, (index, node) => {
          nodes[index] = node;
        });
      }
      rows = row + 1;
    }
    if (head) yield { snapshot: { ...head, nodes }, rows };
  }
}

/** Nodes that are not as a fresh execution's. */
function begun(execution: ExecutionRecord): number[] {
  const indices: number[] = [];
  for (const [index, node] of execution.nodes.entries()) {
    if (node.state !== 'pending' || node.fence > 0) indices.push(index);
  }
  return indices;
}

function rowKey(executionId: ExecutionId, row: number): Buffer {
  const key = Buffer.allocUnsafe(ID_BYTES + 4);
  key.set(uuidToBytes(executionId), 0);
  key.writeUInt32BE(row, ID_BYTES);
  return key;
}
