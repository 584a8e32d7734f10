/** Which dead letters are meant; empty: any. `failedAfter` as the browser's field for local times has it. */
export interface DeadLetterFilters {
  readonly handler: string;
  readonly errorCode: string;
  readonly workflowId: string;
  readonly failedAfter: string;
}

export function filtersOf(query: URLSearchParams): DeadLetterFilters {
  const text = (name: string) => query.get(name) ?? '';
  return {
    ...{ handler: text('handler'), errorCode: text('error_code') },
    ...{ workflowId: text('workflow_id'), failedAfter: text('failed_after') },
  };
}

export function linkQueryOf(filters: DeadLetterFilters): Readonly<Record<string, string>> {
  const { handler, errorCode, workflowId, failedAfter } = filters;
  return { handler, error_code: errorCode, workflow_id: workflowId, failed_after: failedAfter };
}

/** As both the list and the bulk redrive take it: only what is set. */
export function apiFilterOf(filters: DeadLetterFilters): Readonly<Record<string, string>> {
  const afterMs = Date.parse(filters.failedAfter);
  const failedAfter = Number.isNaN(afterMs) ? '' : new Date(afterMs).toISOString();
  const fields = linkQueryOf({ ...filters, failedAfter });
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== ''));
}
