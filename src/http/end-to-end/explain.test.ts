import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { EngineFixture, SETUPS } from '../../testing/engine-fixture.js';
import { poll } from '../../testing/poll.js';

for (const setup of SETUPS.filter(({ store }) => store === 'embedded')) {
  describe(`why nodes are not done (${setup.name})`, { concurrency: false }, () => {
    let engine: EngineFixture;
    before(async () => {
      engine = await EngineFixture.start({ setup, settings: { QUEUES: 'default:1' } });
    });
    after(() => engine.close());

    const explain = async (id: string) => {
      const reply = await engine.call('GET', `/api/v1/workflow/${id}/explain`);
      assert.equal(reply.status, 200, reply.text);
      return reply.json;
    };

    test('is told for each unfinished node, from the submission to the end', async () => {
      const id = await engine.submit([
        { id: 'holds', handler: 'gate', config: { gate: 'explain' } },
        { id: 'waits', handler: 'echo', dependencies: ['holds'] },
        { id: 'queued', handler: 'echo' },
        { id: 'elsewhere', handler: 'echo', queue: 'nobody-takes-it' },
      ]);
      const pending = await explain(id);
      assert.deepEqual([pending.status, pending.nodes.waits.reason], ['PENDING', 'not_triggered']);
      await engine.trigger(id);
      await engine.journal.until({ execution: id, event: 'entered' });
      const { status, nodes } = await poll('one task to run and one to wait', async () => {
        const found = await explain(id);
        return found.nodes.holds?.reason === 'running' && found;
      });
      assert.equal(status, 'RUNNING');
      assert.match(nodes.holds.host, /./);
      assert.match(nodes.holds.since, /^\d{4}-/);
      assert.deepEqual([nodes.waits.reason, nodes.waits.parents], ['waiting_for_parents', ['holds']]);
      assert.deepEqual([nodes.queued.reason, nodes.queued.queue_depth], ['in_queue', 1]);
      assert.equal(nodes.elsewhere.reason, 'no_host_for_queue');
      const { json: stats } = await engine.call('GET', '/api/v1/admin/stats');
      assert.deepEqual(stats.queues, { default: { ready: 1 }, 'nobody-takes-it': { ready: 1 } });
      await engine.journal.openGate('explain');
      await poll('all that somebody takes to be done', async () => {
        return Object.keys((await explain(id)).nodes).join() === 'elsewhere';
      });
      await engine.call('DELETE', `/api/v1/workflow/${id}`);
      assert.deepEqual((await explain(id)).nodes, {});
    });

    test('is the wait for the next attempt, or a sleep, with its end', async () => {
      const id = await engine.begin([
        { id: 'sleeps', handler: 'delay', config: { seconds: 3600 } },
        {
          ...{ id: 'again', handler: 'flaky', config: { failures: 5 } },
          retry: { initial_interval_ms: 3_600_000, max_interval_ms: 3_600_000 },
        },
      ]);
      const nodes = await poll('both to wait', async () => {
        const found = (await explain(id)).nodes;
        return found.sleeps?.reason === 'sleeping' && found.again?.reason === 'backing_off' && found;
      });
      for (const { until } of [nodes.sleeps, nodes.again]) assert.ok(Date.parse(until) > Date.now());
      await engine.call('DELETE', `/api/v1/workflow/${id}`);
    });

    test('is 404 for what there is not', async () => {
      const reply = await engine.call('GET', '/api/v1/workflow/nothing/explain');
      assert.equal(reply.status, 404);
    });
  });
}
