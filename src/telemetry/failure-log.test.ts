import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TaskResult } from '../model/commands.js';
import type { StateStore } from '../store/state-store.js';
import { FailureLog } from './failure-log.js';
import { MeasuredStore } from './measured-store.js';

test('leases that ran out are told, and a look that found none is not', async () => {
  const lines: unknown[] = [];
  const write = (message: string, fields?: unknown) => void lines.push([message, fields]);
  const log = { debug: write, info: write, warn: write, error: write, child: () => log };
  const replies = [
    { reclaimed: 0, exhausted: 0, durable: Promise.resolve() },
    { reclaimed: 7, exhausted: 2, durable: Promise.resolve() },
  ];
  const inner = { reclaim: async () => replies.shift() } as unknown as StateStore;
  const observer = { storeCall: () => undefined, outboxSeen: () => undefined, endRecorded: () => undefined };
  const store = new MeasuredStore(inner, { observer, failures: new FailureLog(log), elapsed: () => 0 });
  await store.reclaim();
  assert.equal((await store.reclaim()).reclaimed, 7);
  const message = 'leases ran out: their hosts are gone or stand still; the tasks run again';
  assert.deepEqual(lines, [[message, { tasks: 7, dead_letters: 2 }]]);
});

test('a node that failed is told once, and a result that came too late or twice is not', () => {
  const lines: unknown[] = [];
  const write = (_message: string, fields?: { readonly execution_id?: unknown }) =>
    void lines.push(fields?.execution_id);
  const log = { debug: write, info: write, warn: write, error: write, child: () => log };
  const failed = (executionId: string) => ({
    task: { executionId, node: 0, attempt: 1, plan: { nodes: [{ id: 'a', handler: 'echo' }] } },
    outcome: { kind: 'failed', error: { code: 'NO', message: 'no' } },
  });
  const results = ['applied', 'late', 'twice', 'ended'].map(failed) as unknown as readonly TaskResult[];
  new FailureLog(log).advanced(results, ['applied', 'stale_lease', 'duplicate', 'execution_ended']);
  assert.deepEqual(lines, ['applied']);
});
