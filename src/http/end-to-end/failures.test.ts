import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { EngineFixture, SETUPS } from '../../testing/engine-fixture.js';
import { answering, HttpService } from '../../testing/http-service.js';
import { poll } from '../../testing/poll.js';

const AN_HOUR_MS = 3_600_000;
const CLOSED = { gate: 'never-opened' };

for (const setup of SETUPS) {
  describe(`failures (${setup.name})`, { concurrency: false }, () => {
    let engine: EngineFixture;
    before(async () => {
      engine = await EngineFixture.start({ setup });
    });
    after(() => engine.close());

    test('a failed attempt is tried again until it works, and the failures are told', async () => {
      const nodes = [
        { id: 'shaky', handler: 'flaky', config: { failures: 2, code: 'SHAKY' } },
        { id: 'after', handler: 'record', dependencies: ['shaky'], config: { n: '{{ shaky.attempt }}' } },
      ];
      const { status, nodes: detail, execution_id } = await engine.run(nodes);
      assert.equal(status, 'COMPLETED');
      assert.equal(detail.shaky?.attempt, 3);
      assert.equal(detail.shaky?.error, null);
      assert.deepEqual(
        detail.shaky?.failures.map(({ attempt, error }) => [attempt, error.error_code, error.message]),
        [
          [1, 'SHAKY', 'attempt 1 fails'],
          [2, 'SHAKY', 'attempt 2 fails'],
        ],
      );
      const tries = engine.journal.entries({ execution: execution_id, node: 'shaky' });
      assert.deepEqual(
        tries.map((entry) => entry.attempt),
        [1, 2, 3],
      );
      assert.equal(new Set(tries.map((entry) => entry.idempotencyKey)).size, 1);
      assert.deepEqual((await engine.outputs(execution_id)).after.config, { n: 3 });
    });

    test('the wait before the next attempt is what the policy says', async () => {
      const retry = {
        max_attempts: 5,
        backoff_coefficient: 100,
        max_interval_ms: AN_HOUR_MS,
        jitter: 0,
      };
      const waitBefore = async (attempt: number, initialIntervalMs: number) => {
        const policy = { ...retry, initial_interval_ms: initialIntervalMs };
        const id = await engine.begin([{ id: 'a', handler: 'flaky', retry: policy }]);
        const node = await poll(`attempt ${attempt} to be due`, async () => {
          const { a } = (await engine.status(id)).nodes;
          return a?.state === 'DELAYED' && a.attempt === attempt && a;
        });
        assert.deepEqual((await engine.status(id)).node_statuses, { a: 'RUNNING' });
        assert.equal((await engine.call('DELETE', `/api/v1/workflow/${id}`)).status, 200);
        assert.deepEqual((await engine.ended(id)).node_statuses, { a: 'CANCELLED' });
        return Date.parse(node.due_at ?? '') - Date.parse(node.failures.at(-1)?.finished_at ?? '');
      };
      assert.equal(await waitBefore(2, AN_HOUR_MS), AN_HOUR_MS);
      assert.equal(await waitBefore(4, 1), 10_000);
    });

    test('a called service gets the same key with each attempt, and the wait that it asks for, up to an hour', async () => {
      const service = await HttpService.start();
      const keys: unknown[] = [];
      service.answer = (request, response) => {
        keys.push(request.headers['idempotency-key']);
        const date = new Date(Date.now() + 3 * AN_HOUR_MS).toUTCString();
        answering(503, { 'retry-after': keys.length === 1 ? '0' : date })(request, response);
      };
      try {
        const config = { url: service.origin };
        const id = await engine.begin([{ id: 'call', handler: 'call_external_service', config }]);
        const node = await poll('the third attempt to be due', async () => {
          const { call } = (await engine.status(id)).nodes;
          return call?.state === 'DELAYED' && call.attempt === 3 && call;
        });
        assert.deepEqual(keys, [`${id}:call`, `${id}:call`]);
        assert.equal(
          Date.parse(node.due_at ?? '') - Date.parse(node.failures[1]?.finished_at ?? ''),
          AN_HOUR_MS,
        );
        assert.equal((await engine.call('DELETE', `/api/v1/workflow/${id}`)).status, 200);
      } finally {
        service.close();
      }
    });

    test('when its attempts are used up a node fails its execution and becomes a dead letter', async () => {
      const id = await engine.begin([
        { id: 'held', handler: 'gate', config: CLOSED },
        { id: 'doomed', handler: 'flaky', config: { code: 'DOOMED' }, retry: { max_attempts: 3 } },
        { id: 'after', handler: 'record', dependencies: ['held', 'doomed'] },
      ]);
      const { status, node_statuses, error } = await engine.ended(id);
      assert.equal(status, 'FAILED');
      assert.deepEqual(node_statuses, { held: 'CANCELLED', doomed: 'FAILED', after: 'CANCELLED' });
      assert.equal(error?.error_code, 'DOOMED');
      assert.match(error?.message ?? '', /doomed.*attempt 3 fails/);
      assert.equal(engine.journal.entries({ execution: id, node: 'doomed' }).length, 3);
      if (engine.journal.entries({ execution: id, event: 'entered' }).length > 0)
        await engine.journal.until({ execution: id, event: 'aborted' });
      const [letter, ...others] = await engine.deadLetters(id);
      assert.deepEqual(others, []);
      assert.equal(letter?.task_id, `${id}:doomed`);
      assert.equal(letter?.handler, 'flaky');
      assert.equal(letter?.retry_count, 2);
      assert.equal(letter?.error_detail.error_code, 'DOOMED');
    });

    test('some failures are final at once', async () => {
      const codeAndTries = async (handler: string, more: object = {}) => {
        const status = await engine.run([{ id: 'a', handler, ...more }]);
        assert.equal(status.status, 'FAILED');
        const tries = engine.journal.entries({ execution: status.execution_id }).length;
        return [status.nodes.a?.error?.error_code, status.nodes.a?.attempt, tries];
      };
      assert.deepEqual(await codeAndTries('refuse'), ['REFUSED', 1, 1]);
      const nonRetryable = { config: { code: 'FATAL' }, retry: { non_retryable: ['FATAL'] } };
      assert.deepEqual(await codeAndTries('flaky', nonRetryable), ['FATAL', 1, 1]);
      assert.deepEqual(await codeAndTries('nobody_has_this'), ['UNKNOWN_HANDLER', 1, 0]);
      const templated = { config: { seconds: '{{ params.text }}' } };
      assert.deepEqual(await codeAndTries('delay', templated), ['INVALID_CONFIG', 1, 0]);
    });

    test('simulated services fail when they are asked to', async () => {
      const config = { url: 'http://service.invalid/', simulate_failure: true };
      const node = { id: 'a', handler: 'call_external_service', config, retry: { max_attempts: 2 } };
      const { nodes } = await engine.run([node]);
      assert.equal(nodes.a?.error?.error_code, 'SIMULATED_FAILURE');
      assert.equal(nodes.a?.error?.category, 'transient');
      assert.equal(nodes.a?.attempt, 2);
    });

    test('an attempt that outlasts its time is aborted and counts as failed', async () => {
      const id = await engine.begin([
        {
          id: 'slow',
          handler: 'gate',
          config: CLOSED,
          timeout_seconds: 0.05,
          retry: { max_attempts: 2 },
        },
      ]);
      const { status, nodes } = await engine.ended(id);
      assert.equal(status, 'FAILED');
      assert.equal(nodes.slow?.error?.error_code, 'NODE_TIMEOUT');
      assert.equal(nodes.slow?.failures.length, 2);
      await engine.journal.until({ execution: id, event: 'aborted' }, 2);
    });

    test('a handler that never gives its thread back is stopped, and hurts nobody else', async () => {
      const gate = 'beside-a-loop';
      const beside = await engine.begin([{ id: 'beside', handler: 'gate', config: { gate } }]);
      await engine.journal.until({ execution: beside, event: 'entered' });
      const replaced = 'millrace_worker_threads_replaced_total{reason="timeout"}';
      const before = await engine.metric(replaced);
      const looping = await engine.run([
        { id: 'loop', handler: 'spin', timeout_seconds: 0.2, retry: { max_attempts: 1 } },
      ]);
      assert.equal(looping.nodes.loop?.error?.error_code, 'NODE_TIMEOUT');
      await engine.journal.openGate(gate);
      const { status, nodes } = await engine.ended(beside);
      assert.equal(status, 'COMPLETED');
      assert.equal(nodes.beside?.attempt, 1);
      assert.deepEqual(nodes.beside?.failures, []);
      await poll('the replaced thread', async () => (await engine.metric(replaced)) === before + 1);
    });

    test('a handler that ends its thread fails alone', async () => {
      const gate = 'beside-an-exit';
      const beside = await engine.begin([
        { id: 'first', handler: 'record' },
        { id: 'beside', handler: 'gate', dependencies: ['first'], config: { gate } },
      ]);
      await engine.journal.until({ execution: beside, event: 'entered' });
      const exiting = await engine.begin([{ id: 'exit', handler: 'exit', retry: { max_attempts: 2 } }]);
      // Who shared the thread runs again, on one of its own.
      await engine.journal.until({ execution: beside, event: 'entered' }, 2);
      await engine.journal.openGate(gate);
      const crashed = await engine.ended(exiting);
      assert.equal(crashed.status, 'FAILED');
      assert.equal(crashed.nodes.exit?.error?.error_code, 'WORKER_CRASHED');
      assert.equal(crashed.nodes.exit?.attempt, 2);
      const { status, nodes } = await engine.ended(beside);
      assert.equal(status, 'COMPLETED');
      assert.equal(nodes.beside?.attempt, 1);
      assert.equal(engine.journal.entries({ execution: beside, node: 'first' }).length, 1);
      assert.equal((await engine.run([{ id: 'a', handler: 'record' }])).status, 'COMPLETED');
    });

    test('a workflow that outlasts its time fails, and all that was under way is dead', async () => {
      const nodes = [
        { id: 'done', handler: 'record' },
        { id: 'held', handler: 'gate', dependencies: ['done'], config: CLOSED },
        { id: 'asleep', handler: 'delay', config: { seconds: 3600 } },
        {
          id: 'waiting',
          handler: 'flaky',
          retry: { initial_interval_ms: AN_HOUR_MS, max_interval_ms: AN_HOUR_MS },
        },
        { id: 'after', handler: 'record', dependencies: ['held', 'asleep'] },
      ];
      const id = await engine.begin({ name: 'late', timeout_seconds: 1.5, dag: { nodes } });
      await engine.journal.until({ execution: id, event: 'entered' });
      const { status, node_statuses, error } = await engine.ended(id);
      assert.equal(status, 'FAILED');
      assert.equal(error?.error_code, 'WORKFLOW_TIMEOUT');
      assert.deepEqual(node_statuses, {
        done: 'COMPLETED',
        held: 'FAILED',
        asleep: 'FAILED',
        waiting: 'FAILED',
        after: 'CANCELLED',
      });
      await engine.journal.until({ execution: id, event: 'aborted' });
      const letters = await engine.deadLetters(id);
      assert.deepEqual(letters.map((letter) => letter.node_id).toSorted(), ['asleep', 'held', 'waiting']);
      assert.ok(letters.every((letter) => letter.error_detail.error_code === 'WORKFLOW_TIMEOUT'));
    });

    test('a durable delay holds no worker and then goes on', async () => {
      const nodes = [
        { id: 'sleep', handler: 'delay', config: { seconds: 0.05 } },
        { id: 'after', handler: 'record', dependencies: ['sleep'] },
      ];
      const { status, execution_id } = await engine.run(nodes);
      assert.equal(status, 'COMPLETED');
      assert.deepEqual((await engine.outputs(execution_id)).sleep, { delayed_seconds: 0.05 });
    });
  });
}
