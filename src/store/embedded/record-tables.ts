import { deadLettersOf, encodeDeadLetterKey } from '../../model/dead-letter.js';
import { type ExecutionRecord, snapshotExecution } from '../../model/execution-record.js';
import { type ExecutionId, uuidToBytes } from '../../model/ids.js';
import type { Plan } from '../../model/plan.js';
import type { ExecutionSnapshot, ExecutionSummary } from '../../model/snapshot.js';
import { putCallback } from './callback-table.js';
import type { Environment } from './environment.js';
import { indexKeysOf } from './index-keys.js';
import {
  decodeRecord,
  decodeSummary,
  encodeDeadLetter,
  encodeRecord,
  encodeSummary,
  encodeText,
} from './row-codec.js';

const NOTHING = Buffer.alloc(0);

/** Writes into the open commit; call from one turn of the event loop, so that all of it is one transaction. */
export class RecordTables {
  readonly #environment: Environment;

  constructor(environment: Environment) {
    this.#environment = environment;
  }

  /** Puts an execution into the record, with its dead letters and all that lists find it by. */
  put(execution: ExecutionRecord): void {
    const { records, summaries, index, dead } = this.#environment;
    const key = uuidToBytes(execution.executionId);
    void records.put(key, encodeRecord(execution));
    const { executionId, state, createdAt, startedAt, finishedAt, error } = execution;
    const { workflowId, name } = execution.plan;
    void summaries.put(
      key,
      encodeSummary({
        executionId,
        workflowId,
        name,
        state,
        createdAt,
        ...(startedAt !== undefined && { startedAt }),
        ...(finishedAt !== undefined && { finishedAt }),
        ...(error && { error }),
      }),
    );
    for (const entry of indexKeysOf({ executionId, name, workflowId, state, finishedAt }))
      void index.put(entry, NOTHING);
    if (execution.callbackUrl !== undefined && finishedAt !== undefined)
      putCallback(this.#environment, { executionId, finishedAt, url: execution.callbackUrl });
    if (state !== 'failed') return;
    for (const letter of deadLettersOf(snapshotExecution(execution), execution.plan)) {
      void dead.put(encodeDeadLetterKey(letter), encodeDeadLetter(letter));
    }
  }

  /** Takes an execution out of the record, with all that points to it. */
  remove(executionId: ExecutionId): void {
    const { records, summaries, index, dead } = this.#environment;
    const key = uuidToBytes(executionId);
    const summary = this.summary(executionId);
    if (!summary) return;
    for (const entry of indexKeysOf(summary)) void index.remove(entry);
    if (summary.state === 'failed') {
      const record = this.read(executionId);
      for (const [node, { state, finishedAt }] of (record?.nodes ?? []).entries()) {
        if (state !== 'failed') continue;
        const failedAt = finishedAt ?? summary.finishedAt ?? summary.createdAt;
        void dead.remove(encodeDeadLetterKey({ failedAt, executionId, node }));
      }
    }
    void records.remove(key);
    void summaries.remove(key);
  }

  putDefinition(plan: Plan): void {
    const key = uuidToBytes(plan.workflowId);
    void this.#environment.definitions.put(key, encodeText(JSON.stringify(plan.definition)));
  }

  read(executionId: ExecutionId): ExecutionSnapshot | undefined {
    const row = this.#environment.records.get(uuidToBytes(executionId));
    return row && decodeRecord(executionId, row);
  }

  summary(executionId: ExecutionId): ExecutionSummary | undefined {
    const row = this.#environment.summaries.get(uuidToBytes(executionId));
    return row && decodeSummary(executionId, row);
  }
}
