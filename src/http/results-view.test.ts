import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ExecutionId } from '../model/ids.js';
import type { NodeSnapshot } from '../model/snapshot.js';
import { rowOf } from '../testing/plan-fixtures.js';
import { resultsBytes } from './views/results-view.js';

test('results show what completed, not what a sleeping node will end with', () => {
  const plan = rowOf(2);
  const node = (state: NodeSnapshot['state']): NodeSnapshot => {
    return { state, fence: 1, attempt: 1, deliveries: 0, output: Buffer.from('{"done":true}') };
  };
  const snapshot = {
    executionId: '01a207c1-0b60-7000-bd00-004cc2457cf3' as ExecutionId,
    workflowId: plan.workflowId,
    name: plan.name,
    state: 'running' as const,
    revision: 1,
    createdAt: 1,
    params: Buffer.from('{}'),
    nodes: [node('delayed'), node('completed')],
  };
  const { outputs } = JSON.parse(resultsBytes({ snapshot, plan }).toString());
  assert.deepEqual(outputs, { n1: { done: true } });
});
