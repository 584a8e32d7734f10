import { EXECUTION_STATUSES, type ExecutionStatus } from '../api/types.js';

/** What a list is narrowed to; times as the browser's field for local times has them. */
export interface ExecutionFilters {
  readonly status: ExecutionStatus | '';
  readonly name: string;
  readonly workflowId: string;
  readonly after: string;
  readonly before: string;
}

export type StatusCounts = Readonly<Partial<Record<ExecutionStatus, number>>>;

export function filtersOf(query: URLSearchParams): ExecutionFilters {
  const status = EXECUTION_STATUSES.find((each) => each === query.get('status')) ?? '';
  return {
    status,
    name: query.get('name') ?? '',
    workflowId: query.get('workflow_id') ?? '',
    after: query.get('after') ?? '',
    before: query.get('before') ?? '',
  };
}

export function linkQueryOf(filters: ExecutionFilters): Readonly<Record<string, string>> {
  const { status, name, workflowId, after, before } = filters;
  return { status, name, workflow_id: workflowId, after, before };
}

export function apiQueryOf(filters: ExecutionFilters): string {
  const fields: Readonly<Record<string, string>> = {
    status: filters.status,
    name: filters.name,
    workflow_id: filters.workflowId,
    created_after: instantOf(filters.after),
    created_before: instantOf(filters.before),
  };
  return new URLSearchParams(Object.entries(fields).filter(([, value]) => value !== '')).toString();
}

function instantOf(local: string): string {
  const ms = Date.parse(local);
  return Number.isNaN(ms) ? '' : new Date(ms).toISOString();
}

export function isNarrowed({ status, ...others }: ExecutionFilters): boolean {
  return status !== '' || Object.values(others).some((value) => value !== '');
}
