import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { OPERATIONS } from '../http/openapi/operations.js';
import { EngineFixture, SETUPS } from '../testing/engine-fixture.js';
import { MillraceClient } from './millrace-client.js';
import { OPERATION_METHODS } from './operation-methods.js';

const UNKNOWN = '01a207f7-d349-7000-8a00-009bbf4d998e';

/** A call of each method of the client. */
const CALLS: Readonly<Record<string, (client: MillraceClient) => Promise<unknown>>> = {
  submit: (client) => client.submit({ name: 'a', dag: { nodes: [] } }),
  rerun: (client) => client.rerun('w'),
  trigger: (client) => client.trigger('e', { n: 1 }),
  status: (client) => client.status('e', { detail: 'nodes' }),
  results: (client) => client.results('e'),
  explain: (client) => client.explain('e'),
  events: (client) => client.events('e').next(),
  cancel: (client) => client.cancel('e'),
  listPage: (client) => client.listPage({ status: 'FAILED', limit: 5 }),
  submitBatch: (client) => client.submitBatch([{ name: 'a', dag: { nodes: [] } }]),
  triggerBatch: (client) => client.triggerBatch(['e']),
  statuses: (client) => client.statuses(['e']),
  cancelBatch: (client) => client.cancelBatch(['e']),
  definition: (client) => client.definition('w'),
  deadLettersPage: (client) => client.deadLettersPage({ limit: 5 }),
  retryDeadLetter: (client) => client.retryDeadLetter('1/a', { config: {} }),
  retryDeadLetters: (client) => client.retryDeadLetters({ handler: 'echo' }),
  deleteDeadLetter: (client) => client.deleteDeadLetter('1/a'),
  circuits: (client) => client.circuits(),
  resetCircuit: (client) => client.resetCircuit('call_llm http://a:1'),
  stats: (client) => client.stats(),
  latency: (client) => client.latency({ window: '1m', include: 'histogram' }),
  health: (client) => client.health(),
  liveness: (client) => client.liveness(),
  readiness: (client) => client.readiness(),
  metrics: (client) => client.metrics(),
  openApi: (client) => client.openApi(),
};

test('every operation of the contract has a method, which makes its request', async () => {
  const ids = OPERATIONS.map(({ id }) => id);
  assert.deepEqual(Object.keys(OPERATION_METHODS).sort(), [...ids].sort());
  for (const { id, method, pattern } of OPERATIONS) {
    const name = OPERATION_METHODS[id as keyof typeof OPERATION_METHODS];
    if (name === null) continue;
    const made: string[] = [];
    const client = new MillraceClient({
      url: 'http://host:1',
      fetch: async (url, init) => {
        made.push(`${init?.method} ${new URL(String(url)).pathname}`);
        return new Response('{"results":[]}', { status: 200 });
      },
    });
    const call = CALLS[name];
    assert.ok(call, `no call of ${name} in this test`);
    if (name === 'events') await assert.rejects(call(client), { code: 'BAD_ANSWER' });
    else await call(client);
    const expected = new RegExp(`^${method} ${pattern.replaceAll(/\{\w+\}/g, '[^/]+')}$`);
    assert.match(made[0] ?? '', expected, id);
  }
});

for (const setup of SETUPS.filter(({ backend }) => backend === 'uws')) {
  describe(`the client and a real engine (${setup.name})`, { concurrency: false }, () => {
    let engine: EngineFixture;
    let client: MillraceClient;
    before(async () => {
      engine = await EngineFixture.start({ setup, settings: { EVENTS_INTERVAL_MS: '20' } });
      client = new MillraceClient({ url: engine.url });
    });
    after(() => engine.close());

    const echo = (id: string, config: Record<string, unknown> = {}) => ({ id, handler: 'echo', config });

    test('runs a workflow and reads what came of it', async () => {
      const dag = { nodes: [echo('a', { n: '{{ params.n }}' })] };
      const ended = await client.run({ name: 'run', dag, params: { n: 7 } });
      assert.equal(ended.status, 'COMPLETED');
      const { execution_id, workflow_id } = ended;
      assert.deepEqual((await client.results(execution_id)).outputs, { a: { n: 7 } });
      assert.equal((await client.status(execution_id, { detail: 'nodes' })).nodes?.a?.attempt, 1);
      assert.equal((await client.definition(workflow_id)).name, 'run');
      const again = await client.rerun(workflow_id, { params: { n: 8 } });
      assert.equal((await client.status(again.execution_id)).status, 'PENDING');
      await client.trigger(again.execution_id);
      assert.equal((await client.wait(again.execution_id, { withinMs: 60_000 })).status, 'COMPLETED');
      assert.deepEqual((await client.results(again.execution_id)).outputs, { a: { n: 8 } });
    });

    test('a submission that is repeated with its key is the same execution', async () => {
      const submission = { name: 'keyed', dag: { nodes: [echo('a')] } };
      const first = await client.submit(submission, { idempotencyKey: 'order-1' });
      assert.deepEqual(await client.submit(submission, { idempotencyKey: 'order-1' }), first);
      const reused = client.submit({ ...submission, name: 'other' }, { idempotencyKey: 'order-1' });
      await assert.rejects(reused, { code: 'IDEMPOTENCY_KEY_REUSED', status: 409 });
    });

    test('batches', async () => {
      const good = { name: 'batch', dag: { nodes: [echo('a')] } };
      const bad = { name: 'batch', dag: { nodes: [{ id: 'a', handler: 'echo', dependencies: ['nobody'] }] } };
      const results = await client.submitBatch([good, bad, good]);
      assert.deepEqual(
        results.map((each) => (each.ok ? 'ok' : each.error.code)),
        ['ok', 'INVALID_NODE_REFERENCE', 'ok'],
      );
      const ids = results.flatMap((each) => (each.ok ? [each.value.execution_id] : []));
      const [one = '', two = ''] = ids;
      assert.ok((await client.triggerBatch([one]))[0]?.ok);
      await client.wait(one);
      const cancelled = await client.cancelBatch([one, two]);
      assert.deepEqual(
        cancelled.map((each) => (each.ok ? 'ok' : each.error.code)),
        ['INVALID_STATUS_TRANSITION', 'ok'],
      );
      const statuses = await client.statuses([...ids, UNKNOWN]);
      assert.deepEqual(
        statuses.map((each) => (each.ok ? each.value.status : each.error.code)),
        ['COMPLETED', 'CANCELLED', 'EXECUTION_NOT_FOUND'],
      );
    });

    test('events, an explanation, a cancellation', async () => {
      const nodes = [
        { id: 'a', handler: 'gate', config: { gate: 'client' } },
        { id: 'b', handler: 'echo', dependencies: ['a'] },
      ];
      const { execution_id } = await client.submit({ name: 'followed', dag: { nodes }, trigger: true });
      const explained = await client.explain(execution_id);
      assert.equal(explained.nodes.b?.reason, 'waiting_for_parents');
      const told: string[] = [];
      for await (const event of client.events(execution_id)) {
        if (event.type === 'node') told.push(`${event.data.node_id} ${event.data.status}`);
        if (event.type === 'end') told.push(event.data.status);
        if (event.type === 'snapshot') await engine.journal.openGate('client');
      }
      assert.deepEqual(told.slice(-2), ['b COMPLETED', 'COMPLETED']);
      const { execution_id: second } = await client.submit({ name: 'followed', dag: { nodes } });
      assert.equal((await client.cancel(second)).status, 'success');
      assert.equal((await client.status(second)).status, 'CANCELLED');
      await assert.rejects(client.cancel(execution_id), { code: 'INVALID_STATUS_TRANSITION' });
    });

    test('lists over all pages', async () => {
      const dag = { nodes: [echo('a')] };
      const submitted = await client.submitBatch(Array.from({ length: 7 }, () => ({ name: 'listed', dag })));
      const wanted = submitted.flatMap((each) => (each.ok ? [each.value.execution_id] : [])).sort();
      const seen: string[] = [];
      await engine.recorded();
      for await (const each of client.list({ name: 'listed', limit: 2 })) seen.push(each.execution_id);
      assert.deepEqual(seen.sort(), wanted);
    });

    test('dead letters are listed, retried with another config, and deleted', async () => {
      const node = { id: 'a', handler: 'call_llm', config: { prompt: 'hi', simulate_failure: true } };
      const dag = { nodes: [{ ...node, retry: { max_attempts: 1 } }] };
      const failed = await client.run({ name: 'dead', dag });
      assert.equal(failed.status, 'FAILED');
      const find = async () => {
        for await (const letter of client.deadLetters({ limit: 1 }))
          if (letter.execution_id === failed.execution_id) return letter;
        return undefined;
      };
      await engine.recorded();
      const letter = await find();
      assert.equal(letter?.handler, 'call_llm');
      const config = { prompt: 'hi', simulate: { latency_ms: [0, 0] } };
      const retried = await client.retryDeadLetter(letter?.id ?? '', { config });
      assert.equal(retried.task_id, letter?.task_id);
      assert.equal((await client.wait(failed.execution_id)).status, 'COMPLETED');
      await assert.rejects(client.deleteDeadLetter(letter?.id ?? ''), { code: 'DLQ_ENTRY_NOT_FOUND' });
      assert.deepEqual(await client.retryDeadLetters({ handler: 'nobody' }), { retried: 0 });
    });

    test('the service', async () => {
      assert.equal((await client.health()).status, 'healthy');
      assert.deepEqual(await client.liveness(), { status: 'alive' });
      assert.deepEqual(await client.readiness(), { status: 'ready' });
      assert.equal((await client.stats()).hosts.length, 1);
      assert.deepEqual(Object.keys((await client.latency({ window: '5m' })).windows), ['5m']);
      assert.match(await client.metrics(), /^# HELP/m);
      assert.equal((await client.openApi()).openapi, '3.1.0');
      assert.ok(Array.isArray((await client.circuits()).circuits));
      await assert.rejects(client.resetCircuit('call_llm http://a:1'), { code: 'CIRCUIT_NOT_FOUND' });
      await assert.rejects(client.status(UNKNOWN), { code: 'EXECUTION_NOT_FOUND', status: 404 });
    });
  });
}
