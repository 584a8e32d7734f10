import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { DistributedStore, type HostProcess } from '../../testing/distributed/distributed-store.js';
import { poll } from '../../testing/poll.js';
import { serverTestsAreSkipped } from '../../testing/servers/skipped-servers.js';

const WORKFLOW = { name: 'away', dag: { nodes: [{ id: 'a', handler: 'record', config: { n: 1 } }] } };
/** A connection on which nothing comes is given up after 4 s; on a busy machine the answer may take its time. */
const ANSWER_BOUND_MS = 10_000;

interface Outage {
  readonly name: string;
  readonly cuttable?: 'redis';
  begin(store: DistributedStore): Promise<void>;
  end(store: DistributedStore): Promise<void>;
}

const OUTAGES: readonly Outage[] = [
  {
    name: 'killed, and started again from its AOF',
    begin: ({ redis }) => redis.kill(),
    end: ({ redis }) => redis.start(),
  },
  { name: 'frozen', begin: async ({ redis }) => redis.freeze(), end: async ({ redis }) => redis.thaw() },
  {
    name: 'half-open',
    cuttable: 'redis',
    begin: async ({ way }) => way?.cut(),
    end: async ({ way }) => way?.mend(),
  },
];

const isSkipped = serverTestsAreSkipped('Redis away');

for (const outage of OUTAGES) {
  describe(`Redis ${outage.name}`, { concurrency: false, skip: isSkipped }, () => {
    let store: DistributedStore;
    let host: HostProcess;
    let running = '';
    let pending = '';
    before(async () => {
      store = await DistributedStore.start(outage.cuttable ? { cuttable: outage.cuttable } : {});
      host = await store.addHost();
      pending = await host.submit(WORKFLOW);
      running = await host.begin([
        { id: 'done', handler: 'record' },
        { id: 'held', handler: 'gate', dependencies: ['done'], config: { gate: 'away' } },
        { id: 'after', handler: 'record', dependencies: ['held'] },
      ]);
      await store.journal.until({ execution: running, event: 'entered' });
      await host.recorded();
      await outage.begin(store);
    });
    after(() => store.close());

    test('requests that need it answer 503 soon, and the process lives', async () => {
      const calls = [
        ['POST', '/api/v1/workflow', WORKFLOW],
        ['POST', `/api/v1/workflow/trigger/${pending}`],
        ['GET', `/api/v1/workflow/${running}`],
        ['GET', `/api/v1/workflow/${running}/results`],
        ['DELETE', `/api/v1/workflow/${pending}`],
        ['GET', '/api/v1/admin/stats'],
      ] as const;
      const begun = performance.now();
      const replies = await Promise.all(calls.map(([method, path, body]) => host.call(method, path, body)));
      assert.ok(performance.now() - begun < ANSWER_BOUND_MS, `${performance.now() - begun} ms`);
      for (const [index, reply] of replies.entries()) {
        assert.equal(reply.status, 503, `${calls[index]?.join(' ')}: ${reply.text}`);
        assert.equal(reply.json.error.error_code, 'STORE_UNAVAILABLE');
        assert.match(reply.headers.get('retry-after') ?? '', /^[1-9]\d*$/);
      }
      const health = await host.call('GET', '/health');
      assert.equal(health.status, 503);
      assert.deepEqual(health.json.dependencies, { redis: 'unhealthy', postgres: 'healthy' });
      assert.equal((await host.call('GET', '/livez')).status, 200);
      assert.equal((await host.call('GET', '/readyz')).status, 503);
    });

    test('once it is back everything goes on, and what ran meanwhile counts', async () => {
      await store.journal.openGate('away');
      await store.journal.until({ execution: running, event: 'left' });
      await outage.end(store);
      await poll('Redis to be found', async () => (await host.call('GET', '/readyz')).status === 200);
      const { status, nodes } = await host.ended(running);
      assert.equal(status, 'COMPLETED');
      assert.deepEqual(
        ['done', 'held', 'after'].map((node) => nodes[node]?.attempt),
        [1, 1, 1],
      );
      assert.equal(store.journal.entries({ execution: running, node: 'done' }).length, 1);
      await host.trigger(pending);
      assert.equal((await host.ended(pending)).status, 'COMPLETED');
      assert.equal((await host.run(WORKFLOW)).status, 'COMPLETED');
      await host.recorded();
    });
  });
}

describe('a reply of Redis that is lost', { skip: isSkipped }, () => {
  test('leaves no task behind: its lease is handed back once Redis is found again', async (t) => {
    const store = await DistributedStore.start({
      cuttable: 'redis',
      // Nobody takes a lease over within the time of this test.
      settings: { LEASE_MS: '600000' },
    });
    t.after(() => store.close());
    const host = await store.addHost();
    await host.run(WORKFLOW);
    store.way?.cutReplies();
    const unanswered = await host.call('POST', '/api/v1/workflow', { ...WORKFLOW, trigger: true });
    assert.equal(unanswered.status, 503, unanswered.text);
    await poll('Redis to be found', async () => (await host.call('GET', '/readyz')).status === 200);
    const [, lost] = await store.journal.until({ event: 'ran' }, 2);
    assert.equal((await host.ended(lost?.execution ?? '')).status, 'COMPLETED');
    assert.match(host.process.output(), /leases whose reply was lost were handed back/);
  });
});
