import { call } from '../api/call.js';
import { type ExecutionPage, type ExecutionSummary, hasEnded } from '../api/types.js';

const PAGE_SIZE = 50;
/** Unfinished rows whose states are asked for at a time. */
const MAX_ASKED = 200;

export interface ListView {
  readonly rows: readonly ExecutionSummary[];
  /** Newer than the first row, and held back so that nothing moves under the reader. */
  readonly waiting: readonly ExecutionSummary[];
  readonly nextCursor: string | null;
}

export const EMPTY_LIST: ListView = { rows: [], waiting: [], nextCursor: null };

export function readFirstPage(filter: string, signal: AbortSignal): Promise<ExecutionPage> {
  return call('GET', `api/v1/workflow?limit=${PAGE_SIZE}&${filter}`, { signal });
}

export async function withOlderPage(view: ListView, filter: string): Promise<ListView> {
  if (view.nextCursor === null) return view;
  const cursor = encodeURIComponent(view.nextCursor);
  const page: ExecutionPage = await call(
    'GET',
    `api/v1/workflow?limit=${PAGE_SIZE}&${filter}&cursor=${cursor}`,
  );
  const known = new Set(view.rows.map((row) => row.execution_id));
  const older = page.executions.filter((row) => !known.has(row.execution_id));
  return { ...view, rows: [...view.rows, ...older], nextCursor: page.next_cursor };
}

/**
 * The view with what the newest page tells: known rows in place, new ones above where `mayMove`, held back otherwise. A row that
 * the filter no longer takes stays where it is, in its new state.
 */
export function merged(view: ListView, page: ExecutionPage, mayMove: 'move' | 'hold'): ListView {
  if (view.rows.length === 0) {
    return { rows: page.executions, waiting: [], nextCursor: page.next_cursor };
  }
  const fresh = new Map(page.executions.map((row) => [row.execution_id, row]));
  const rows = view.rows.map((row) => fresh.get(row.execution_id) ?? row);
  for (const row of rows) fresh.delete(row.execution_id);
  const newest = view.rows[0]?.execution_id ?? '';
  // Ids grow with time; an older one that is new here only fills a page that became shorter.
  const waiting = [...fresh.values()].filter((row) => row.execution_id > newest);
  if (mayMove === 'hold') return { ...view, rows, waiting };
  return { ...view, rows: [...waiting, ...rows], waiting: [] };
}

export function withWaiting(view: ListView): ListView {
  return { ...view, rows: [...view.waiting, ...view.rows], waiting: [] };
}

/** Rows that are not on the newest page and have not ended, as they are now. */
export async function withStates(
  view: ListView,
  page: ExecutionPage,
  signal: AbortSignal,
): Promise<ListView> {
  const told = new Set(page.executions.map((row) => row.execution_id));
  const asked = view.rows
    .filter((row) => !hasEnded(row.status) && !told.has(row.execution_id))
    .slice(0, MAX_ASKED)
    .map((row) => row.execution_id);
  if (asked.length === 0) return view;
  const { results } = await call<{ results: readonly (ExecutionSummary | { error: unknown })[] }>(
    'POST',
    'api/v1/workflow/batch/status',
    { body: { execution_ids: asked }, signal },
  );
  const fresh = new Map<string, ExecutionSummary>();
  for (const result of results)
    if ('execution_id' in result && 'status' in result) fresh.set(result.execution_id, result);
  return { ...view, rows: view.rows.map((row) => fresh.get(row.execution_id) ?? row) };
}
