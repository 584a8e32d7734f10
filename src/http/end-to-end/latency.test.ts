import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { EngineFixture, SETUPS } from '../../testing/engine-fixture.js';
import { poll } from '../../testing/poll.js';

interface Stage {
  readonly count: number;
  readonly p50: number;
  readonly max: number;
  readonly curve: readonly (readonly [number, number])[];
}

for (const setup of SETUPS) {
  describe(`what takes time (${setup.name})`, { concurrency: false }, () => {
    let engine: EngineFixture;
    before(async () => {
      engine = await EngineFixture.start({ setup });
    });
    after(() => engine.close());

    const stagesOf = async (window: string): Promise<Record<string, Stage>> => {
      const reply = await engine.call('GET', `/api/v1/admin/latency?window=${window}`);
      assert.equal(reply.status, 200, reply.text);
      return reply.json.windows[window].stages;
    };

    test('is measured for every stage of an execution, from its submission to its record', async () => {
      const id = await engine.begin([
        { id: 'first', handler: 'echo' },
        { id: 'second', handler: 'echo', dependencies: ['first'] },
      ]);
      await engine.ended(id);
      const isApart = setup.store === 'distributed';
      const stages = await poll('the end to be recorded', async () => {
        const found = await stagesOf('1m');
        return (!isApart || (found.end_to_record?.count ?? 0) > 0) && found;
      });
      for (const [name, least] of Object.entries({
        submit: 1,
        queue_wait: 2,
        run: 2,
        trigger_to_end: 1,
        store_call: 3,
      })) {
        const stage = stages[name];
        assert.ok(stage && stage.count >= least, `${name}: ${JSON.stringify(stage)}`);
        assert.deepEqual(stage.curve.at(-1), [100, stage.max], name);
      }
      assert.ok((stages.store_call?.max ?? 0) > 0);
      // On the embedded store an end and its record are one commit.
      assert.equal((stages.end_to_record?.count ?? 0) > 0, isApart);
      assert.deepEqual((await stagesOf('start')).run, stages.run);
    });

    test('is told beside rates, depths and room', async () => {
      const { json: stats } = await engine.call('GET', '/api/v1/admin/stats');
      assert.ok(stats.latency_ms.run.count >= 2);
      assert.ok(stats.worker_threads.capacity >= stats.worker_threads.count);
      for (const rate of ['submissions', 'completed', 'failed', 'cancelled', 'node_executions']) {
        assert.equal(typeof stats.rates_per_second[rate], 'number', rate);
      }
    });

    test('is refused for a window that there is not', async () => {
      const reply = await engine.call('GET', '/api/v1/admin/latency?window=2m');
      assert.equal(reply.status, 422, reply.text);
    });
  });
}
