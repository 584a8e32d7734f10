import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, type TestContext, test } from 'node:test';
import { DistributedStore, HostProcess, TEST_LEASE_MS } from '../../testing/distributed/distributed-store.js';
import type { Status } from '../../testing/engine-calls.js';
import type { Settings } from '../../testing/engine-fixture.js';
import type { EngineProcess } from '../../testing/engine-process.js';
import { createMachine } from '../../testing/process-machine.js';
import { serverTestsAreSkipped } from '../../testing/servers/skipped-servers.js';

const MAX_DELIVERIES = 3;
const HELD = 200;
/** What a busy machine may add to a bound. */
const SLACK_MS = 2000;

const CHAIN = Array.from({ length: 8 }, (_, index) => ({
  id: `n${index}`,
  handler: 'pass',
  dependencies: index === 0 ? [] : [`n${index - 1}`],
}));

describe('leases over hosts', {
  concurrency: false,
  skip: serverTestsAreSkipped('leases over hosts'),
}, () => {
  const startStore = async (context: TestContext, settings: Settings = {}): Promise<DistributedStore> => {
    const store = await DistributedStore.start({ settings });
    context.after(() => store.close());
    return store;
  };

  test('all that a killed host held runs elsewhere within LEASE_MS + 1 s', async (t) => {
    const store = await startStore(t, { WORKER_CONCURRENCY: String(HELD) });
    const victim = await store.addHost();
    const id = await victim.begin(
      Array.from({ length: HELD }, (_, index) => ({
        id: `held-${index}`,
        handler: 'gate',
        config: { gate: 'taken-over' },
      })),
    );
    await store.journal.until({ execution: id, event: 'entered' }, HELD);
    const other = await store.addHost();
    await victim.kill();
    const killedAt = performance.now();
    await store.journal.until({ execution: id, event: 'entered' }, 2 * HELD);
    const waitedMs = performance.now() - killedAt;
    assert.ok(waitedMs <= TEST_LEASE_MS + 1000 + SLACK_MS, `taken over after ${Math.round(waitedMs)} ms`);
    await store.journal.openGate('taken-over');
    const { status, nodes } = await other.ended(id);
    assert.equal(status, 'COMPLETED');
    assert.ok(Object.values(nodes).every((node) => node.attempt === 1));
    assert.equal(store.journal.entries({ execution: id, event: 'entered' }).length, 2 * HELD);
  });

  test('a host keeps what its threads run, also while none of them gives a sign', async (t) => {
    const store = await startStore(t);
    const busy = await store.addHost();
    const id = await busy.begin([{ id: 'long', handler: 'spin', config: { ms: 2.5 * TEST_LEASE_MS } }]);
    await store.journal.until({ execution: id, event: 'entered' });
    const idle = await store.addHost();
    const { status, nodes } = await idle.ended(id);
    assert.equal(status, 'COMPLETED');
    assert.equal(nodes.long?.attempt, 1);
    assert.equal(store.journal.entries({ execution: id, event: 'entered' }).length, 1);
  });

  test('a task that kills its hosts is a dead letter in the end, and its neighbours complete', async (t) => {
    const store = await startStore(t, { MAX_DELIVERIES: String(MAX_DELIVERIES) });
    const api = await store.addHost({ ROLES: 'api' });
    const neighbours = [];
    for (let count = 0; count < 10; count++) neighbours.push(await api.begin(CHAIN));
    const id = await api.begin([{ id: 'deadly', handler: 'kill' }]);
    const over = new AbortController();
    const isOver = once(over.signal, 'abort');
    const keepOneWorker = async (): Promise<void> => {
      while (!over.signal.aborted) {
        const worker = await store.addHost({ ROLES: 'worker' }).catch(() => undefined);
        // It may have died before it was ready.
        if (worker) await Promise.race([worker.process.exited, isOver]);
      }
    };
    const working = keepOneWorker();
    const { status, nodes } = await api.ended(id);
    assert.equal(status, 'FAILED');
    assert.equal(nodes.deadly?.error?.error_code, 'DELIVERIES_EXHAUSTED');
    assert.equal((await api.deadLetters(id)).length, 1);
    for (const each of neighbours) assert.equal((await api.ended(each)).status, 'COMPLETED');
    over.abort();
    await working;
    assert.equal(store.journal.entries({ execution: id, event: 'ran' }).length, MAX_DELIVERIES);
  });
});

describe('leases of the embedded store', { concurrency: false }, () => {
  test('they are kept while the only thread is in a loop', async (t) => {
    const { journal, start } = await createMachine(t);
    const host = new HostProcess(await start({ LEASE_MS: '500' }));
    const { status, nodes } = await host.run([{ id: 'long', handler: 'spin', config: { ms: 2500 } }]);
    assert.equal(status, 'COMPLETED');
    assert.equal(nodes.long?.attempt, 1);
    assert.equal(journal.entries({ event: 'entered' }).length, 1);
  });

  test('a task that kills the process is a dead letter in the end, and its neighbours complete', async (t) => {
    const { journal, start } = await createMachine(t);
    const settings = { MAX_DELIVERIES: String(MAX_DELIVERIES) };
    const idle = new HostProcess(await start({ ...settings, QUEUES: 'none:1' }));
    const neighbours = [];
    for (let count = 0; count < 10; count++) neighbours.push(await idle.begin(CHAIN));
    const id = await idle.begin([{ id: 'deadly', handler: 'kill' }]);
    await idle.process.stop();
    const { host, ended } = await startUntilEnded(() => start(settings), id);
    assert.equal(ended.status, 'FAILED');
    assert.equal(ended.nodes.deadly?.error?.error_code, 'DELIVERIES_EXHAUSTED');
    assert.equal((await host.deadLetters(id)).length, 1);
    for (const each of neighbours) assert.equal((await host.ended(each)).status, 'COMPLETED');
    assert.equal(journal.entries({ execution: id, event: 'ran' }).length, MAX_DELIVERIES);
    assert.equal((await host.process.stop()).code, 0);
  });
});

/** As a supervisor does: a process that has died is started again, until one lives to see this execution end. */
async function startUntilEnded(
  start: () => Promise<EngineProcess>,
  id: string,
): Promise<{ readonly host: HostProcess; readonly ended: Status }> {
  for (let deaths = 0; deaths <= 2 * MAX_DELIVERIES; deaths++) {
    const engine = await start().catch(() => undefined);
    const host = engine && new HostProcess(engine);
    const ended = await host?.ended(id).catch(() => undefined);
    if (host && ended) return { host, ended };
  }
  throw new Error('the task still kills its process');
}
