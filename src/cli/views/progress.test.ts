import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Execution, ExecutionEvent, NodeChange } from '../../client/index.js';
import { eventLine, NO_PROGRESS, progressLines, withEvent } from './progress.js';

const times = { created_at: '2026-11-24T00:00:00.000Z', started_at: null, finished_at: null, error: null };
const execution = (node_statuses: Execution['node_statuses']): ExecutionEvent => ({
  ...{ id: '1.0', type: 'snapshot' },
  data: { ...times, execution_id: 'e', workflow_id: 'w', status: 'RUNNING', name: 'nightly', node_statuses },
});
const node = (node_id: string, fields: Partial<NodeChange>): ExecutionEvent => ({
  ...{ id: undefined, type: 'node' },
  data: {
    ...{ execution_id: 'e', node_id, status: 'RUNNING', state: 'RUNNING', attempt: 1, host: 'h' },
    ...{ queued_at: null, started_at: null, finished_at: null, due_at: null, error: null },
    ...fields,
  },
});
const failure = {
  message: 'no\u001b[2Jcredit',
  error_code: 'X',
  category: 'handler',
  traceback_hash: null,
} as const;
const frame = { columns: 40, rows: 10, elapsedMs: 1234, colours: 'none' } as const;

describe('the live view', () => {
  const progress = [
    execution({ a: 'COMPLETED', b: 'PENDING', c: 'PENDING' }),
    node('b', { attempt: 2 }),
    node('c', { status: 'FAILED', state: 'FAILED', error: failure }),
  ].reduce(withEvent, NO_PROGRESS);

  test('has a line for each node, in their order, and counts them', () => {
    assert.deepEqual(progressLines(progress, frame), [
      'RUNNING    nightly  1.2 s',
      '  ✔ a',
      '  ▶ b  attempt 2',
      '  ✘ c  no\ufffd[2Jcredit',
      '  1 failed, 1 running, 1 completed',
    ]);
  });

  test('shows what failed and runs where there is no room for all', () => {
    assert.deepEqual(progressLines(progress, { ...frame, rows: 5 }).slice(1), [
      '  ✘ c  no\ufffd[2Jcredit',
      '  … and 2 more',
      '  1 failed, 1 running, 1 completed',
    ]);
    const nodes = Object.fromEntries(
      Array.from({ length: 10_000 }, (_, n) => [`node-${n}`, 'PENDING'] as const),
    );
    const many = progressLines(withEvent(NO_PROGRESS, execution(nodes)), frame);
    assert.ok(many.length < frame.rows);
    assert.ok(many.every((line) => line.length <= frame.columns));
  });

  test('is coloured by state where that is wanted', () => {
    const [, first = ''] = progressLines(progress, { ...frame, colours: 'ansi' });
    assert.equal(first, '\u001b[32m  ✔ a\u001b[0m');
  });

  test('goes on from a later snapshot', () => {
    const later = withEvent(progress, execution({ a: 'COMPLETED', b: 'COMPLETED', c: 'FAILED' }));
    assert.equal(later.nodes.get('b')?.status, 'COMPLETED');
    assert.equal(later.nodes.get('b')?.attempt, 2);
  });
});

test('the lines of a pipe', () => {
  assert.equal(eventLine(execution({ a: 'RUNNING' })), 'execution e RUNNING, 1 nodes, 1 running');
  assert.equal(eventLine(node('a', {})), 'node a RUNNING');
  assert.equal(eventLine(node('a', { state: 'DELAYED', attempt: 2 })), 'node a DELAYED (attempt 2)');
  const end = {
    ...times,
    execution_id: 'e',
    workflow_id: 'w',
    status: 'FAILED',
    name: 'n',
    error: failure,
  } as const;
  assert.equal(eventLine({ id: '2.0', type: 'end', data: end }), 'execution e FAILED: no\ufffd[2Jcredit');
});
