import { setTimeout as pause } from 'node:timers/promises';
import { type HttpConnection, openHttpConnection } from './http-connection.js';

const PAGE = 1000;
const POLL_MS = 10;

interface ListedExecution {
  readonly execution_id: string;
  readonly status: string;
  readonly started_at?: string | null;
  readonly finished_at?: string | null;
}

/**
 * Resolves with the time, in terms of performance.now(), at which so many executions had completed and the record held
 * all that it had to learn.
 */
export async function untilRecorded(port: number, count: number, timeoutMs: number): Promise<number> {
  const connection = await openHttpConnection(port);
  const deadline = performance.now() + timeoutMs;
  try {
    for (;;) {
      const completed = await completedCount(connection);
      if (completed >= count && (await outboxEvents(connection)) === 0) return performance.now();
      if (performance.now() > deadline)
        throw new Error(`${completed} of ${count} executions had completed in time`);
      await pause(POLL_MS);
    }
  } finally {
    connection.close();
  }
}

async function completedCount(connection: HttpConnection): Promise<number> {
  const { body } = await connection.request('GET', '/metrics');
  return Number(/^workflow_completions_total\{status="completed"\} (\d+)/im.exec(body)?.[1] ?? 0);
}

/** Changes that the record has still to learn. */
async function outboxEvents(connection: HttpConnection): Promise<number> {
  const { status, body } = await connection.request('GET', '/api/v1/admin/stats');
  if (status !== 200) throw new Error(`the stats answered ${status}: ${body.slice(0, 300)}`);
  return (JSON.parse(body) as { outbox_events: number }).outbox_events;
}

/**
 * Reads the record until it holds every one of these executions as COMPLETED, and answers how long each took from its
 * start to its end, in milliseconds. Rejects where one is listed twice, is not one of these, ended otherwise, or is
 * still missing after the time-out.
 */
export async function verifyRecorded(options: {
  port: number;
  name: string;
  executionIds: readonly string[];
  timeoutMs: number;
}): Promise<number[]> {
  const { port, name, executionIds, timeoutMs } = options;
  const expected = new Set(executionIds);
  if (expected.size !== executionIds.length) throw new Error('an execution id was given out twice');
  const connection = await openHttpConnection(port);
  const deadline = performance.now() + timeoutMs;
  try {
    for (;;) {
      const listed = await listAll(connection, name);
      const missing = expected.size - listed.filter((row) => row.status === 'COMPLETED').length;
      if (missing === 0) return durations(listed, expected);
      if (performance.now() > deadline)
        throw new Error(`${missing} executions are not recorded as COMPLETED`);
    }
  } finally {
    connection.close();
  }
}

async function listAll(connection: HttpConnection, name: string): Promise<ListedExecution[]> {
  const rows: ListedExecution[] = [];
  for (let cursor = ''; ; ) {
    const path = `/api/v1/workflow?name=${name}&limit=${PAGE}${cursor && `&cursor=${cursor}`}`;
    const { status, body } = await connection.request('GET', path);
    if (status !== 200) throw new Error(`the list answered ${status}: ${body.slice(0, 300)}`);
    const page = JSON.parse(body) as { executions: ListedExecution[]; next_cursor?: string | null };
    rows.push(...page.executions);
    if (!page.next_cursor) return rows;
    cursor = encodeURIComponent(page.next_cursor);
  }
}

function durations(listed: readonly ListedExecution[], expected: ReadonlySet<string>): number[] {
  const seen = new Set<string>();
  return listed.map((row) => {
    if (!expected.has(row.execution_id)) throw new Error(`${row.execution_id} was never submitted`);
    if (seen.has(row.execution_id)) throw new Error(`${row.execution_id} is recorded twice`);
    seen.add(row.execution_id);
    return Date.parse(row.finished_at ?? '') - Date.parse(row.started_at ?? '');
  });
}
