import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { WorkflowDefinition } from '../model/definition.js';
import { MillraceError } from '../model/errors.js';
import type { WorkflowId } from '../model/ids.js';
import { chainOf } from '../testing/plan-fixtures.js';
import { PlanCache } from './plan-cache.js';

const UNBOUNDED = 1 << 20;

/** A record that knows these definitions and counts how often it is asked. */
function recordOf(definitions: ReadonlyMap<WorkflowId, WorkflowDefinition>) {
  const asked: WorkflowId[] = [];
  return {
    asked,
    async definition(id: WorkflowId) {
      asked.push(id);
      return definitions.get(id);
    },
  };
}

describe('plan cache', () => {
  const plan = chainOf(3);
  const known = new Map([[plan.workflowId, plan.definition]]);

  test('what it was given it has', async () => {
    const record = recordOf(new Map());
    const cache = new PlanCache(record, UNBOUNDED);
    cache.keep(plan);
    assert.equal(await cache.get(plan.workflowId), plan);
    assert.deepEqual(record.asked, []);
  });

  test('what it has not it compiles from the record, once', async () => {
    const record = recordOf(known);
    const cache = new PlanCache(record, UNBOUNDED);
    const compiled = await cache.get(plan.workflowId);
    assert.deepEqual(compiled, plan);
    assert.equal(await cache.get(plan.workflowId), compiled);
    assert.equal(record.asked.length, 1);
  });

  test('the first plan of a workflow is kept, so that all its executions share it', async () => {
    const cache = new PlanCache(recordOf(new Map()), UNBOUNDED);
    cache.keep(plan);
    cache.keep(chainOf(3));
    assert.equal(await cache.get(plan.workflowId), plan);
  });

  test('a workflow that nobody knows is not found', async () => {
    const cache = new PlanCache(recordOf(new Map()), UNBOUNDED);
    await assert.rejects(
      cache.get(plan.workflowId),
      (error) => error instanceof MillraceError && error.code === 'WORKFLOW_NOT_FOUND',
    );
  });

  test('past its bound the plan that was not used for longest goes', async () => {
    const plans = ['a', 'b', 'c'].map((name) => chainOf(3, { name }));
    const [a, b, c] = plans;
    assert.ok(a && b && c);
    const record = recordOf(new Map(plans.map((each) => [each.workflowId, each.definition])));
    const cache = new PlanCache(record, 2 * (a.definitionBytes + 1));
    cache.keep(a);
    cache.keep(b);
    await cache.get(a.workflowId);
    cache.keep(c);
    await cache.get(a.workflowId);
    await cache.get(c.workflowId);
    assert.deepEqual(record.asked, []);
    await cache.get(b.workflowId);
    assert.deepEqual(record.asked, [b.workflowId]);
  });

  test('with no bytes at all it keeps nothing and works', async () => {
    const record = recordOf(known);
    const cache = new PlanCache(record, 0);
    cache.keep(plan);
    assert.deepEqual(await cache.get(plan.workflowId), plan);
    assert.deepEqual(await cache.get(plan.workflowId), plan);
    assert.equal(record.asked.length, 2);
  });
});
