import type { Pool } from 'pg';
import type { ExecutionId, WorkflowId } from '../../model/ids.js';
import type { ExecutionSummary } from '../../model/snapshot.js';
import { EXECUTION_STATES, type ExecutionState, hasEnded } from '../../model/states.js';
import type { ExecutionPage, ExecutionQuery } from '../history-store.js';
import { leastIdAt } from './day-partitions.js';
import { decodeError, escapeText, unescapeText } from './record-codec.js';

/** What the hot store says of executions that the record has as unfinished. */
export type HotSummaries = (
  ids: readonly ExecutionId[],
) => Promise<readonly (ExecutionSummary | undefined)[]>;

interface SummaryRow {
  readonly execution_id: string;
  readonly workflow_id: string;
  readonly name: string;
  readonly state: number;
  readonly created_at: string;
  readonly started_at: string | null;
  readonly finished_at: string | null;
  readonly error: Buffer | null;
}

const COLUMNS = 'execution_id, workflow_id, name, state, created_at, started_at, finished_at, error';
const ENDED = EXECUTION_STATES.filter(hasEnded);

/** One page, newest first, by keyset. `hot` brings the states of unfinished ones up to date. */
export async function listExecutions(
  pool: Pool,
  hot: HotSummaries,
  query: ExecutionQuery,
): Promise<ExecutionPage> {
  const { state, limit } = query;
  if (state !== undefined && !hasEnded(state)) return listUnfinished(pool, hot, query);
  const ended = await queryEnded(pool, query, limit + 1);
  if (state !== undefined) return pageOf(ended, limit);
  const open = await overlay(hot, await queryUnfinished(pool, query, limit + 1));
  const all = [...ended, ...open].sort((a, b) => (a.executionId < b.executionId ? 1 : -1));
  return pageOf(distinct(all), limit);
}

/** Rows whose state is another by now are dropped; the page goes on until it is full or there is nothing more. */
async function listUnfinished(pool: Pool, hot: HotSummaries, query: ExecutionQuery): Promise<ExecutionPage> {
  const found: ExecutionSummary[] = [];
  let before = query.before;
  for (;;) {
    const rows = await queryUnfinished(pool, { ...query, ...(before && { before }) }, query.limit + 1);
    const current = await overlay(hot, rows);
    found.push(...current.filter((summary) => summary.state === query.state));
    before = rows.at(-1)?.executionId;
    if (found.length > query.limit || rows.length <= query.limit) return pageOf(found, query.limit);
  }
}

async function overlay(hot: HotSummaries, rows: readonly ExecutionSummary[]): Promise<ExecutionSummary[]> {
  if (rows.length === 0) return [];
  const current = await hot(rows.map((row) => row.executionId));
  return rows.map((row, index) => current[index] ?? row);
}

function pageOf(summaries: readonly ExecutionSummary[], limit: number): ExecutionPage {
  const executions = summaries.slice(0, limit);
  return { executions, next: summaries.length > limit ? executions.at(-1)?.executionId : undefined };
}

function distinct(sorted: readonly ExecutionSummary[]): ExecutionSummary[] {
  return sorted.filter((summary, index) => summary.executionId !== sorted[index - 1]?.executionId);
}

class Conditions {
  readonly values: unknown[] = [];
  readonly #parts: string[] = [];

  add(column: string, operator: string, value: unknown): void {
    this.values.push(value);
    this.#parts.push(`${column} ${operator} $${this.values.length}`);
  }
  get text(): string {
    return this.#parts.length > 0 ? `WHERE ${this.#parts.join(' AND ')}` : '';
  }
}

function conditionsOf(query: ExecutionQuery): Conditions {
  const conditions = new Conditions();
  if (query.before !== undefined) conditions.add('execution_id', '<', query.before);
  if (query.createdBefore !== undefined) conditions.add('execution_id', '<', leastIdAt(query.createdBefore));
  if (query.createdAfter !== undefined)
    conditions.add('execution_id', '>=', leastIdAt(Math.floor(query.createdAfter) + 1));
  if (query.workflowId !== undefined) conditions.add('workflow_id', '=', query.workflowId);
  if (query.name !== undefined) conditions.add('name', '=', escapeText(query.name));
  return conditions;
}

async function queryUnfinished(
  pool: Pool,
  query: ExecutionQuery,
  limit: number,
): Promise<ExecutionSummary[]> {
  const conditions = conditionsOf(query);
  const { rows } = await pool.query<SummaryRow>(
    `SELECT ${COLUMNS} FROM unfinished ${conditions.text} ORDER BY execution_id DESC LIMIT ${limit}`,
    conditions.values,
  );
  return rows.map(summaryOf);
}

/** With a filter the states are asked for one by one, each from the index that ends with the id: so no page reads rows that it does
 * not show. */
async function queryEnded(pool: Pool, query: ExecutionQuery, limit: number): Promise<ExecutionSummary[]> {
  const isFiltered = query.name !== undefined || query.workflowId !== undefined;
  const states: readonly (ExecutionState | undefined)[] =
    query.state !== undefined ? [query.state] : isFiltered ? ENDED : [undefined];
  const pages = await Promise.all(
    states.map(async (state) => {
      const conditions = conditionsOf(query);
      if (state !== undefined) conditions.add('state', '=', EXECUTION_STATES.indexOf(state));
      const { rows } = await pool.query<SummaryRow>(
        `SELECT ${COLUMNS} FROM executions ${conditions.text} ORDER BY execution_id DESC LIMIT ${limit}`,
        conditions.values,
      );
      return rows.map(summaryOf);
    }),
  );
  return pages
    .flat()
    .sort((a, b) => (a.executionId < b.executionId ? 1 : -1))
    .slice(0, limit);
}

function summaryOf(row: SummaryRow): ExecutionSummary {
  const error = decodeError(row.error);
  return {
    executionId: row.execution_id as ExecutionId,
    workflowId: row.workflow_id as WorkflowId,
    name: unescapeText(row.name),
    state: EXECUTION_STATES[row.state] ?? 'pending',
    createdAt: Number(row.created_at),
    ...(row.started_at !== null && { startedAt: Number(row.started_at) }),
    ...(row.finished_at !== null && { finishedAt: Number(row.finished_at) }),
    ...(error && { error }),
  };
}
