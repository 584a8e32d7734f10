import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { EngineFixture, SETUPS, type Settings, type Setup } from '../../testing/engine-fixture.js';
import { poll } from '../../testing/poll.js';

for (const setup of SETUPS) {
  describe(`room for work (${setup.name})`, { concurrency: false }, () => {
    test('QUEUES bounds the tasks of each queue, and names the only ones that are served', async (t) => {
      const engine = await startEngine(t, setup, { QUEUES: 'default:8,narrow:2' });
      const inQueue = (queue: string) => (_: unknown, index: number) => ({
        id: `${queue}-${index}`,
        handler: 'pass',
        queue,
      });
      const elsewhere = await engine.begin(Array.from({ length: 1 }, inQueue('elsewhere')));
      const { status } = await engine.run([
        ...Array.from({ length: 12 }, inQueue('narrow')),
        ...Array.from({ length: 24 }, inQueue('default')),
      ]);
      assert.equal(status, 'COMPLETED');
      assert.equal(mostAtOnce(engine, 'narrow'), 2);
      const wide = mostAtOnce(engine, 'default');
      assert.ok(wide > 2 && wide <= 8, `${wide} at once`);
      const unserved = await engine.status(elsewhere);
      assert.equal(unserved.status, 'RUNNING');
      assert.equal(unserved.nodes['elsewhere-0']?.state, 'READY');
      await engine.restart({ QUEUES: '' });
      assert.equal((await engine.ended(elsewhere)).status, 'COMPLETED');
    });

    test('without QUEUES every queue has the room of the threads', async (t) => {
      const engine = await startEngine(t, setup, { WORKER_CONCURRENCY: '4' });
      const nodes = Array.from({ length: 20 }, (_, index) => ({
        id: `any-${index}`,
        handler: 'pass',
        queue: `q${index % 2}`,
      }));
      assert.equal((await engine.run(nodes)).status, 'COMPLETED');
      const most = mostAtOnce(engine, 'any');
      assert.ok(most > 1 && most <= 4, `${most} at once`);
    });

    test('past MAX_BACKLOG submissions answer 503, also those of one batch, until there is room', async (t) => {
      const engine = await startEngine(t, setup, { MAX_BACKLOG: '3' });
      const workflow = { name: 'backlog', dag: { nodes: [{ id: 'a', handler: 'record' }] } };
      const { results } = (await engine.call('POST', '/api/v1/workflow/batch', Array(5).fill(workflow))).json;
      const codes = results.map((item: { error?: { error_code: string } }) => item.error?.error_code);
      assert.deepEqual(codes, [undefined, undefined, undefined, 'OVERLOADED', 'OVERLOADED']);
      const refused = await engine.call('POST', '/api/v1/workflow', workflow);
      assert.equal(refused.status, 503);
      assert.equal(refused.json.error.error_code, 'OVERLOADED');
      assert.match(refused.headers.get('retry-after') ?? '', /^[1-9]\d*$/);
      const [first] = results as { execution_id: string }[];
      await engine.trigger(first?.execution_id ?? '');
      assert.equal((await engine.ended(first?.execution_id ?? '')).status, 'COMPLETED');
      await poll('room in the backlog', async () => {
        return (await engine.call('POST', '/api/v1/workflow', workflow)).status === 201;
      });
    });

    test('a cancelled execution gives its room back when its handlers have returned', async (t) => {
      const engine = await startEngine(t, setup, { WORKER_CONCURRENCY: '2' });
      const held = ['a', 'b'].map((id) => ({ id, handler: 'gate', config: { gate: 'never-opened' } }));
      const filling = await engine.begin(held);
      await engine.journal.until({ execution: filling, event: 'entered' }, 2);
      const next = await engine.begin([{ id: 'next', handler: 'record' }]);
      assert.equal((await engine.status(next)).nodes.next?.state, 'READY');
      await engine.call('DELETE', `/api/v1/workflow/${filling}`);
      assert.equal((await engine.ended(next)).status, 'COMPLETED');
    });

    test('a caller over its rate gets 429', async (t) => {
      const settings = { RATE_LIMIT_REQUESTS_PER_MINUTE: '2' };
      const engine = await startEngine(t, setup, settings);
      const submit = () =>
        engine.call('POST', '/api/v1/workflow', {
          name: 'limited',
          dag: { nodes: [{ id: 'a', handler: 'echo' }] },
        });
      assert.deepEqual([(await submit()).status, (await submit()).status], [201, 201]);
      const limited = await submit();
      assert.equal(limited.status, 429);
      assert.match(limited.json.detail, /^Rate limit exceeded\. Retry after \d+ seconds\.$/);
      assert.equal(limited.headers.get('x-ratelimit-remaining'), '0');
    });

    test('metrics tell what was done', async (t) => {
      const engine = await startEngine(t, setup);
      await engine.run([
        { id: 'a', handler: 'echo' },
        { id: 'b', handler: 'echo', dependencies: ['a'], condition: 'no' },
        { id: 'c', handler: 'flaky', config: { failures: 1 } },
      ]);
      await engine.run([{ id: 'a', handler: 'refuse' }]);
      await engine.run([{ id: 'a', handler: 'nobody_has_this' }]);
      await engine.call('DELETE', `/api/v1/workflow/${await engine.submit([{ id: 'a', handler: 'echo' }])}`);
      const expected = {
        workflow_submissions_total: 4,
        'workflow_completions_total{status="completed"}': 1,
        'workflow_completions_total{status="failed"}': 2,
        'workflow_completions_total{status="cancelled"}': 1,
        'node_executions_total{handler="echo",status="completed"}': 1,
        'node_executions_total{handler="echo",status="skipped"}': 1,
        'node_executions_total{handler="flaky",status="retried"}': 1,
        'node_executions_total{handler="flaky",status="completed"}': 1,
        'node_executions_total{handler="refuse",status="failed"}': 1,
        'node_executions_total{handler="unknown",status="failed"}': 1,
        'node_duration_seconds_count{handler="flaky"}': 2,
        workflow_duration_seconds_count: 3,
        redis_stream_pending_messages: 0,
        millrace_reconciler_repairs_total: 0,
      };
      const shown: Record<string, number> = {};
      for (const sample of Object.keys(expected)) shown[sample] = await engine.metric(sample);
      assert.deepEqual(shown, expected);
      const requests = 'api_request_duration_seconds_count{endpoint="/api/v1/workflow",method="POST"}';
      assert.equal(await engine.metric(requests), 4);
    });
  });
}

/** How many tasks whose node id begins so had entered and not left, at the most. */
function mostAtOnce(engine: EngineFixture, prefix: string): number {
  let now = 0;
  let most = 0;
  for (const { node, event } of engine.journal.entries()) {
    if (!node.startsWith(prefix)) continue;
    now += event === 'entered' ? 1 : -1;
    most = Math.max(most, now);
  }
  return most;
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
