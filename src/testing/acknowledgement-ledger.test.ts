import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { AcknowledgementLedger } from './acknowledgement-ledger.js';
import type { ExecutionStatus } from './api-client.js';
import type { GeneratedDag } from './random-dags.js';

const dag: GeneratedDag = {
  shape: 'chain',
  definition: {
    name: 'two',
    dag: {
      nodes: [
        { id: 'a', handler: 'echo', config: { value: 1 } },
        { id: 'b', handler: 'echo', dependencies: ['a'], config: { value: 2 } },
      ],
    },
  },
  expectedStatus: 'COMPLETED',
  expectedOutputs: new Map([
    ['a', { value: 1 }],
    ['b', { value: 2 }],
  ]),
  skipped: new Set(),
};

const completed: ExecutionStatus = {
  execution_id: 'e',
  workflow_id: 'w',
  status: 'COMPLETED',
  node_statuses: { a: 'COMPLETED', b: 'COMPLETED' },
  nodes: {
    a: { attempt: 1, started_at: '2026-01-01T00:00:00.000Z', finished_at: '2026-01-01T00:00:00.005Z' },
    b: { attempt: 1, started_at: '2026-01-01T00:00:00.005Z', finished_at: '2026-01-01T00:00:00.009Z' },
  },
};
const outputs = { a: { value: 1 }, b: { value: 2 } };
const running: ExecutionStatus = {
  ...completed,
  status: 'RUNNING',
  node_statuses: { a: 'COMPLETED', b: 'RUNNING' },
};

/** The violations that these observations of a triggered execution lead to. */
function violationsOf(
  statuses: readonly ExecutionStatus[],
  shownOutputs: readonly Record<string, unknown>[] = [],
): string[] {
  const ledger = new AcknowledgementLedger();
  const entry = ledger.submitted('e', dag, true);
  for (const status of statuses) ledger.observeStatus(entry, status);
  for (const shown of shownOutputs) ledger.observeOutputs(entry, shown);
  return ledger.violations;
}

describe('acknowledgement ledger', () => {
  test('a course that keeps every promise has no violation', () => {
    assert.deepEqual(violationsOf([running, completed, completed], [outputs, outputs]), []);
  });

  const broken: ReadonlyArray<readonly [string, ExecutionStatus[], Record<string, unknown>[], RegExp]> = [
    [
      'an end that is taken back',
      [completed, running],
      [],
      /^e \(two\) was shown as COMPLETED, now as RUNNING/,
    ],
    [
      'a node that is undone',
      [running, { ...running, node_statuses: { a: 'RUNNING', b: 'PENDING' } }],
      [],
      /node a was shown/,
    ],
    [
      'another end than the definition has',
      [{ ...completed, status: 'FAILED' }],
      [],
      /ended FAILED, expected COMPLETED/,
    ],
    ['an end with an open node', [{ ...running, status: 'COMPLETED' }], [], /ended with node b RUNNING/],
    [
      'a trigger that was forgotten',
      [{ ...running, status: 'PENDING', node_statuses: {} }],
      [],
      /was triggered and is PENDING/,
    ],
    [
      'a skip against the condition',
      [{ ...completed, node_statuses: { a: 'SKIPPED', b: 'COMPLETED' } }],
      [],
      /was skipped/,
    ],
    ['an output that changes', [], [outputs, { ...outputs, a: { value: 9 } }], /the output of a has changed/],
    ['a wrong output', [], [{ a: { value: 3 } }], /node a put out/],
    [
      'an output that is lost',
      [completed],
      [{ a: { value: 1 } }],
      /node b is COMPLETED and its output is missing/,
    ],
    [
      'a node that starts before its parent has finished',
      [
        {
          ...completed,
          nodes: { ...completed.nodes, a: { attempt: 1, finished_at: '2026-01-01T00:00:01.000Z' } },
        },
      ],
      [],
      /b started at .* before a/,
    ],
  ];
  for (const [name, statuses, shownOutputs, pattern] of broken) {
    test(`${name} is a violation`, () => {
      assert.match(violationsOf(statuses, shownOutputs)[0] ?? '', pattern);
    });
  }

  test('what was never triggered must stay pending', () => {
    const ledger = new AcknowledgementLedger();
    const entry = ledger.submitted('e', dag, false);
    ledger.observeStatus(entry, running);
    assert.match(ledger.violations[0] ?? '', /was never triggered and is RUNNING/);
  });

  test('an answer that is given twice makes one entry', () => {
    const ledger = new AcknowledgementLedger();
    assert.equal(ledger.submitted('e', dag, true), ledger.submitted('e', dag, true));
    assert.equal(ledger.entries.length, 1);
  });
});
