import type { Pool } from 'pg';
import type { ExecutionId } from '../../model/ids.js';
import type { ExecutionSummary } from '../../model/snapshot.js';
import { EXECUTION_STATES, type ExecutionState, hasEnded } from '../../model/states.js';
import type { ExecutionPage, ExecutionQuery } from '../history-store.js';
import { leastIdAt } from './day-partitions.js';
import { decodeSummary, escapeText, SUMMARY_COLUMNS, type SummaryRow } from './record-codec.js';

/** What the hot store says of executions that the record has as unfinished. */
export type HotSummaries = (
  ids: readonly ExecutionId[],
) => Promise<readonly (ExecutionSummary | undefined)[]>;

/** Rows of one more look, where those of the look before were in another state by now; and how many looks a page takes. */
const LOOK_ROWS = 500;
const MAX_LOOKS = 5;

/**
 * One page, newest first, by keyset. `hot` brings the states of unfinished ones up to date; those that are then in another state than
 * the query's are left out, so that a page may be short, or even empty, and have a next one.
 */
export async function listExecutions(
  pool: Pool,
  hot: HotSummaries,
  query: ExecutionQuery,
): Promise<ExecutionPage> {
  const asked = await withoutNeedlessName(pool, query);
  if (!asked) return { executions: [], next: undefined };
  const { limit, state } = asked;
  const found: ExecutionSummary[] = [];
  let { before } = asked;
  for (let look = 1; ; look++) {
    const wanted = look === 1 ? limit + 1 : Math.max(limit + 1, LOOK_ROWS);
    const rows = await queryRows(pool, { ...asked, ...(before && { before }) }, wanted);
    const current = await broughtUpToDate(pool, hot, rows);
    found.push(...current.filter((summary) => state === undefined || summary.state === state));
    if (found.length > limit) {
      const executions = found.slice(0, limit);
      return { executions, next: executions.at(-1)?.executionId };
    }
    if (rows.length < wanted) return { executions: found, next: undefined };
    before = rows.at(-1)?.executionId;
    if (look === MAX_LOOKS) return { executions: found, next: before };
  }
}

/** A workflow has one name, so that beside it a name either excludes nothing or everything; undefined: everything. */
async function withoutNeedlessName(pool: Pool, query: ExecutionQuery): Promise<ExecutionQuery | undefined> {
  const { name, ...rest } = query;
  if (name === undefined || rest.workflowId === undefined) return query;
  const { rows } = await pool.query<{ name: string }>(
    `(SELECT name FROM unfinished WHERE workflow_id = $1 LIMIT 1) UNION ALL
     (SELECT name FROM executions WHERE workflow_id = $1 LIMIT 1)`,
    [rest.workflowId],
  );
  return rows[0]?.name === escapeText(name) ? rest : undefined;
}

/**
 * What is unfinished in the record and gone from the hot store has either been parked, and the record is right, or has ended and left
 * since the record was asked, and the record knows by now.
 */
async function broughtUpToDate(
  pool: Pool,
  hot: HotSummaries,
  summaries: readonly ExecutionSummary[],
): Promise<ExecutionSummary[]> {
  const open = summaries.filter((summary) => !hasEnded(summary.state)).map((each) => each.executionId);
  if (open.length === 0) return [...summaries];
  const held = await hot(open);
  const current = new Map<ExecutionId, ExecutionSummary>();
  for (const [index, id] of open.entries()) {
    const summary = held[index];
    if (summary) current.set(id, summary);
  }
  const gone = open.filter((id) => !current.has(id));
  for (const summary of await readSummaries(pool, gone)) current.set(summary.executionId, summary);
  return summaries.map((summary) => current.get(summary.executionId) ?? summary);
}

async function readSummaries(pool: Pool, ids: readonly ExecutionId[]): Promise<ExecutionSummary[]> {
  if (ids.length === 0) return [];
  const { rows } = await pool.query<SummaryRow>(
    `SELECT ${SUMMARY_COLUMNS} FROM unfinished WHERE execution_id = ANY($1::uuid[]) UNION ALL
     SELECT ${SUMMARY_COLUMNS} FROM executions WHERE execution_id = ANY($1::uuid[])`,
    [ids],
  );
  return rows.map(decodeSummary);
}

/**
 * The newest rows, all in one statement: it sees one instant of the record, in which an execution stands in one of the two tables.
 * With a filter the states are asked for one by one, each from the index that ends with the id, so that nothing is read that is not
 * shown.
 */
async function queryRows(pool: Pool, query: ExecutionQuery, limit: number): Promise<ExecutionSummary[]> {
  const values: unknown[] = [];
  const isFiltered = query.name !== undefined || query.workflowId !== undefined;
  const conditions = conditionsOf(query, values);
  const part = (table: string, state?: ExecutionState): string => {
    const inState = state === undefined ? [] : [`state = ${EXECUTION_STATES.indexOf(state)}`];
    const all = [...inState, ...conditions];
    const where = all.length > 0 ? `WHERE ${all.join(' AND ')}` : '';
    return `(SELECT ${SUMMARY_COLUMNS} FROM ${table} ${where} ORDER BY execution_id DESC LIMIT ${limit})`;
  };
  const parts = !(query.state || isFiltered)
    ? [part('unfinished'), part('executions')]
    : EXECUTION_STATES.filter((state) => query.state === undefined || state === query.state).map((state) =>
        part(hasEnded(state) ? 'executions' : 'unfinished', state),
      );
  const { rows } = await pool.query<SummaryRow>(
    `SELECT * FROM (${parts.join(' UNION ALL ')}) AS found ORDER BY execution_id DESC LIMIT ${limit}`,
    values,
  );
  return rows.map(decodeSummary);
}

function conditionsOf(query: ExecutionQuery, values: unknown[]): string[] {
  const conditions: string[] = [];
  const add = (column: string, operator: string, value: unknown): void => {
    values.push(value);
    conditions.push(`${column} ${operator} $${values.length}`);
  };
  if (query.before !== undefined) add('execution_id', '<', query.before);
  if (query.createdBefore !== undefined) add('execution_id', '<', leastIdAt(Math.ceil(query.createdBefore)));
  if (query.createdAfter !== undefined)
    add('execution_id', '>=', leastIdAt(Math.floor(query.createdAfter) + 1));
  if (query.workflowId !== undefined) add('workflow_id', '=', query.workflowId);
  if (query.name !== undefined) add('name', '=', escapeText(query.name));
  return conditions;
}
