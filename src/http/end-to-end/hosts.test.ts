import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { DistributedStore, type HostProcess } from '../../testing/distributed/distributed-store.js';
import type { Settings } from '../../testing/engine-fixture.js';
import { poll } from '../../testing/poll.js';
import { serverTestsAreSkipped } from '../../testing/servers/skipped-servers.js';

const isSkipped = serverTestsAreSkipped('hosts of one store');

async function startStore(context: TestContext, settings: Settings = {}): Promise<DistributedStore> {
  const store = await DistributedStore.start({ settings });
  context.after(() => store.close());
  return store;
}

interface ShownHost {
  readonly id: string;
  readonly roles: readonly string[];
  readonly queues: readonly string[] | null;
  readonly handlers: readonly string[];
  readonly running_tasks: number;
  readonly last_seen_at: string;
}

async function shownHosts(host: HostProcess): Promise<readonly ShownHost[]> {
  return (await host.call('GET', '/api/v1/admin/stats')).json.hosts;
}

function isOf(id: string | null | undefined, host: HostProcess): boolean {
  return id?.includes(`-${host.process.pid}-`) ?? false;
}

/** How many nodes of these executions each host ran. */
async function sharesOf(executions: readonly string[], hosts: readonly HostProcess[]): Promise<number[]> {
  const shares = hosts.map(() => 0);
  for (const id of executions) {
    for (const node of Object.values((await (hosts[0] as HostProcess).status(id)).nodes)) {
      const place = hosts.findIndex((host) => isOf(node.host, host));
      if (place >= 0) shares[place] = (shares[place] ?? 0) + 1;
    }
  }
  return shares;
}

describe('what a host does', { concurrency: true, skip: isSkipped }, () => {
  test('an api host leases nothing; a worker host serves only what concerns itself', async (t) => {
    const store = await startStore(t);
    const api = await store.addHost({ ROLES: 'api' });
    const id = await api.begin([{ id: 'a', handler: 'echo', config: { n: 1 } }]);
    await poll('the next signs of life', async () => {
      const [self] = await shownHosts(api);
      return self?.roles.join() === 'api' && Date.parse(self.last_seen_at) > Date.now() - 500;
    });
    assert.equal((await api.status(id)).nodes.a?.state, 'READY');

    const worker = await store.addHost({ ROLES: 'worker' });
    const { status, nodes } = await api.ended(id);
    assert.equal(status, 'COMPLETED');
    assert.ok(isOf(nodes.a?.host, worker));
    for (const path of ['/health', '/livez', '/readyz', '/metrics', '/api/v1/admin/stats']) {
      const reply = await worker.call('GET', path);
      assert.equal(reply.status, 200, `${path}: ${reply.text.slice(0, 200)}`);
    }
    for (const [method, path] of [
      ['POST', '/api/v1/workflow'],
      ['GET', `/api/v1/workflow/${id}`],
      ['GET', '/api/v1/admin/dlq'],
    ] as const) {
      const reply = await worker.call(method, path, method === 'POST' ? {} : undefined);
      assert.equal(reply.status, 404, path);
      assert.equal(reply.json.error.error_code, 'NOT_FOUND');
    }
  });

  test('each takes the queues that it names', async (t) => {
    const store = await startStore(t);
    const [plain, models] = await Promise.all([
      store.addHost({ QUEUES: 'default:8' }),
      store.addHost({ QUEUES: 'llm:2' }),
    ]);
    const { status, nodes } = await plain.run([
      ...['a', 'b', 'c'].map((id) => ({ id, handler: 'record' })),
      ...['x', 'y', 'z'].map((id) => ({ id, handler: 'record', queue: 'llm' })),
    ]);
    assert.equal(status, 'COMPLETED');
    for (const id of ['a', 'b', 'c']) assert.ok(isOf(nodes[id]?.host, plain), id);
    for (const id of ['x', 'y', 'z']) assert.ok(isOf(nodes[id]?.host, models), id);
    const shown = await shownHosts(plain);
    assert.deepEqual(shown.map(({ queues }) => queues).toSorted(), [['default'], ['llm']]);
  });

  test('a task goes to a host that has its handler', async (t) => {
    const store = await startStore(t, { UNKNOWN_HANDLER_GRACE_MS: '60000' });
    const without = await store.addHost({ HANDLERS_DIR: '' });
    const early = await without.begin([{ id: 'a', handler: 'record' }]);
    const builtIn = await without.run([{ id: 'a', handler: 'echo' }]);
    assert.equal(builtIn.status, 'COMPLETED');
    assert.equal((await without.status(early)).nodes.a?.state, 'READY');

    const having = await store.addHost();
    const executions = [early];
    for (let count = 0; count < 20; count++) {
      executions.push(await without.begin([{ id: 'a', handler: 'record' }]));
    }
    for (const id of executions) assert.equal((await without.ended(id)).status, 'COMPLETED');
    assert.deepEqual(await sharesOf(executions, [having, without]), [executions.length, 0]);
    const shown = await shownHosts(without);
    const handlersOf = (host: HostProcess) => shown.find(({ id }) => isOf(id, host))?.handlers;
    assert.deepEqual(handlersOf(without), []);
    assert.ok(handlersOf(having)?.includes('record'));
  });

  test('a handler that no living host has fails its node after the grace', async (t) => {
    const graceMs = 2000;
    const store = await startStore(t, { UNKNOWN_HANDLER_GRACE_MS: String(graceMs) });
    const [host] = await Promise.all([store.addHost(), store.addHost({ HANDLERS_DIR: '' })]);
    const { status, nodes } = await host.run([{ id: 'a', handler: 'nobody_has_this' }]);
    assert.equal(status, 'FAILED');
    assert.equal(nodes.a?.error?.error_code, 'UNKNOWN_HANDLER');
    assert.equal(nodes.a?.attempt, 1);
    const waitedMs = Date.parse(nodes.a?.finished_at ?? '') - Date.parse(nodes.a?.queued_at ?? '');
    assert.ok(waitedMs >= graceMs, `it failed after ${waitedMs} ms`);
  });
});

describe('hosts that share the work', { concurrency: false, skip: isSkipped }, () => {
  const PASSES = Array.from({ length: 4 }, (_, index) => ({ id: `n${index}`, handler: 'pass' }));

  test('each runs a fair part, and one that joins under load gets its own', async (t) => {
    const store = await startStore(t, { WORKER_CONCURRENCY: '4' });
    const first = await store.addHost();
    const executions: string[] = [];
    const state = { isOver: false };
    const submitting = (async () => {
      while (!state.isOver) {
        executions.push(await first.begin(PASSES));
        // Always more than one host has room for, never much more.
        const isAhead = executions.length % 10 === 0;
        if (isAhead) await first.ended(executions.at(-10) ?? '');
      }
    })();
    await poll('the first host to be busy', () => executions.length >= 20);
    const second = await store.addHost();
    const joinedAt = executions.length;
    await poll('both to have worked', async () => executions.length >= joinedAt + 100);
    state.isOver = true;
    await submitting;
    for (const id of executions) assert.equal((await first.ended(id)).status, 'COMPLETED');
    const shares = await sharesOf(executions.slice(joinedAt), [first, second]);
    const all = (executions.length - joinedAt) * PASSES.length;
    assert.equal((shares[0] ?? 0) + (shares[1] ?? 0), all);
    assert.ok(Math.min(...shares) >= all / 5, `they ran ${shares.join(' and ')}`);
    assert.equal(store.journal.entries({ event: 'entered' }).length, executions.length * PASSES.length);
  });
});

describe('hosts that fail', { concurrency: true, skip: isSkipped }, () => {
  test('what a killed host ran is taken over, and it is shown no more', async (t) => {
    const store = await startStore(t);
    const victim = await store.addHost();
    const id = await victim.begin([
      { id: 'done', handler: 'record' },
      { id: 'held', handler: 'gate', dependencies: ['done'], config: { gate: 'taken-over' } },
      { id: 'after', handler: 'record', dependencies: ['held'] },
    ]);
    await store.journal.until({ execution: id, event: 'entered' });
    const other = await store.addHost();
    assert.equal((await shownHosts(other)).length, 2);
    await victim.kill();
    await store.journal.until({ execution: id, event: 'entered' }, 2);
    await poll('the killed host to be gone', async () => (await shownHosts(other)).length === 1);
    await store.journal.openGate('taken-over');
    const { status, nodes } = await other.ended(id);
    assert.equal(status, 'COMPLETED');
    assert.ok(isOf(nodes.done?.host, victim));
    assert.ok(isOf(nodes.held?.host, other));
    assert.equal(nodes.held?.attempt, 1);
    assert.equal(store.journal.entries({ execution: id, node: 'done' }).length, 1);
  });

  test('a task whose owners die is a dead letter in the end', async (t) => {
    const store = await startStore(t, { MAX_DELIVERIES: '2' });
    const api = await store.addHost({ ROLES: 'api' });
    await Promise.all([store.addHost(), store.addHost(), store.addHost()]);
    const { status, nodes, execution_id: id } = await api.run([{ id: 'deadly', handler: 'kill' }]);
    assert.equal(status, 'FAILED');
    assert.equal(nodes.deadly?.error?.error_code, 'DELIVERIES_EXHAUSTED');
    assert.equal(store.journal.entries({ execution: id, event: 'ran' }).length, 2);
    assert.equal((await api.deadLetters(id)).length, 1);
    assert.equal((await api.run([{ id: 'a', handler: 'record' }])).status, 'COMPLETED');
  });

  test('a host that was frozen for longer than its lease does no harm', async (t) => {
    const store = await startStore(t);
    const frozen = await store.addHost();
    const id = await frozen.begin([
      { id: 'held', handler: 'gate', config: { gate: 'thawed' } },
      { id: 'after', handler: 'record', dependencies: ['held'] },
    ]);
    await store.journal.until({ execution: id, event: 'entered' });
    const other = await store.addHost();
    frozen.freeze();
    await store.journal.until({ execution: id, event: 'entered' }, 2);
    frozen.thaw();
    await store.journal.until({ execution: id, event: 'aborted' });
    await store.journal.openGate('thawed');
    const { status, nodes } = await other.ended(id);
    assert.equal(status, 'COMPLETED');
    assert.ok(isOf(nodes.held?.host, other));
    assert.equal(nodes.held?.attempt, 1);
    assert.equal(store.journal.entries({ execution: id, node: 'after' }).length, 1);
    await poll('it to be shown again', async () => (await shownHosts(other)).length === 2);
    assert.equal((await frozen.run([{ id: 'a', handler: 'record' }])).status, 'COMPLETED');
  });
});
