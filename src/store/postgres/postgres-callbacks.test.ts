import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { OutboxEvent } from '../../model/commands.js';
import type { ExecutionId } from '../../model/ids.js';
import { callbackConformance } from '../../testing/callback-conformance.js';
import { NO_PARAMS, seededIds } from '../../testing/machine-fixture.js';
import { rowOf } from '../../testing/plan-fixtures.js';
import { PostgresForFile } from '../../testing/record-fixture.js';
import { SimulatedClock } from '../../testing/simulated-clock.js';

const postgres = new PostgresForFile();
const plan = rowOf(1);

function ended(executionId: ExecutionId, finishedAt: number, callbackUrl: string): OutboxEvent {
  const { workflowId, name } = plan;
  const times = { createdAt: finishedAt, startedAt: finishedAt, finishedAt };
  const common = { executionId, workflowId, name, revision: 2, params: NO_PARAMS, nodes: [] };
  const snapshot = { ...common, ...times, state: 'completed', callbackUrl } as const;
  return { kind: 'ended', snapshot, plan, deadLetters: [] };
}

describe('the callbacks beside the record', { skip: postgres.isSkipped }, () => {
  callbackConformance(async (context) => {
    const clock = new SimulatedClock();
    const { history } = await postgres.record(context, { clock });
    return {
      outbox: history.callbacks,
      now: () => clock.now(),
      advance: (ms) => clock.advance(ms),
      end: (executionId, url) => history.record([ended(executionId, clock.now(), url)]),
    };
  });

  test('what a host that died had claimed is due to another one after its time', async (t) => {
    const clock = new SimulatedClock();
    const { history, databaseUrl } = await postgres.record(t, { clock });
    const other = await postgres.record(t, { clock, databaseUrl });
    await history.record([ended(seededIds(() => clock.now()).next(0), clock.now(), 'https://a.test/')]);
    const claim = { most: 9, perOrigin: 9, rooms: new Map(), afterOrigin: '', claimMs: 1000 };
    assert.equal((await history.callbacks.claim(claim)).length, 1);
    assert.deepEqual(await other.history.callbacks.claim(claim), []);
    clock.advance(1000);
    assert.deepEqual(
      (await other.history.callbacks.claim(claim)).map(({ attempt }) => attempt),
      [2],
    );
  });

  test('an end that is recorded twice is told once', async (t) => {
    const clock = new SimulatedClock();
    const { history } = await postgres.record(t, { clock });
    const event = ended(seededIds(() => clock.now()).next(0), clock.now(), 'https://a.test/');
    await Promise.all([history.record([event]), history.record([event])]);
    assert.equal(await history.callbacks.pending(10), 1);
  });
});
