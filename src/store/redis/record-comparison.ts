import type { Clock } from '../../model/clock.js';
import type { RestoreCommand, RestoreOutcome } from '../../model/commands.js';
import type { ExecutionId, WorkflowId } from '../../model/ids.js';
import type { Plan } from '../../model/plan.js';
import type { ExecutionSnapshot } from '../../model/snapshot.js';
import type { ExecutionState } from '../../model/states.js';
import type { PartitionClient } from './partition-client.js';
import { COMPARING_KEY, STORE_KEY } from './partition-keys.js';

/** An execution that the record has as unfinished. */
export interface UnfinishedRow {
  readonly executionId: ExecutionId;
  readonly state: ExecutionState;
  readonly revision: number;
}

export interface RecordComparisonOptions {
  readonly client: Pick<PartitionClient, 'command'>;
  readonly clock: Clock;
  readonly host: string;
  readonly record: {
    /** By id, those that were created before that instant. */
    unfinishedRows(
      after: ExecutionId | undefined,
      createdBefore: number,
      limit: number,
    ): Promise<readonly UnfinishedRow[]>;
    read(ids: readonly ExecutionId[]): Promise<readonly (ExecutionSnapshot | undefined)[]>;
    plan(workflowId: WorkflowId): Promise<Plan>;
  };
  /** Revisions in the hot store; undefined: it does not hold the execution. */
  readonly revisions: (ids: readonly ExecutionId[]) => Promise<readonly (number | undefined)[]>;
  readonly restore: (commands: readonly RestoreCommand[]) => Promise<readonly RestoreOutcome[]>;
}

/** Younger ones are left out as a rule, to spare the work: most of them end before they are this old. */
const LEAST_AGE_MS = 60_000;
const PAGE = 500;
const PAGES_PER_ROUND = 4;
/** A round that takes longer is gone on with by the next host. */
const LOCK_MS = 20_000;
const RESTORED_AT_ONCE = 50;

/**
 * Finds what Redis has lost while its epoch stayed, as when the end of its AOF was cut off: running executions of the record that are not
 * in the hot store, or there in an older state. They are brought back as the record knows them. Pending ones may be parked in the
 * record; their trigger brings them back.
 *
 * What is missing is read again before it is restored: an execution that has ended meanwhile was recorded so before it left the hot store.
 * A round looks at a bounded number of rows and leaves its place in Redis, so that hosts take turns and one works at a time.
 */
export class RecordComparison {
  readonly #options: RecordComparisonOptions;

  constructor(options: RecordComparisonOptions) {
    this.#options = options;
  }

  /** Answers how many were brought back. `leastAgeMs`: time since the creation of those that are looked at. */
  async run({ leastAgeMs = LEAST_AGE_MS } = {}): Promise<number> {
    const { client, host } = this.#options;
    const lock = await client.command('SET', COMPARING_KEY, host, 'NX', 'PX', LOCK_MS);
    if (lock === null) return 0;
    try {
      return await this.#round(leastAgeMs);
    } finally {
      await client.command('DEL', COMPARING_KEY);
    }
  }

  async #round(leastAgeMs: number): Promise<number> {
    const { client, clock, record } = this.#options;
    const kept = await client.command('HGET', STORE_KEY, 'compared');
    let after = Buffer.isBuffer(kept) ? (String(kept) as ExecutionId) : undefined;
    let restored = 0;
    for (let page = 0; page < PAGES_PER_ROUND; page++) {
      const rows = await record.unfinishedRows(after, clock.now() - leastAgeMs, PAGE);
      restored += await this.#compare(rows.filter((row) => row.state === 'running'));
      after = rows.length < PAGE ? undefined : rows.at(-1)?.executionId;
      if (after === undefined) break;
    }
    if (after === undefined) await client.command('HDEL', STORE_KEY, 'compared');
    else await client.command('HSET', STORE_KEY, 'compared', after);
    return restored;
  }

  async #compare(rows: readonly UnfinishedRow[]): Promise<number> {
    const { revisions } = this.#options;
    const here = await revisions(rows.map((row) => row.executionId));
    const missing = rows.filter((row, index) => (here[index] ?? -1) < row.revision);
    let restored = 0;
    for (let at = 0; at < missing.length; at += RESTORED_AT_ONCE) {
      restored += await this.#bringBack(
        missing.slice(at, at + RESTORED_AT_ONCE).map((row) => row.executionId),
      );
    }
    return restored;
  }

  async #bringBack(ids: readonly ExecutionId[]): Promise<number> {
    const { record, restore } = this.#options;
    const commands: RestoreCommand[] = [];
    for (const snapshot of await record.read(ids)) {
      if (snapshot?.state !== 'running') continue;
      commands.push({ snapshot, plan: await record.plan(snapshot.workflowId) });
    }
    const outcomes = await restore(commands);
    return outcomes.filter((outcome) => outcome === 'restored').length;
  }
}
