import assert from 'node:assert/strict';
import { after, afterEach, before, describe, type TestContext, test } from 'node:test';
import { DistributedStore, HostProcess } from '../../testing/distributed/distributed-store.js';
import { EngineFixture, SETUPS, type Settings } from '../../testing/engine-fixture.js';
import { answering, HttpService } from '../../testing/http-service.js';
import { poll } from '../../testing/poll.js';
import { createMachine } from '../../testing/process-machine.js';
import { serverTestsAreSkipped } from '../../testing/servers/skipped-servers.js';

const CIRCUITS = '/api/v1/admin/circuits';
const THRESHOLD = 3;
const AN_HOUR_MS = 3_600_000;

for (const setup of SETUPS.filter(({ backend }) => backend === 'uws')) {
  describe(`circuits (${setup.name})`, { concurrency: false }, () => {
    let engine: EngineFixture;
    let service: HttpService;
    before(async () => {
      service = await HttpService.start();
      const settings = {
        CIRCUIT_BREAKER_FAILURE_THRESHOLD: String(THRESHOLD),
        CIRCUIT_BREAKER_RESET_TIMEOUT_SECONDS: '3600',
      };
      engine = await EngineFixture.start({ setup, settings });
    });
    after(async () => {
      await engine.close();
      service.close();
    });
    afterEach(() => {
      service.answer = answering(200);
    });

    const callOf = (id: string, more: object = {}) => ({
      id,
      handler: 'call_external_service',
      config: { url: `${service.origin}/path` },
      ...more,
    });
    const nameOf = (origin: string) => `call_external_service:${origin}`;
    const shown = async () => {
      const { json } = await engine.call('GET', CIRCUITS);
      return json.circuits.find((circuit: { name: string }) => circuit.name === nameOf(service.origin));
    };
    /** Has calls fail until the circuit is open. */
    const openCircuit = async () => {
      service.answer = answering(503);
      await poll('the circuit to open', async () => {
        await engine.run([callOf('opener', { retry: { max_attempts: 1 } })]);
        return (await shown())?.state === 'OPEN';
      });
    };
    const delayed = (id: string) =>
      poll('the node to be delayed', async () => {
        const { call } = (await engine.status(id)).nodes;
        return call?.state === 'DELAYED' && call;
      });

    test('delay a node without an attempt, over a restart, and leave other services alone', async () => {
      await openCircuit();
      const { calls } = service;
      const id = await engine.begin([
        callOf('call'),
        { id: 'after', handler: 'echo', dependencies: ['call'] },
      ]);
      const node = await delayed(id);
      assert.equal(node.attempt, 1);
      assert.deepEqual(
        node.failures.map(({ attempt, error }) => [attempt, error.error_code]),
        [[1, 'CIRCUIT_OPEN']],
      );
      const waitMs = Date.parse(node.due_at ?? '') - Date.now();
      assert.ok(waitMs > AN_HOUR_MS / 2 && waitMs <= AN_HOUR_MS * 1.1, `${waitMs}`);
      assert.equal(service.calls, calls);
      const circuit = await shown();
      assert.deepEqual([circuit.failure_count, circuit.refused_count], [THRESHOLD, 1]);
      assert.equal(await engine.metric('millrace_circuits{state="open"}'), 1);
      assert.equal(await engine.metric('millrace_circuit_events_total{event="refused"}'), 1);

      const healthy = await HttpService.start();
      const other = await engine.run([callOf('call', { config: { url: healthy.origin } })]);
      healthy.close();
      assert.equal(other.status, 'COMPLETED');

      await engine.restart();
      const kept = await delayed(id);
      assert.equal(kept.due_at, node.due_at);
      assert.equal((await engine.call('DELETE', `/api/v1/workflow/${id}`)).status, 200);
      assert.equal((await engine.ended(id)).node_statuses.call, 'CANCELLED');
      assert.equal(service.calls, calls);
    });

    test('close again by calls on trial, and every node that waited completes', async () => {
      await engine.restart({ CIRCUIT_BREAKER_RESET_TIMEOUT_SECONDS: '0.4' });
      await openCircuit();
      const ids = await Promise.all(Array.from({ length: 12 }, () => engine.begin([callOf('call')])));
      service.answer = answering(200);
      for (const id of ids) {
        const { status, nodes } = await engine.ended(id);
        assert.equal(status, 'COMPLETED');
        const counted = nodes.call?.failures.filter(({ error }) => error.error_code !== 'CIRCUIT_OPEN') ?? [];
        assert.equal(nodes.call?.attempt, counted.length + 1);
      }
      assert.equal((await shown()).state, 'CLOSED');
    });

    test('are closed by hand', async () => {
      await engine.restart();
      await openCircuit();
      service.answer = answering(200);
      const path = `${CIRCUITS}/${encodeURIComponent(nameOf(service.origin))}/reset`;
      const reply = await engine.call('POST', path);
      assert.equal(reply.status, 200, reply.text);
      assert.equal((await shown()).state, 'CLOSED');
      assert.equal((await engine.run([callOf('call')])).status, 'COMPLETED');
      assert.equal(
        (await engine.call('POST', `${CIRCUITS}/nobody/reset`)).json.error.error_code,
        'CIRCUIT_NOT_FOUND',
      );
    });

    test('fail the attempt where the setting says so', async () => {
      await engine.restart({ CIRCUIT_BREAKER_ON_OPEN: 'fail' });
      await openCircuit();
      const { calls } = service;
      const { status, error, nodes, execution_id } = await engine.run([
        callOf('call', { retry: { max_attempts: 2 } }),
      ]);
      assert.deepEqual([status, error?.error_code], ['FAILED', 'CIRCUIT_OPEN']);
      assert.deepEqual(
        nodes.call?.failures.map((failure) => [failure.attempt, failure.error.error_code]),
        [
          [1, 'CIRCUIT_OPEN'],
          [2, 'CIRCUIT_OPEN'],
        ],
      );
      const [letter] = await engine.deadLetters(execution_id);
      assert.deepEqual([letter?.retry_count, letter?.error_detail.category], [1, 'transient']);
      assert.equal(service.calls, calls);
    });
  });
}

const STARTS: Readonly<Record<'embedded' | 'distributed', (t: TestContext) => Promise<StartHost>>> = {
  embedded: async (t) => {
    const { start } = await createMachine(t);
    return async (settings) => new HostProcess(await start(settings));
  },
  distributed: async (t) => {
    const store = await DistributedStore.start();
    t.after(() => store.close());
    return (settings) => store.addHost(settings);
  },
};
type StartHost = (settings: Settings) => Promise<HostProcess>;

for (const [store, prepare] of Object.entries(STARTS)) {
  const skip = store === 'distributed' && serverTestsAreSkipped('circuits of killed hosts');
  test(`killed while nodes wait for a circuit, they go on after it with all their attempts (${store})`, {
    skip,
  }, async (t) => {
    const start = await prepare(t);
    const service = await HttpService.start();
    t.after(() => service.close());
    service.answer = answering(503);
    const settings = {
      CIRCUIT_BREAKER_FAILURE_THRESHOLD: '1',
      CIRCUIT_BREAKER_RESET_TIMEOUT_SECONDS: '4',
    };
    const call = { id: 'call', handler: 'call_external_service', config: { url: service.origin } };
    const victim = await start(settings);
    await victim.run([{ ...call, retry: { max_attempts: 1 } }]);
    const nodes = [
      { id: 'done', handler: 'echo', config: { n: 1 } },
      { ...call, dependencies: ['done'], retry: { max_attempts: 1 } },
      { id: 'after', handler: 'echo', dependencies: ['call'], config: { n: '{{ done.n }}' } },
    ];
    const waiting = await Promise.all([1, 2, 3].map(() => victim.begin(nodes)));
    const dues = await Promise.all(
      waiting.map((id) =>
        poll('the node to wait for the circuit', async () => {
          const node = (await victim.status(id)).nodes.call;
          return node?.state === 'DELAYED' && node.failures[0]?.error.error_code === 'CIRCUIT_OPEN'
            ? node.due_at
            : undefined;
        }),
      ),
    );
    const { calls } = service;
    await victim.kill();
    service.answer = answering(200);
    const next = await start(settings);
    for (const [at, id] of waiting.entries()) {
      const { status, nodes: ended } = await next.ended(id);
      assert.equal(status, 'COMPLETED');
      assert.equal(ended.call?.attempt, 1);
      assert.ok(
        (ended.call?.started_at ?? '') >= (dues[at] ?? ''),
        `${ended.call?.started_at}, due ${dues[at]}`,
      );
      assert.deepEqual((await next.outputs(id)).after, { n: 1 });
    }
    assert.equal(service.calls, calls + waiting.length);
  });
}
