import { setTimeout as pause } from 'node:timers/promises';
import { type HttpConnection, onLoopback, openHttpConnection } from './http-connection.js';

const PAGE = 1000;
/** Each question makes the distributed store count every partition, so it is not asked more often than the figure needs. */
const POLL_MS = 100;

interface ListedExecution {
  readonly execution_id: string;
  readonly status: string;
  readonly started_at?: string | null;
  readonly finished_at?: string | null;
}

/**
 * Resolves with the time, in terms of performance.now(), at which so many executions had completed on these hosts together since they
 * were started, and the record held all that it had to learn.
 */
export async function untilRecorded(
  ports: readonly number[],
  count: number,
  timeoutMs: number,
): Promise<number> {
  const connections = await Promise.all(ports.map((port) => openHttpConnection(onLoopback(port))));
  const [first] = connections;
  const deadline = performance.now() + timeoutMs;
  try {
    for (;;) {
      const completed = await completedOn(connections);
      if (first && completed >= count && (await outboxEvents(first)) === 0) return performance.now();
      if (performance.now() > deadline)
        throw new Error(`${completed} of ${count} executions had completed in time`);
      await pause(POLL_MS);
    }
  } finally {
    for (const connection of connections) connection.close();
  }
}

async function completedOn(connections: readonly HttpConnection[]): Promise<number> {
  const counts = await Promise.all(connections.map(completedCount));
  return counts.reduce((sum, each) => sum + each, 0);
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

/** What the record tells of an execution, in milliseconds since the epoch. */
export interface RecordedTimes {
  readonly startedAt: number;
  readonly finishedAt: number;
}

/**
 * Reads the record until it holds every one of these executions as COMPLETED. Rejects where one is listed twice, is not one of these,
 * ended otherwise, or is still missing after the time-out.
 */
export async function verifyRecorded(options: {
  port: number;
  name: string;
  executionIds: readonly string[];
  timeoutMs: number;
}): Promise<ReadonlyMap<string, RecordedTimes>> {
  const { port, name, executionIds, timeoutMs } = options;
  const expected = new Set(executionIds);
  if (expected.size !== executionIds.length) throw new Error('an execution id was given out twice');
  const connection = await openHttpConnection(onLoopback(port));
  const deadline = performance.now() + timeoutMs;
  try {
    for (;;) {
      const listed = await listAll(connection, name);
      const missing = expected.size - listed.filter((row) => row.status === 'COMPLETED').length;
      if (missing === 0) return timesOf(listed, expected);
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
    const path = `/api/v1/workflow?name=${encodeURIComponent(name)}&limit=${PAGE}${cursor && `&cursor=${cursor}`}`;
    const { status, body } = await connection.request('GET', path);
    if (status !== 200) throw new Error(`the list answered ${status}: ${body.slice(0, 300)}`);
    const page = JSON.parse(body) as { executions: ListedExecution[]; next_cursor?: string | null };
    rows.push(...page.executions);
    if (!page.next_cursor) return rows;
    cursor = encodeURIComponent(page.next_cursor);
  }
}

function timesOf(
  listed: readonly ListedExecution[],
  expected: ReadonlySet<string>,
): ReadonlyMap<string, RecordedTimes> {
  const times = new Map<string, RecordedTimes>();
  for (const { execution_id: id, started_at, finished_at } of listed) {
    if (!expected.has(id)) throw new Error(`${id} was never submitted`);
    if (times.has(id)) throw new Error(`${id} is recorded twice`);
    times.set(id, { startedAt: Date.parse(started_at ?? ''), finishedAt: Date.parse(finished_at ?? '') });
  }
  return times;
}
