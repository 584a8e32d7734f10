import { call } from '../api/call.js';
import type { DeadLetter, DeadLetterPage, ExecutionDetail } from '../api/types.js';

const MAX_PAGES = 20;

/** The dead letters of one execution: they failed no earlier than its first failure, and share its workflow. */
export async function deadLettersOf(detail: ExecutionDetail): Promise<readonly DeadLetter[]> {
  const times = Object.values(detail.nodes).flatMap((node) =>
    node.state === 'FAILED' && node.finished_at !== null ? [Date.parse(node.finished_at)] : [],
  );
  const first = times.reduce(
    (least, time) => Math.min(least, time),
    Date.parse(detail.finished_at ?? detail.created_at),
  );
  const filter = {
    workflow_id: detail.workflow_id,
    failed_after: new Date(first - 1).toISOString(),
    limit: '1000',
  };
  let cursor = '';
  for (let pages = 0; pages < MAX_PAGES; pages++) {
    const query = new URLSearchParams({ ...filter, ...(cursor !== '' && { cursor }) });
    const page: DeadLetterPage = await call('GET', `api/v1/admin/dlq?${query}`);
    const own = page.entries.filter((entry) => entry.execution_id === detail.execution_id);
    if (own.length > 0 || page.next_cursor === null) return own;
    cursor = page.next_cursor;
  }
  return [];
}
