import assert from 'node:assert/strict';
import { after, before, describe, type TestContext, test } from 'node:test';
import { readRecordRows } from '../../store/postgres/testing/record-rows.js';
import { DistributedStore, type HostProcess } from '../../testing/distributed/distributed-store.js';
import { poll } from '../../testing/poll.js';
import { probeRedis } from '../../testing/servers/resp-probe.js';
import { serverTestsAreSkipped } from '../../testing/servers/skipped-servers.js';

const WORKFLOW = { name: 'lost', dag: { nodes: [{ id: 'a', handler: 'record', config: { n: 1 } }] } };
const BEGINS_RECOVERY = /bringing unfinished executions back from PostgreSQL/g;

interface Loss {
  readonly name: string;
  lose(store: DistributedStore): Promise<void>;
}

const LOSSES: readonly Loss[] = [
  {
    name: 'emptied under running hosts',
    lose: async ({ redis }) => void (await probeRedis(redis.port, 'FLUSHALL')),
  },
  {
    name: 'exchanged for a new one under running hosts',
    async lose({ redis }) {
      await redis.kill();
      await redis.startEmpty();
    },
  },
];

const isSkipped = serverTestsAreSkipped('Redis lost');

async function startStore(context: TestContext): Promise<DistributedStore> {
  const store = await DistributedStore.start();
  context.after(() => store.close());
  return store;
}

function isReady(host: HostProcess): Promise<true> {
  return poll('the host to be ready', async () => (await host.call('GET', '/readyz')).status === 200);
}

for (const loss of LOSSES) {
  describe(`Redis ${loss.name}`, { concurrency: false, skip: isSkipped }, () => {
    let store: DistributedStore;
    let hosts: readonly HostProcess[];
    let [ended, running, pending] = ['', '', ''];
    const underLoad: string[] = [];
    before(async () => {
      store = await DistributedStore.start();
      hosts = await Promise.all([store.addHost(), store.addHost()]);
      const [host] = hosts as [HostProcess, HostProcess];
      ended = (await host.run(WORKFLOW)).execution_id;
      pending = await host.submit({ ...WORKFLOW, name: 'pending' });
      running = await host.begin(
        [
          { id: 'held', handler: 'gate', config: { gate: 'lost' } },
          { id: 'after', handler: 'record', dependencies: ['held'], config: { who: '{{ params.who }}' } },
        ],
        { who: 'me' },
      );
      await store.journal.until({ execution: running, event: 'entered' });
      await host.recorded();
      const load = keepSubmitting(hosts, underLoad);
      await poll('some load', () => underLoad.length >= 20);
      await loss.lose(store);
      await poll('load after the loss', () => load.acceptedAfterRefusal());
      await load.stop();
      for (const each of hosts) await isReady(each);
    });
    after(() => store.close());

    test('one host brings the unfinished back, with their params, and they run on', async () => {
      const [host] = hosts as [HostProcess, HostProcess];
      await store.journal.until({ execution: running, event: 'entered' }, 2);
      await store.journal.openGate('lost');
      assert.equal((await host.ended(running)).status, 'COMPLETED');
      assert.equal((await host.outputs(running)).after.config.who, 'me');
      const recoveries = hosts.map((each) => each.process.output().match(BEGINS_RECOVERY)?.length ?? 0);
      assert.equal(
        recoveries.reduce((sum, count) => sum + count, 0),
        1,
      );
    });

    test('what was not triggered waits for its trigger still', async () => {
      const [, other] = hosts as [HostProcess, HostProcess];
      assert.equal((await other.status(pending)).status, 'PENDING');
      assert.deepEqual(store.journal.entries({ execution: pending }), []);
      await other.trigger(pending);
      assert.equal((await other.ended(pending)).status, 'COMPLETED');
    });

    test('what had ended keeps its results and is not run again', async () => {
      const [host] = hosts as [HostProcess, HostProcess];
      assert.equal((await host.status(ended)).status, 'COMPLETED');
      assert.equal((await host.outputs(ended)).a.config.n, 1);
      assert.equal(store.journal.entries({ execution: ended }).length, 1);
    });

    test('whatever the record knows of the load ends, once each', async () => {
      const [host] = hosts as [HostProcess, HostProcess];
      const { executions } = await readRecordRows(store.postgres.url);
      const known = underLoad.filter((id) => executions.some((row) => row.id === id));
      assert.ok(known.length > 0);
      for (const id of known) assert.equal((await host.ended(id)).status, 'COMPLETED');
      // Also those whose submission was not answered, and those that the record was told of after the recovery had begun.
      const recorded = await poll('all that the record knows to end', async () => {
        const rows = (await readRecordRows(store.postgres.url)).executions;
        return rows.every((row) => row.state === 'completed') && rows;
      });
      assert.equal(new Set(recorded.map((row) => row.id)).size, recorded.length);
    });
  });
}

describe('Redis emptied while every host is down', { concurrency: false, skip: isSkipped }, () => {
  test('is filled again at the next start, unless RECOVER=never forbids it', async (t) => {
    const store = await startStore(t);
    const first = await store.addHost();
    const pending = await first.submit(WORKFLOW);
    const running = await first.begin([{ id: 'held', handler: 'gate', config: { gate: 'down' } }]);
    await store.journal.until({ execution: running, event: 'entered' });
    await first.recorded();
    await first.kill();
    await store.redis.kill();
    await store.redis.startEmpty();

    const refusal = await store.refusedHost({ RECOVER: 'never' });
    assert.match(refusal, /exited \(code 1, signal null\)/);
    assert.match(refusal, /Redis has lost its contents and RECOVER=never forbids/);

    const second = await store.addHost();
    await store.journal.openGate('down');
    assert.equal((await second.ended(running)).status, 'COMPLETED');
    assert.equal((await second.status(pending)).status, 'PENDING');
    await second.trigger(pending);
    assert.equal((await second.ended(pending)).status, 'COMPLETED');
  });
});

describe('addresses that do not belong together', { concurrency: false, skip: isSkipped }, () => {
  test('are refused at the start, in words', async (t) => {
    const [one, another] = await Promise.all([startStore(t), startStore(t)]);
    await Promise.all([one.addHost(), another.addHost()]);
    const swapped = await one.refusedHost({ DATABASE_URL: another.postgres.url });
    assert.match(swapped, /exited \(code 1, signal null\)/);
    assert.match(swapped, /REDIS_URL and DATABASE_URL do not belong together/);
  });

  test('are refused where the database is new', async (t) => {
    const [used, unused] = await Promise.all([startStore(t), startStore(t)]);
    await used.addHost();
    const refusal = await used.refusedHost({ DATABASE_URL: unused.postgres.url });
    assert.match(refusal, /exited \(code 1, signal null\)/);
    assert.match(refusal, /REDIS_URL holds the data of another PostgreSQL/);
  });
});

/** Submits by turns to the hosts until it is stopped; what is refused is not sent again. */
function keepSubmitting(hosts: readonly HostProcess[], accepted: string[]) {
  const state = { isOver: false, refused: false, afterRefusal: 0 };
  const loop = async (): Promise<void> => {
    for (let turn = 0; !state.isOver; turn++) {
      const host = hosts[turn % hosts.length] as HostProcess;
      const reply = await host.call('POST', '/api/v1/workflow', { ...WORKFLOW, trigger: true });
      if (reply.status === 201) {
        accepted.push(reply.json.execution_id);
        if (state.refused) state.afterRefusal += 1;
      } else {
        assert.equal(reply.status, 503, reply.text);
        state.refused = true;
      }
    }
  };
  const over = loop();
  return {
    acceptedAfterRefusal: () => state.afterRefusal >= 20,
    stop: async () => {
      state.isOver = true;
      await over;
    },
  };
}
