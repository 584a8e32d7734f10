import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { EngineFixture, SETUPS, type Settings, type Setup } from '../../testing/engine-fixture.js';
import { poll } from '../../testing/poll.js';

const AN_HOUR_MS = 3_600_000;
/** Nothing is waited for: what runs at the stop is handed back at once. */
const AT_ONCE: Settings = { DRAIN_MS: '0' };

for (const setup of SETUPS) {
  describe(`a stop and a new start (${setup.name})`, { concurrency: false }, () => {
    test('pending executions stay pending, and can be triggered or cancelled', async (t) => {
      const engine = await startEngine(t, setup);
      const submit = () => engine.submit([{ id: 'a', handler: 'record' }], { params: { n: 1 } });
      const [triggered, cancelled] = [await submit(), await submit()];
      const before = await engine.status(triggered);
      await engine.restart();
      assert.deepEqual(await engine.status(triggered), before);
      assert.deepEqual(engine.journal.entries(), []);
      await engine.trigger(triggered);
      assert.equal((await engine.ended(triggered)).status, 'COMPLETED');
      assert.deepEqual((await engine.outputs(triggered)).a.params, { n: 1 });
      await engine.call('DELETE', `/api/v1/workflow/${cancelled}`);
      assert.equal((await engine.ended(cancelled)).status, 'CANCELLED');
    });

    test('running executions go on; what is done is not done again', async (t) => {
      const engine = await startEngine(t, setup, AT_ONCE);
      const gate = 'over-the-restart';
      const id = await engine.begin([
        { id: 'done', handler: 'record', config: { n: 3 } },
        { id: 'held', handler: 'gate', dependencies: ['done'], config: { gate } },
        { id: 'after', handler: 'record', dependencies: ['held'], config: { n: '{{ done.config.n }}' } },
      ]);
      await engine.journal.until({ execution: id, event: 'entered' });
      await engine.restart();
      await engine.journal.until({ execution: id, event: 'entered' }, 2);
      await engine.journal.openGate(gate);
      const { status, nodes } = await engine.ended(id);
      assert.equal(status, 'COMPLETED');
      assert.deepEqual([nodes.held?.attempt, nodes.held?.failures], [1, []]);
      assert.deepEqual((await engine.outputs(id)).after.config, { n: 3 });
      assert.equal(engine.journal.entries({ execution: id, node: 'done' }).length, 1);
      assert.equal(engine.journal.entries({ execution: id, node: 'after' }).length, 1);
    });

    test('being stopped never counts against a task', async (t) => {
      const engine = await startEngine(t, setup, { ...AT_ONCE, MAX_DELIVERIES: '1' });
      const id = await engine.begin([{ id: 'held', handler: 'gate', config: { gate: 'open' } }]);
      for (const stops of [1, 2]) {
        await engine.journal.until({ execution: id, event: 'entered' }, stops);
        await engine.restart();
      }
      await engine.journal.openGate('open');
      assert.equal((await engine.ended(id)).status, 'COMPLETED');
    });

    test('attempts and sleeps that wait, wait for the same moment', async (t) => {
      const engine = await startEngine(t, setup);
      const retry = { initial_interval_ms: AN_HOUR_MS, max_interval_ms: AN_HOUR_MS };
      const id = await engine.begin([
        { id: 'retried', handler: 'flaky', retry },
        { id: 'asleep', handler: 'delay', config: { seconds: 3600 } },
      ]);
      const delayed = await poll('both nodes to wait', async () => {
        const status = await engine.status(id);
        return Object.values(status.nodes).every((node) => node.state === 'DELAYED') && status;
      });
      await engine.restart();
      assert.deepEqual(await engine.status(id), delayed);
      assert.equal(engine.journal.entries({ execution: id }).length, 1);
    });

    test('what was due while the engine was away is done at its start', async (t) => {
      const engine = await startEngine(t, setup);
      const retry = { initial_interval_ms: 100, max_interval_ms: 100, jitter: 0 };
      const id = await engine.begin([
        { id: 'retried', handler: 'flaky', config: { failures: 1 }, retry },
        { id: 'asleep', handler: 'delay', config: { seconds: 0.1 } },
        { id: 'after', handler: 'record', dependencies: ['retried', 'asleep'] },
      ]);
      const late = await engine.begin({
        name: 'late',
        timeout_seconds: 0.3,
        dag: { nodes: [{ id: 'asleep', handler: 'delay', config: { seconds: 3600 } }] },
      });
      await engine.journal.until({ execution: id, node: 'retried' });
      await engine.restart();
      assert.equal((await engine.ended(id)).status, 'COMPLETED');
      assert.equal((await engine.outputs(id)).retried.attempt, 2);
      assert.equal((await engine.ended(late)).error?.error_code, 'WORKFLOW_TIMEOUT');
    });

    test('lists, results, definitions, dead letters and keys are the same', async (t) => {
      const engine = await startEngine(t, setup);
      const keyed = { name: 'keyed', dag: { nodes: [{ id: 'a', handler: 'echo', config: { n: 1 } }] } };
      const submitKeyed = () =>
        engine.call('POST', '/api/v1/workflow', keyed, { 'idempotency-key': 'before-and-after' });
      const first = await submitKeyed();
      const completed = await engine.run([{ id: 'a', handler: 'echo', config: { list: [1, 'ä'] } }]);
      const failed = await engine.run([{ id: 'broken', handler: 'flaky', retry: { max_attempts: 2 } }]);
      await engine.call('DELETE', `/api/v1/workflow/${await engine.submit(keyed)}`);
      const paths = [
        '/api/v1/workflow',
        '/api/v1/workflow?status=FAILED',
        '/api/v1/admin/dlq',
        `/api/v1/workflow/${completed.execution_id}?detail=nodes`,
        `/api/v1/workflow/${completed.execution_id}/results`,
        `/api/v1/workflow/${failed.execution_id}?detail=nodes`,
        `/api/v1/definitions/${completed.workflow_id}`,
      ];
      const shown = async () => Promise.all(paths.map(async (path) => (await engine.call('GET', path)).json));
      await engine.recorded();
      const before = await shown();
      assert.equal(before[0].executions.length, 4);
      assert.equal(before[2].entries.length, 1);
      await engine.restart();
      assert.deepEqual(await shown(), before);
      assert.equal((await submitKeyed()).text, first.text);
    });

    test('a dead letter from before can be redriven', async (t) => {
      const engine = await startEngine(t, setup);
      const { execution_id } = await engine.run([
        { id: 'first', handler: 'record', config: { n: 5 } },
        { id: 'broken', handler: 'flaky', dependencies: ['first'], retry: { max_attempts: 1 } },
        {
          id: 'after',
          handler: 'record',
          dependencies: ['broken', 'first'],
          config: { n: '{{ first.config.n }}' },
        },
      ]);
      await engine.restart();
      const [letter] = await engine.deadLetters(execution_id);
      const retried = await engine.call('POST', `/api/v1/admin/dlq/${letter?.id}/retry`, {
        config: { failures: 0 },
      });
      assert.equal(retried.status, 200, retried.text);
      assert.equal((await engine.ended(execution_id)).status, 'COMPLETED');
      assert.deepEqual((await engine.outputs(execution_id)).after.config, { n: 5 });
      assert.equal(engine.journal.entries({ execution: execution_id, node: 'first' }).length, 1);
    });

    test('while it drains it refuses new work, answers reads, and lets go of who waits', async (t) => {
      const engine = await startEngine(t, setup);
      const gate = 'drained';
      const pending = await engine.submit([{ id: 'a', handler: 'record' }]);
      const running = await engine.begin([
        { id: 'held', handler: 'gate', config: { gate } },
        { id: 'after', handler: 'record', dependencies: ['held'] },
      ]);
      await engine.journal.until({ execution: running, event: 'entered' });
      assert.equal((await engine.call('GET', '/readyz')).status, 200);
      const waiting = [pending, running].map((id) =>
        engine.call('GET', `/api/v1/workflow/${id}?wait=60&detail=nodes`),
      );
      // What was sent later has been read: those who wait are in the engine's hands.
      await engine.status(pending);
      await engine.status(running);
      const { url } = engine;
      const stopped = engine.stop();
      await poll('readiness to end', async () => (await fetch(`${url}/readyz`)).status === 503);
      assert.equal((await fetch(`${url}/livez`)).status, 200);
      assert.equal((await fetch(`${url}/api/v1/workflow/${pending}`)).status, 200);
      for (const path of ['/api/v1/workflow', `/api/v1/workflow/trigger/${pending}`]) {
        const refused = await engine.call('POST', path, {
          name: 'late',
          dag: { nodes: [{ id: 'a', handler: 'echo' }] },
        });
        assert.equal(refused.status, 503, refused.text);
        assert.equal(refused.json.error.error_code, 'OVERLOADED');
        assert.match(refused.headers.get('retry-after') ?? '', /^\d+$/);
      }
      await engine.journal.openGate(gate);
      await stopped;
      const [stillPending, stillRunning] = await Promise.all(waiting);
      assert.equal(stillPending?.json.status, 'PENDING');
      assert.equal(stillRunning?.json.status, 'RUNNING');
      assert.deepEqual(stillRunning?.json.node_statuses, { held: 'COMPLETED', after: 'PENDING' });
      await engine.start();
      assert.equal((await engine.ended(running)).status, 'COMPLETED');
      assert.equal(engine.journal.entries({ execution: running, event: 'entered' }).length, 1);
    });
  });
}

async function startEngine(
  context: TestContext,
  setup: Setup,
  settings: Settings = {},
): Promise<EngineFixture> {
  const engine = await EngineFixture.start({ setup, settings });
  context.after(() => engine.close());
  return engine;
}
