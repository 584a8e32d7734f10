import { isDeepStrictEqual } from 'node:util';
import type { ExecutionStatus, Outputs } from './api-client.js';
import type { GeneratedDag } from './random-dags.js';

const ENDED = new Set(['COMPLETED', 'FAILED', 'CANCELLED']);
/** A node in one of these states stays in it, unless somebody redrives its execution. */
const SETTLED = new Set(['COMPLETED', 'FAILED', 'SKIPPED', 'CANCELLED']);

/** One execution whose submission was acknowledged, and all that the API has told of it since. */
export interface LedgerEntry {
  readonly executionId: string;
  readonly dag: GeneratedDag;
  /** `unsure`: a trigger was sent and no answer came. */
  trigger: 'none' | 'unsure' | 'acknowledged';
  beingRead: boolean;
  /** The ended state that a read has shown. */
  ended?: string;
  /** Settled states that reads have shown, by node id. */
  readonly settled: Map<string, string>;
  /** Outputs that reads have shown, by node id. */
  readonly outputs: Map<string, unknown>;
}

/**
 * What an engine has acknowledged and shown, and the promises that follow: nothing acknowledged vanishes, and nothing
 * that was shown as settled changes.
 */
export class AcknowledgementLedger {
  readonly violations: string[] = [];
  /** In the order of their acknowledgement. */
  readonly entries: LedgerEntry[] = [];
  readonly #byId = new Map<string, LedgerEntry>();

  /** A submission was acknowledged; again with the same id where an idempotency key was used twice. */
  submitted(executionId: string, dag: GeneratedDag, triggered: boolean): LedgerEntry {
    const known = this.#byId.get(executionId);
    if (known) return known;
    const entry: LedgerEntry = {
      executionId,
      dag,
      trigger: triggered ? 'acknowledged' : 'none',
      beingRead: false,
      settled: new Map(),
      outputs: new Map(),
    };
    this.#byId.set(executionId, entry);
    this.entries.push(entry);
    return entry;
  }

  /** Checks what a read shows against the promises, and remembers it. */
  observeStatus(entry: LedgerEntry, shown: ExecutionStatus): void {
    if (entry.ended !== undefined && shown.status !== entry.ended) {
      this.#violated(entry, `was shown as ${entry.ended}, now as ${shown.status}`);
    }
    if (entry.trigger === 'acknowledged' && shown.status === 'PENDING') {
      this.#violated(entry, 'was triggered and is PENDING');
    }
    if (entry.trigger === 'none' && shown.status !== 'PENDING') {
      this.#violated(entry, `was never triggered and is ${shown.status}`);
    }
    if (ENDED.has(shown.status)) this.#observeEnd(entry, shown);
    for (const [nodeId, before] of entry.settled) {
      const now = shown.node_statuses[nodeId];
      if (now !== before) this.#violated(entry, `node ${nodeId} was shown as ${before}, now as ${now}`);
    }
    for (const [nodeId, status] of Object.entries(shown.node_statuses)) {
      if (SETTLED.has(status)) entry.settled.set(nodeId, status);
    }
    this.#checkOrder(entry, shown);
  }

  /** `outputs`: what /results answers, asked after the states that were observed last. */
  observeOutputs(entry: LedgerEntry, outputs: Outputs): void {
    for (const [nodeId, before] of entry.outputs) {
      if (!isDeepStrictEqual(outputs[nodeId], before))
        this.#violated(entry, `the output of ${nodeId} has changed`);
    }
    for (const [nodeId, output] of Object.entries(outputs)) {
      entry.outputs.set(nodeId, output);
      const expected = entry.dag.expectedOutputs.get(nodeId);
      if (!isDeepStrictEqual(output, expected)) {
        this.#violated(
          entry,
          `node ${nodeId} put out ${JSON.stringify(output)}, not ${JSON.stringify(expected)}`,
        );
      }
    }
    for (const nodeId of entry.dag.expectedOutputs.keys()) {
      if (entry.settled.get(nodeId) === 'COMPLETED' && !(nodeId in outputs)) {
        this.#violated(entry, `node ${nodeId} is COMPLETED and its output is missing`);
      }
    }
  }

  vanished(entry: LedgerEntry, why: string): void {
    this.#violated(entry, `was acknowledged and cannot be read: ${why}`);
  }

  #observeEnd(entry: LedgerEntry, shown: ExecutionStatus): void {
    entry.ended = shown.status;
    if (shown.status !== entry.dag.expectedStatus) {
      this.#violated(entry, `ended ${shown.status}, expected ${entry.dag.expectedStatus}`);
    }
    for (const node of entry.dag.definition.dag.nodes) {
      const status = shown.node_statuses[node.id];
      if (!SETTLED.has(status ?? '')) this.#violated(entry, `ended with node ${node.id} ${status}`);
      if (status === 'SKIPPED' && !entry.dag.skipped.has(node.id)) {
        this.#violated(entry, `node ${node.id} was skipped against its condition`);
      }
    }
  }

  /** A node starts after all that it depends on has finished. */
  #checkOrder(entry: LedgerEntry, shown: ExecutionStatus): void {
    for (const node of entry.dag.definition.dag.nodes) {
      const startedAt = shown.nodes?.[node.id]?.started_at;
      if (!startedAt) continue;
      for (const dependency of node.dependencies ?? []) {
        const finishedAt = shown.nodes?.[dependency]?.finished_at;
        if (!finishedAt || Date.parse(finishedAt) > Date.parse(startedAt)) {
          this.#violated(
            entry,
            `${node.id} started at ${startedAt}, before ${dependency} (${finishedAt ?? 'unfinished'})`,
          );
        }
      }
    }
  }

  #violated(entry: LedgerEntry, what: string): void {
    this.violations.push(`${entry.executionId} (${entry.dag.definition.name}) ${what}`);
  }
}
