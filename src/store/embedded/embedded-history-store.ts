import type { Clock } from '../../model/clock.js';
import type { OutboxEvent } from '../../model/commands.js';
import type { WorkflowDefinition } from '../../model/definition.js';
import { type ExecutionRecord, recordFromSnapshot } from '../../model/execution-record.js';
import { type ExecutionId, uuidToBytes, type WorkflowId } from '../../model/ids.js';
import type { ExecutionSnapshot, ExecutionSummary } from '../../model/snapshot.js';
import type { ExecutionPage, ExecutionQuery, HistoryStore } from '../history-store.js';
import { CallbackTable } from './callback-table.js';
import type { EmbeddedStateStore } from './embedded-state-store.js';
import type { Environment } from './environment.js';
import { executionIdAtEnd, ID_BYTES, namePrefix, statePrefix, workflowPrefix } from './index-keys.js';
import { type KeyRange, prefixRange, walk } from './key-range.js';
import { RecordTables } from './record-tables.js';
import { type RetentionOptions, RetentionSweep } from './retention-sweep.js';
import { decodeText, type ExecutionHead } from './row-codec.js';
import { committed } from './unavailable.js';

export interface EmbeddedHistoryStoreOptions extends RetentionOptions {
  readonly environment: Environment;
  readonly clock: Clock;
  /** Unfinished executions stand in lists too, and only it knows them. */
  readonly state: EmbeddedStateStore;
}

const TIME_BYTES = 6;

/**
 * The record, in the same LMDB environment as the state. The state store writes it within its commits; `record` is for
 * executions that come from elsewhere. Lists merge what is recorded with what is unfinished in memory.
 */
export class EmbeddedHistoryStore implements HistoryStore {
  readonly #environment: Environment;
  readonly #clock: Clock;
  readonly #state: EmbeddedStateStore;
  readonly #tables: RecordTables;
  readonly #retention: RetentionSweep;
  readonly callbacks: CallbackTable;

  constructor(options: EmbeddedHistoryStoreOptions) {
    this.#environment = options.environment;
    this.#clock = options.clock;
    this.#state = options.state;
    this.#tables = new RecordTables(options.environment);
    this.#retention = new RetentionSweep(options);
    this.callbacks = new CallbackTable(options);
  }

  async record(events: readonly OutboxEvent[]): Promise<void> {
    if (events.length === 0) return;
    for (const { snapshot, plan } of events) {
      const present = this.#tables.read(snapshot.executionId);
      if (present && present.revision >= snapshot.revision) continue;
      if (present) this.#tables.remove(snapshot.executionId);
      this.#tables.putDefinition(plan);
      this.#tables.put(recordFromSnapshot(snapshot, plan));
    }
    await committed(this.#environment);
  }

  async definition(workflowId: WorkflowId): Promise<WorkflowDefinition | undefined> {
    await this.#state.isSynced();
    const row = this.#environment.definitions.get(uuidToBytes(workflowId));
    return row && (JSON.parse(decodeText(row)) as WorkflowDefinition);
  }

  async read(ids: readonly ExecutionId[]): Promise<readonly (ExecutionSnapshot | undefined)[]> {
    return ids.map((id) => this.#tables.read(id));
  }

  async list(query: ExecutionQuery): Promise<ExecutionPage> {
    const wanted = query.limit + 1;
    const current = this.#unfinished(query, wanted);
    const unfinished = (await this.#state.isSynced()) ? current : this.#syncedUnfinished(query, wanted);
    const recorded = await this.#recorded(query, wanted);
    const seen = new Set(unfinished.map((summary) => summary.executionId));
    const merged = [...unfinished, ...recorded.filter((summary) => !seen.has(summary.executionId))].sort(
      newestFirst,
    );
    const executions = merged.slice(0, query.limit);
    const last = executions.at(-1);
    return { executions, next: merged.length > query.limit && last ? last.executionId : undefined };
  }

  sweep(): Promise<number> {
    return this.#retention.run();
  }

  async close(): Promise<void> {
    // The state store closes the environment that both share.
  }

  /** The newest `wanted` matches in memory. Cost: one look at each unfinished execution. */
  #unfinished(query: ExecutionQuery, wanted: number): ExecutionSummary[] {
    const newest = new Newest<ExecutionRecord>(wanted);
    for (const execution of this.#state.executions()) {
      if (newest.takes(execution) && matches(view(execution), query)) newest.add(execution);
    }
    return newest.sorted().map(summarize);
  }

  /** The same of what the disk has of them. */
  #syncedUnfinished(query: ExecutionQuery, wanted: number): ExecutionSummary[] {
    const newest = new Newest<ExecutionHead>(wanted);
    for (const { executionId } of this.#state.executions()) {
      const head = newest.takes({ executionId }) ? this.#state.syncedHead(executionId) : undefined;
      if (head && matches(head, query)) newest.add(head);
    }
    return newest
      .sorted()
      .map(
        ({ params: _params, deadlineAt: _deadlineAt, revision: _revision, callbackUrl: _url, ...rest }) =>
          rest,
      );
  }

  async #recorded(query: ExecutionQuery, wanted: number): Promise<ExecutionSummary[]> {
    const found: ExecutionSummary[] = [];
    const keep = (summary: ExecutionSummary | undefined): boolean => {
      if (summary && matches(summary, query)) found.push(summary);
      return found.length < wanted;
    };
    const prefix = indexPrefix(query);
    const range = boundedRange(prefix, query);
    if (Buffer.compare(range.to, range.from) < 0) return found;
    const table = prefix.length > 0 ? this.#environment.index : this.#environment.summaries;
    await walk(table, range, this.#clock, (key) => keep(this.#tables.summary(executionIdAtEnd(key))));
    return found;
  }
}

/** The newest of what is added, at most `wanted`. */
class Newest<T extends { readonly executionId: ExecutionId }> {
  readonly #wanted: number;
  #items: T[] = [];
  /** What is not newer does not come into it any more. */
  #threshold = '';

  constructor(wanted: number) {
    this.#wanted = wanted;
  }

  takes({ executionId }: { readonly executionId: ExecutionId }): boolean {
    return executionId > this.#threshold;
  }

  add(item: T): void {
    this.#items.push(item);
    if (this.#items.length < 4 * this.#wanted) return;
    this.#items = this.sorted();
    this.#threshold = this.#items.at(-1)?.executionId ?? '';
  }

  sorted(): T[] {
    return this.#items.sort(newestFirst).slice(0, this.#wanted);
  }
}

/** The index that leaves the fewest rows to look at; empty: the summaries themselves. */
function indexPrefix(query: ExecutionQuery): Buffer {
  if (query.workflowId) return workflowPrefix(query.workflowId);
  if (query.state && query.state !== 'completed') return statePrefix(query.state);
  if (query.name !== undefined) return namePrefix(query.name);
  if (query.state) return statePrefix(query.state);
  return Buffer.alloc(0);
}

/** Times of creation stand in the ids, so they bound the keys. */
function boundedRange(prefix: Buffer, query: ExecutionQuery): KeyRange {
  const range = prefixRange(prefix, prefix.length + ID_BYTES, true);
  const at = prefix.length;
  if (query.createdAfter !== undefined) writeTime(range.from, at, Math.floor(query.createdAfter) + 1);
  if (query.createdBefore !== undefined) {
    writeTime(range.to, at, Math.ceil(query.createdBefore) - 1);
    range.to.fill(0xff, at + TIME_BYTES);
  }
  if (query.before) {
    const before = Buffer.concat([prefix, uuidToBytes(query.before)]);
    if (Buffer.compare(before, range.to) < 0) return { ...range, to: before };
  }
  return range;
}

function writeTime(key: Buffer, at: number, timeMs: number): void {
  key.writeUIntBE(Math.min(Math.max(0, timeMs), 2 ** 48 - 1), at, TIME_BYTES);
}

interface Listed {
  readonly executionId: ExecutionId;
  readonly workflowId: WorkflowId;
  readonly name: string;
  readonly state: ExecutionSummary['state'];
  readonly createdAt: number;
}

function matches(summary: Listed, query: ExecutionQuery): boolean {
  return (
    (query.before === undefined || summary.executionId < query.before) &&
    (query.state === undefined || summary.state === query.state) &&
    (query.name === undefined || summary.name === query.name) &&
    (query.workflowId === undefined || summary.workflowId === query.workflowId) &&
    (query.createdAfter === undefined || summary.createdAt > query.createdAfter) &&
    (query.createdBefore === undefined || summary.createdAt < query.createdBefore)
  );
}

function view({ executionId, plan, state, createdAt }: ExecutionRecord): Listed {
  return { executionId, workflowId: plan.workflowId, name: plan.name, state, createdAt };
}

function summarize(execution: ExecutionRecord): ExecutionSummary {
  const { executionId, plan, state, createdAt, startedAt, finishedAt, error } = execution;
  return {
    executionId,
    workflowId: plan.workflowId,
    name: plan.name,
    state,
    createdAt,
    ...(startedAt !== undefined && { startedAt }),
    ...(finishedAt !== undefined && { finishedAt }),
    ...(error && { error }),
  };
}

function newestFirst(a: { readonly executionId: string }, b: { readonly executionId: string }): number {
  return a.executionId < b.executionId ? 1 : a.executionId > b.executionId ? -1 : 0;
}
