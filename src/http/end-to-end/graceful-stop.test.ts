import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createApiClient } from '../../testing/api-client.js';
import { DistributedStore, type HostProcess } from '../../testing/distributed/distributed-store.js';
import { HTTP_BACKENDS, type Settings } from '../../testing/engine-fixture.js';
import { poll } from '../../testing/poll.js';
import { createMachine } from '../../testing/process-machine.js';
import { freePort } from '../../testing/servers/server-process.js';
import { createSharedStore } from '../../testing/servers/shared-servers.js';
import { serverTestsAreSkipped } from '../../testing/servers/skipped-servers.js';

const END_WITHIN_SECONDS = 60;
const HELD = 300;

interface Store {
  readonly name: string;
  settings(): Promise<Settings>;
}

const STORES: readonly Store[] = [
  { name: 'embedded', settings: async () => ({}) },
  ...(serverTestsAreSkipped('graceful stops on the distributed store')
    ? []
    : [{ name: 'distributed', settings: async () => ({ ...(await createSharedStore()) }) }]),
];

for (const store of STORES) {
  describe(`asked to stop (${store.name})`, { concurrency: false }, () => {
    test('it finishes hundreds of running tasks, runs none again and loses none', async (t) => {
      const { journal, start } = await createMachine(t);
      const settings = { ...(await store.settings()), WORKER_CONCURRENCY: String(HELD), DRAIN_MS: '60000' };
      const first = await start(settings);
      const held = Array.from({ length: HELD }, (_, index) => `held-${index}`);
      const nodes = [
        ...held.map((id) => ({ id, handler: 'gate', config: { gate: 'while-stopping' } })),
        { id: 'after', handler: 'record', dependencies: held },
      ];
      const { executionId } = await createApiClient(first.baseUrl).submit({
        definition: { name: 'held', dag: { nodes } },
        trigger: true,
      });
      await journal.until({ event: 'entered' }, HELD);
      const stopped = first.stop();
      await poll('readiness to end', async () => (await fetch(`${first.baseUrl}/readyz`)).status === 503);
      await journal.openGate('while-stopping');
      assert.deepEqual(await stopped, { code: 0, signal: null }, first.output());
      assert.equal(journal.entries({ event: 'left' }).length, HELD);

      const second = await start(settings);
      const client = createApiClient(second.baseUrl);
      await client.ended(executionId, END_WITHIN_SECONDS);
      const { status, nodes: ended } = await client.status(executionId);
      assert.equal(status, 'COMPLETED');
      assert.ok(Object.values(ended ?? {}).every((node) => node.attempt === 1));
      assert.equal(journal.entries({ event: 'entered' }).length, HELD);
      assert.equal(journal.entries({ event: 'ran', node: 'after' }).length, 1);
    });

    test('it hands back what does not finish in time, without a failed attempt', async (t) => {
      const { journal, start } = await createMachine(t);
      const settings = { ...(await store.settings()), DRAIN_MS: '200' };
      const first = await start(settings);
      const nodes = [{ id: 'held', handler: 'gate', config: { gate: 'next-start' } }];
      const { executionId } = await createApiClient(first.baseUrl).submit({
        definition: { name: 'handed-back', dag: { nodes } },
        trigger: true,
      });
      await journal.until({ event: 'entered' });
      assert.deepEqual(await first.stop(), { code: 0, signal: null }, first.output());
      const second = await start(settings);
      await journal.until({ event: 'entered' }, 2);
      await journal.openGate('next-start');
      const client = createApiClient(second.baseUrl);
      await client.ended(executionId, END_WITHIN_SECONDS);
      const ended = await client.status(executionId);
      assert.equal(ended.status, 'COMPLETED');
      assert.equal(ended.nodes?.held?.attempt, 1);
    });
  });
}

for (const backend of HTTP_BACKENDS) {
  test(`the port listens on for UNREADY_MS, with nothing to do as well (${backend})`, async (t) => {
    const unreadyMs = 2000;
    const { start } = await createMachine(t);
    const engine = await start({ HTTP_BACKEND: backend, UNREADY_MS: String(unreadyMs) });
    const definition = { name: 'before', dag: { nodes: [{ id: 'a', handler: 'echo' }] } };
    const { executionId } = await createApiClient(engine.baseUrl).submit({ definition, trigger: false });
    const askedToStopAt = performance.now();
    const stopped = engine.stop();
    await poll('readiness to end', async () => {
      const reply = await fetch(`${engine.baseUrl}/readyz`);
      return reply.status === 503 && reply.headers.get('connection') === 'close';
    });
    const refused = await fetch(`${engine.baseUrl}/api/v1/workflow`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(definition),
    });
    assert.equal(refused.status, 503);
    assert.match(refused.headers.get('retry-after') ?? '', /^[1-9]\d*$/);
    assert.equal((await fetch(`${engine.baseUrl}/api/v1/workflow/${executionId}`)).status, 200);
    await poll('the port to close', () => fetch(engine.baseUrl).then(() => false, isRefusal));
    // The signal came a moment after it was sent, so the port was open for at least that long.
    assert.ok(performance.now() - askedToStopAt >= unreadyMs);
    assert.deepEqual(await stopped, { code: 0, signal: null });
  });
}

test('hosts that are restarted in turn under load fail no request of a client that asks the next one', {
  skip: serverTestsAreSkipped('restarting hosts in turn'),
}, async (t) => {
  // A lease that a busy machine lets run out would run its task again, and that is not what stops are about.
  const store = await DistributedStore.start({ settings: { UNREADY_MS: '2000', LEASE_MS: '15000' } });
  t.after(() => store.close());
  const ports = await Promise.all([freePort(), freePort(), freePort()]);
  const hosts: HostProcess[] = [];
  for (const port of ports) hosts.push(await store.addHost({ PORT: String(port) }));
  const state = { isOver: false };
  const acknowledged: string[] = [];
  const clients = ports.map(async (_, lane) => {
    for (let turn = lane; !state.isOver; turn++) {
      acknowledged.push(await submitAnywhere(ports, turn));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  });
  const load = Promise.all(clients);
  // A failure of the load is told at the end; until then nobody waits for it.
  load.catch(() => undefined);
  for (const [place, port] of ports.entries()) {
    const before = acknowledged.length;
    await poll('some load between two restarts', () => acknowledged.length > before + 50);
    const exit = await (hosts[place] as HostProcess).process.stop();
    assert.deepEqual(exit, { code: 0, signal: null });
    hosts[place] = await store.addHost({ PORT: String(port) });
  }
  state.isOver = true;
  await load;
  for (const id of acknowledged)
    assert.equal((await (hosts[0] as HostProcess).ended(id)).status, 'COMPLETED');
  const entered = store.journal.entries({ event: 'entered' }).map((entry) => entry.idempotencyKey);
  assert.equal(entered.length, 2 * acknowledged.length);
  assert.equal(new Set(entered).size, entered.length, 'a task ran twice');
});

const PASSES = [
  { id: 'a', handler: 'pass' },
  { id: 'b', handler: 'pass', dependencies: ['a'] },
];

/** Takes a refused connection and a 503 as the sign to ask the next host; anything else that is no 201 is a failure. */
async function submitAnywhere(ports: readonly number[], first: number): Promise<string> {
  for (let turn = first; turn < first + 100 * ports.length; turn++) {
    const port = ports[turn % ports.length];
    const request = {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'rolling', dag: { nodes: PASSES }, trigger: true }),
    };
    const reply = await fetch(`http://127.0.0.1:${port}/api/v1/workflow`, request).catch((error: unknown) => {
      if (isRefusal(error)) return undefined;
      throw error;
    });
    if (!reply || reply.status === 503) {
      await reply?.body?.cancel();
      continue;
    }
    assert.equal(reply.status, 201);
    return ((await reply.json()) as { execution_id: string }).execution_id;
  }
  throw new Error('no host takes it');
}

function isRefusal(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  return (cause as NodeJS.ErrnoException | undefined)?.code === 'ECONNREFUSED';
}
