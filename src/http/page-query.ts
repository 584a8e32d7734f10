import { parseWorkflowId, type WorkflowId } from '../model/ids.js';
import { decodeCursor, type ListFilters } from './cursor.js';
import { CURSOR, DEFAULT_PAGE_SIZE, LIMIT, WORKFLOW_ID } from './openapi/parameters.js';
import type { QueryReader } from './query-reader.js';
import { requestProblem } from './request-problem.js';

export function readPageSize(query: QueryReader): number {
  return query.number(LIMIT) ?? DEFAULT_PAGE_SIZE;
}

/** The `workflow_id` parameter; undefined where there is none, or where `query` has noted that it is wrong. */
export function readWorkflowId(query: QueryReader): WorkflowId | undefined {
  const text = query.text(WORKFLOW_ID);
  if (text === undefined) return undefined;
  const id = parseWorkflowId(text);
  if (id === undefined) query.reject(WORKFLOW_ID, 'must be a UUID');
  return id;
}

/** The id that the `cursor` parameter carries; undefined where there is none, or where `query` has noted that it is
 * wrong. `parse`: undefined for a text that is no id. */
export function readCursor<T extends string>(
  query: QueryReader,
  list: {
    readonly name: string;
    readonly filters: ListFilters;
    readonly parse: (text: string) => T | undefined;
  },
): T | undefined {
  const cursor = query.text(CURSOR);
  if (cursor === undefined) return undefined;
  const decoded = decodeCursor(list.name, list.filters, cursor);
  if ('problem' in decoded) {
    query.add(decoded.problem);
    return undefined;
  }
  const id = list.parse(decoded.lastId);
  if (id === undefined)
    query.add(requestProblem('query', 'cursor', 'is not a cursor that this list has given'));
  return id;
}

/** The values that are there. */
export function present<T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
