import type { Clock } from '../../model/clock.js';
import { compilePlan } from '../../model/compile-plan.js';
import type { WorkflowDefinition } from '../../model/definition.js';
import { recordFromSnapshot } from '../../model/execution-record.js';
import {
  type ExecutionId,
  timeOfExecutionId,
  uuidFromBytes,
  uuidToBytes,
  type WorkflowId,
} from '../../model/ids.js';
import type { EmbeddedStateStore } from './embedded-state-store.js';
import type { Environment } from './environment.js';
import {
  endPrefix,
  executionIdAtEnd,
  expiryPrefix,
  FIRST_END,
  FIRST_EXPIRY,
  ID_BYTES,
  statePrefix,
  workflowPrefix,
} from './index-keys.js';
import { type KeyRange, prefixRange, walk } from './key-range.js';
import { RecordTables } from './record-tables.js';
import { decodeText } from './row-codec.js';
import { committed } from './unavailable.js';

export interface RetentionOptions {
  readonly environment: Environment;
  readonly clock: Clock;
  readonly state: EmbeddedStateStore;
  /** How long ended executions, their dead letters and unused definitions are kept. */
  readonly retentionMs: number;
  /** When an execution that nobody triggers is cancelled. */
  readonly pendingTtlMs: number;
}

/** Rows that one transaction removes, so that a sweep holds up no commit for long. */
const BATCH = 256;
const HASH_BYTES = 32;

/** Removes what is older than its retention, oldest first, in short transactions between the commits of the state. */
export class RetentionSweep {
  readonly #options: RetentionOptions;
  readonly #tables: RecordTables;

  constructor(options: RetentionOptions) {
    this.#options = options;
    this.#tables = new RecordTables(options.environment);
  }

  /** Answers how many executions went. */
  async run(): Promise<number> {
    const now = this.#options.clock.now();
    const removed = await this.#removeEnded(now - this.#options.retentionMs);
    await this.#expirePending(now);
    await this.#removeIdempotencyKeys(now);
    await this.#removeDefinitions();
    return removed;
  }

  async #removeEnded(endedBefore: number): Promise<number> {
    const range = {
      from: entry(FIRST_END, ID_BYTES, 0),
      to: entry(endPrefix(endedBefore), ID_BYTES, 0),
      reverse: false,
    };
    return this.#inBatches(range, (keys) => {
      for (const key of keys) this.#tables.remove(executionIdAtEnd(key));
    });
  }

  /** Executions that wait in the record since longer than their time to live become cancelled there. */
  async #expirePending(now: number): Promise<void> {
    const range = prefixRange(statePrefix('pending'), 2 + ID_BYTES, false);
    range.to.writeUIntBE(Math.max(0, now - this.#options.pendingTtlMs), 2, 6);
    await this.#inBatches(range, (keys) => {
      for (const key of keys) this.#cancelPending(executionIdAtEnd(key), now);
    });
  }

  #cancelPending(id: ExecutionId, now: number): void {
    if (this.#options.state.holds(id)) return;
    const snapshot = this.#tables.read(id);
    const definition = snapshot && this.#definition(snapshot.workflowId);
    if (!snapshot || !definition || now - timeOfExecutionId(id) < this.#options.pendingTtlMs) return;
    const days = this.#options.pendingTtlMs / 86_400_000;
    this.#tables.remove(id);
    const record = recordFromSnapshot(snapshot, compilePlan(definition));
    record.state = 'cancelled';
    record.finishedAt = now;
    record.revision += 1;
    const message = `it was not triggered within ${days} days`;
    record.error = { code: 'TRIGGER_EXPIRED', message, category: 'validation' };
    this.#tables.put(record);
  }

  async #removeIdempotencyKeys(now: number): Promise<void> {
    const { idempotency, index } = this.#options.environment;
    const range = {
      from: entry(FIRST_EXPIRY, HASH_BYTES, 0),
      to: entry(expiryPrefix(now), HASH_BYTES, 0),
      reverse: false,
    };
    await this.#inBatches(range, (keys) => {
      for (const key of keys) {
        void index.remove(key);
        void idempotency.remove(key.subarray(key.length - HASH_BYTES));
      }
    });
  }

  /** A definition goes with the last record of its executions, unless one is unfinished. */
  async #removeDefinitions(): Promise<void> {
    const { definitions } = this.#options.environment;
    const unused = new Set<WorkflowId>();
    const range = prefixRange(Buffer.alloc(0), ID_BYTES, false);
    await walk(definitions, range, this.#options.clock, (key) => {
      const workflowId = uuidFromBytes(key) as WorkflowId;
      if (!this.#isRecorded(workflowId)) unused.add(workflowId);
      return true;
    });
    if (unused.size === 0) return;
    const candidates = new Set([...unused].filter((id) => !this.#isRecorded(id)));
    for (const id of this.#options.state.forgetDefinitions(candidates))
      void definitions.remove(uuidToBytes(id));
    await committed(this.#options.environment);
  }

  #isRecorded(workflowId: WorkflowId): boolean {
    const { from, to } = prefixRange(workflowPrefix(workflowId), 1 + 2 * ID_BYTES, false);
    return this.#options.environment.index.getKeysCount({ start: from, end: to, limit: 1 }) > 0;
  }

  #definition(workflowId: WorkflowId): WorkflowDefinition | undefined {
    const row = this.#options.environment.definitions.get(uuidToBytes(workflowId));
    return row && (JSON.parse(decodeText(row)) as WorkflowDefinition);
  }

  async #inBatches(range: KeyRange, remove: (keys: readonly Buffer[]) => void): Promise<number> {
    const { index } = this.#options.environment;
    let total = 0;
    let { from } = range;
    for (;;) {
      const keys: Buffer[] = [];
      await walk(index, { ...range, from }, this.#options.clock, (key) => {
        keys.push(key);
        return keys.length < BATCH;
      });
      const last = keys.at(-1);
      if (!last) return total;
      remove(keys);
      await committed(this.#options.environment);
      total += keys.length;
      if (keys.length < BATCH) return total;
      from = Buffer.concat([last, Buffer.of(0)]);
    }
  }
}

function entry(prefix: Buffer, pointerBytes: number, fill: number): Buffer {
  return Buffer.concat([prefix, Buffer.alloc(pointerBytes, fill)]);
}
