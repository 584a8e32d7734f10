import { setTimeout as pause } from 'node:timers/promises';
import type { Histogram } from 'hdr-histogram-js';
import { type HttpConnection, type HttpTarget, openHttpConnection } from './http-connection.js';
import { createLatency, recordLatency } from './latency-curve.js';

export interface EndedExecutions {
  readonly completed: number;
  /** Ended otherwise, or not within the time. */
  readonly failed: number;
  /** From the start of the load until the last was seen to have ended. */
  readonly elapsedMs: number;
  /** From start to end of those that completed. */
  readonly durations: Histogram;
}

interface Status {
  readonly execution_id?: string;
  readonly status?: string;
  readonly started_at?: string | null;
  readonly finished_at?: string | null;
}

const BATCH = 1000;
const POLL_MS = 50;
const TIMEOUT_MS = 60_000;

/** Asks for these executions, the oldest first, until all have ended. `startedAt`: of the load, in terms of performance.now(). */
export async function untilEnded(
  target: HttpTarget,
  { executionIds, startedAt }: { executionIds: readonly string[]; startedAt: number },
): Promise<EndedExecutions> {
  const connection = await openHttpConnection(target);
  const durations = createLatency();
  const deadline = performance.now() + TIMEOUT_MS;
  let waiting = executionIds;
  let completed = 0;
  let failed = 0;
  try {
    while (waiting.length > 0 && performance.now() < deadline) {
      const asked = waiting.slice(0, BATCH);
      const open: string[] = [];
      for (const [index, { status, started_at, finished_at }] of (await ask(connection, asked)).entries()) {
        if (status === 'PENDING' || status === 'RUNNING') open.push(asked[index] ?? '');
        else if (status === 'COMPLETED') {
          completed += 1;
          recordLatency(durations, Date.parse(finished_at ?? '') - Date.parse(started_at ?? ''));
        } else failed += 1;
      }
      if (open.length > 0) await pause(POLL_MS);
      waiting = [...open, ...waiting.slice(BATCH)];
    }
  } finally {
    connection.close();
  }
  const elapsedMs = performance.now() - startedAt;
  return { completed, failed: failed + waiting.length, elapsedMs, durations };
}

async function ask(connection: HttpConnection, ids: readonly string[]): Promise<readonly Status[]> {
  const body = JSON.stringify({ execution_ids: ids });
  const answer = await connection.request('POST', '/api/v1/workflow/batch/status', body);
  if (answer.status !== 200)
    throw new Error(`the status answered ${answer.status}: ${answer.body.slice(0, 300)}`);
  return (JSON.parse(answer.body) as { results: Status[] }).results;
}
