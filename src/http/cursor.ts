import { createHash } from 'node:crypto';
import type { RequestProblem } from './request-problem.js';
import { requestProblem } from './request-problem.js';

/** Values that pages of one list share; undefined: not filtered by. */
export type ListFilters = Readonly<Record<string, string | number | undefined>>;

/**
 * Where a page begins, as an opaque word: the last item of the page before, and a digest of the filters, because the
 * next page of one list is not a page of another.
 */
export function encodeCursor(list: string, filters: ListFilters, lastId: string): string {
  return Buffer.from(`${filterDigest(list, filters)}.${lastId}`).toString('base64url');
}

/** The last item's id, or what is wrong with the cursor. */
export function decodeCursor(
  list: string,
  filters: ListFilters,
  cursor: string,
): { readonly lastId: string } | { readonly problem: RequestProblem } {
  const text = Buffer.from(cursor, 'base64url').toString('latin1');
  const dot = text.indexOf('.');
  if (dot < 1 || !/^[\x21-\x7e]+$/.test(text) || Buffer.from(text).toString('base64url') !== cursor) {
    return { problem: requestProblem('query', 'cursor', 'is not a cursor that this list has given') };
  }
  if (text.slice(0, dot) !== filterDigest(list, filters)) {
    return { problem: requestProblem('query', 'cursor', 'belongs to a list with other filters') };
  }
  return { lastId: text.slice(dot + 1) };
}

function filterDigest(list: string, filters: ListFilters): string {
  const given = Object.entries(filters).filter(([, value]) => value !== undefined);
  given.sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha256')
    .update(JSON.stringify([list, given]))
    .digest('base64url')
    .slice(0, 11);
}
