import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type ExecutionId, partitionOf } from '../../model/ids.js';
import { setReadOnly } from '../../store/postgres/testing/read-only.js';
import { readRecordRows } from '../../store/postgres/testing/record-rows.js';
import { PartitionKeys } from '../../store/redis/partition-keys.js';
import { DistributedStore, type HostProcess } from '../../testing/distributed/distributed-store.js';
import { poll } from '../../testing/poll.js';
import { probeRedis } from '../../testing/servers/resp-probe.js';
import { serverTestsAreSkipped } from '../../testing/servers/skipped-servers.js';

const UNKNOWN_ID = '0189aaaa-bbbb-7ccc-8000-eeeeeeeeeeee';
const KNOWN = { name: 'known', dag: { nodes: [{ id: 'a', handler: 'record', config: { n: 1 } }] } };
const NEW = { name: 'new', dag: { nodes: [{ id: 'a', handler: 'record', config: { n: 2 } }] } };
/** Even a query into a cut line is given up; on a busy machine the answer may take its time. */
const ANSWER_BOUND_MS = 30_000;

interface Outage {
  readonly name: string;
  readonly cuttable?: 'postgres';
  begin(store: DistributedStore): Promise<void>;
  end(store: DistributedStore): Promise<void>;
}

const OUTAGES: readonly Outage[] = [
  { name: 'killed', begin: ({ postgres }) => postgres.kill(), end: ({ postgres }) => postgres.start() },
  {
    name: 'half-open',
    cuttable: 'postgres',
    begin: async ({ way }) => way?.cut(),
    end: async ({ way }) => way?.mend(),
  },
  {
    name: 'read-only',
    begin: ({ postgres }) => setReadOnly(postgres.url, 'on'),
    end: ({ postgres }) => setReadOnly(postgres.url, 'off'),
  },
];

const isSkipped = serverTestsAreSkipped('PostgreSQL away');

for (const outage of OUTAGES) {
  describe(`PostgreSQL ${outage.name}`, { concurrency: false, skip: isSkipped }, () => {
    let store: DistributedStore;
    let host: HostProcess;
    /** Everything that was acknowledged, by the state in which it must end up in the record. */
    const expected = new Map<string, string>();
    let cold = '';
    let parked = '';
    let running = '';
    before(async () => {
      store = await DistributedStore.start({
        settings: { HOT_GRACE_SECONDS: '0', PARK_SECONDS: '1' },
        ...(outage.cuttable && { cuttable: outage.cuttable }),
      });
      host = await store.addHost();
      cold = (await host.run(KNOWN)).execution_id;
      parked = await host.submit(KNOWN);
      running = await host.begin([
        { id: 'held', handler: 'gate', config: { gate: 'away' } },
        { id: 'after', handler: 'record', dependencies: ['held'] },
      ]);
      await store.journal.until({ execution: running, event: 'entered' });
      await host.recorded();
      for (const id of [cold, parked]) await poll('it to leave Redis', () => isNotHot(store, id));
      for (const id of [cold, parked, running]) expected.set(id, 'completed');
      await outage.begin(store);
      await poll('the outage to be noticed', async () => (await host.call('GET', '/health')).status === 503);
    });
    after(() => store.close());

    test('health tells it, and the host stays ready', async () => {
      const { json } = await host.call('GET', '/health');
      assert.equal(json.status, 'degraded');
      assert.deepEqual(json.dependencies, { redis: 'healthy', postgres: 'unhealthy' });
      assert.equal((await host.call('GET', '/readyz')).status, 200);
    });

    test('what runs goes on, and its status and results are served', async () => {
      await store.journal.openGate('away');
      assert.equal((await host.ended(running)).status, 'COMPLETED');
      assert.deepEqual(Object.keys(await host.outputs(running)), ['held', 'after']);
    });

    test('known and new workflows are accepted and run', async () => {
      for (const workflow of [KNOWN, NEW]) {
        const ended = await host.run(workflow);
        assert.equal(ended.status, 'COMPLETED');
        assert.equal((await host.outputs(ended.execution_id)).a.config.n, workflow.dag.nodes[0]?.config.n);
        expected.set(ended.execution_id, 'completed');
      }
    });

    test('what only the record can answer is 503, never 404', {
      skip: outage.name === 'read-only',
    }, async () => {
      const calls = [
        ['GET', `/api/v1/workflow/${cold}`],
        ['GET', `/api/v1/workflow/${cold}/results`],
        ['GET', `/api/v1/workflow/${UNKNOWN_ID}`],
        ['POST', `/api/v1/workflow/trigger/${parked}`],
        ['DELETE', `/api/v1/workflow/${parked}`],
        ['GET', '/api/v1/workflow?limit=10'],
        ['GET', '/api/v1/admin/dlq'],
      ] as const;
      const begun = performance.now();
      const replies = await Promise.all(calls.map(([method, path]) => host.call(method, path)));
      for (const [index, reply] of replies.entries()) {
        assert.equal(reply.status, 503, `${calls[index]?.join(' ')}: ${reply.text}`);
        assert.equal(reply.json.error.error_code, 'STORE_UNAVAILABLE');
        assert.match(reply.headers.get('retry-after') ?? '', /^[1-9]\d*$/);
      }
      assert.ok(performance.now() - begun < ANSWER_BOUND_MS);
    });

    test('once it is back the record is complete, without a duplicate, and the outbox empty', async () => {
      const late = await host.begin(NEW);
      expected.set(late, 'completed');
      await outage.end(store);
      await poll('PostgreSQL to be found', async () => (await host.call('GET', '/health')).status === 200);
      await host.trigger(parked);
      assert.equal((await host.ended(parked)).status, 'COMPLETED');
      await host.ended(late);
      await host.recorded();
      const { executions, setAside } = await readRecordRows(store.postgres.url);
      assert.deepEqual(executions.map(({ id, state }) => [id, state]).toSorted(), [...expected].toSorted());
      assert.equal(setAside, 0);
      assert.equal((await host.call('GET', `/api/v1/workflow/${UNKNOWN_ID}`)).status, 404);
      assert.equal((await host.status(cold)).status, 'COMPLETED');
    });
  });
}

describe('a long absence of PostgreSQL', { skip: isSkipped }, () => {
  test('fills the outbox to its bound, then submissions are refused until it is back', async (t) => {
    const store = await DistributedStore.start({ settings: { OUTBOX_MAX_BYTES: String(1 << 20) } });
    t.after(() => store.close());
    const host = await store.addHost();
    await store.postgres.kill();
    const submit = () =>
      host.call('POST', '/api/v1/workflow', {
        ...KNOWN,
        trigger: true,
        params: { text: 'x'.repeat(50_000) },
      });
    let accepted = 0;
    const refused = await poll('the outbox to be full', async () => {
      const reply = await submit();
      if (reply.status !== 201) return reply;
      accepted += 1;
      // The bound is checked against what the last sweep found.
      await host.ended(reply.json.execution_id);
      return undefined;
    });
    assert.equal(refused.status, 503, refused.text);
    assert.equal(refused.json.error.error_code, 'OVERLOADED');
    assert.match(refused.headers.get('retry-after') ?? '', /^[1-9]\d*$/);
    // The handler puts the params out once more.
    assert.ok(accepted >= 5, `only ${accepted} were accepted`);
    await store.postgres.start();
    await poll('submissions to be taken again', async () => (await submit()).status === 201);
    await host.recorded();
    const { executions } = await readRecordRows(store.postgres.url);
    assert.equal(executions.length, accepted + 1);
  });
});

async function isNotHot(store: DistributedStore, id: string): Promise<boolean> {
  const executionId = id as ExecutionId;
  const key = new PartitionKeys(partitionOf(executionId)).rows(executionId);
  return (await probeRedis(store.redis.port, `EXISTS ${key}`)).startsWith(':0');
}
