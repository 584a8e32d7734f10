import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { EngineFixture, SETUPS } from '../../testing/engine-fixture.js';

const TWO_NODES = [
  { id: 'a', handler: 'input', config: { n: 1 } },
  { id: 'b', handler: 'echo', dependencies: ['a'], config: { n: '{{ a.n }}', who: '{{ params.who }}' } },
];
const UNKNOWN_ID = '0189aaaa-bbbb-7ccc-8ddd-eeeeeeeeeeee';

for (const setup of SETUPS) {
  describe(`an execution's way through the engine (${setup.name})`, { concurrency: false }, () => {
    let engine: EngineFixture;
    before(async () => {
      engine = await EngineFixture.start({ setup });
    });
    after(() => engine.close());

    const assertError = async (call: Parameters<EngineFixture['call']>, status: number, code: string) => {
      const reply = await engine.call(...call);
      assert.equal(reply.status, status, reply.text);
      assert.equal(reply.json.error.error_code, code);
    };

    test('submitted, triggered, awaited, read', async () => {
      const id = await engine.submit(TWO_NODES);
      const pending = await engine.status(id);
      assert.equal(pending.status, 'PENDING');
      assert.deepEqual(pending.node_statuses, { a: 'PENDING', b: 'PENDING' });
      assert.equal(pending.started_at, null);
      assert.deepEqual(await engine.outputs(id), {});

      const reply = await engine.call('POST', `/api/v1/workflow/trigger/${id}`, { params: { who: 'me' } });
      assert.deepEqual(reply.json, { execution_id: id, message: 'Workflow execution triggered' });
      const status = await engine.ended(id);
      assert.equal(status.status, 'COMPLETED');
      assert.deepEqual(status.node_statuses, { a: 'COMPLETED', b: 'COMPLETED' });
      assert.equal(status.error, null);
      assert.deepEqual(await engine.outputs(id), {
        a: { initialized: true, n: 1 },
        b: { n: 1, who: 'me' },
      });
    });

    test('detail tells attempts and times in order', async () => {
      const { nodes, ...status } = await engine.run(TWO_NODES);
      const times = [
        status.created_at,
        status.started_at,
        nodes.a?.started_at,
        nodes.a?.finished_at,
        nodes.b?.queued_at,
        nodes.b?.started_at,
        nodes.b?.finished_at,
        status.finished_at,
      ].map((time) => Date.parse(time ?? ''));
      assert.deepEqual(
        times,
        times.toSorted((x, y) => x - y),
      );
      assert.ok(times.every(Number.isFinite));
      assert.deepEqual([nodes.a?.attempt, nodes.b?.attempt], [1, 1]);
      assert.deepEqual(nodes.a?.failures, []);
      assert.equal(typeof nodes.b?.host, 'string');
    });

    test('a second trigger changes nothing, before and after the end', async () => {
      const gate = 'second-trigger';
      const id = await engine.submit(
        [
          { id: 'hold', handler: 'gate', config: { gate } },
          { id: 'ran', handler: 'record', dependencies: ['hold'], config: { who: '{{ params.who }}' } },
        ],
        { params: { who: 'submission' } },
      );
      await engine.trigger(id, { params: { who: 'first' } });
      await engine.journal.until({ execution: id, event: 'entered' });
      await engine.trigger(id, { params: { who: 'second' } });
      await engine.journal.openGate(gate);
      const ended = await engine.ended(id);
      assert.equal((await engine.outputs(id)).ran.config.who, 'first');
      await engine.trigger(id, { params: { who: 'third' } });
      assert.deepEqual(await engine.status(id), ended);
      assert.equal(engine.journal.entries({ execution: id, event: 'ran' }).length, 1);
    });

    test('a trigger without params keeps those of the submission', async () => {
      const id = await engine.submit(TWO_NODES, { params: { who: 'submission' } });
      await engine.trigger(id);
      await engine.ended(id);
      assert.equal((await engine.outputs(id)).b.who, 'submission');
    });

    test('triggers at the same moment start it once', async () => {
      const id = await engine.submit([{ id: 'once', handler: 'record' }]);
      await Promise.all(Array.from({ length: 20 }, () => engine.trigger(id)));
      assert.equal((await engine.ended(id)).status, 'COMPLETED');
      assert.equal(engine.journal.entries({ execution: id }).length, 1);
    });

    test('cancelled before its trigger it never runs', async () => {
      const id = await engine.submit([{ id: 'never', handler: 'record' }]);
      const path = `/api/v1/workflow/${id}`;
      const cancelled = await engine.call('DELETE', path);
      assert.deepEqual(cancelled.json, { status: 'success', message: `Execution ${id} cancelled` });
      assert.equal((await engine.call('DELETE', path)).status, 200);
      await assertError(['POST', `/api/v1/workflow/trigger/${id}`], 409, 'INVALID_STATUS_TRANSITION');
      const status = await engine.ended(id);
      assert.equal(status.status, 'CANCELLED');
      assert.deepEqual(status.node_statuses, { never: 'CANCELLED' });
      assert.deepEqual(engine.journal.entries({ execution: id }), []);
    });

    test('cancelled while it runs, its handler is told and what follows never runs', async () => {
      const id = await engine.begin([
        { id: 'done', handler: 'record' },
        { id: 'held', handler: 'gate', dependencies: ['done'], config: { gate: 'never-opened' } },
        { id: 'after', handler: 'record', dependencies: ['held'] },
      ]);
      await engine.journal.until({ execution: id, event: 'entered' });
      assert.equal((await engine.call('DELETE', `/api/v1/workflow/${id}`)).status, 200);
      const [aborted] = await engine.journal.until({ execution: id, event: 'aborted' });
      assert.equal(aborted?.node, 'held');
      const status = await engine.ended(id);
      assert.equal(status.status, 'CANCELLED');
      assert.deepEqual(status.node_statuses, { done: 'COMPLETED', held: 'CANCELLED', after: 'CANCELLED' });
      assert.deepEqual(Object.keys(await engine.outputs(id)), ['done']);
      assert.equal((await engine.call('DELETE', `/api/v1/workflow/${id}`)).status, 200);
      await engine.trigger(id);
      assert.deepEqual(await engine.status(id), status);
      assert.deepEqual(await engine.deadLetters(id), []);
    });

    test('ended it cannot be cancelled', async () => {
      const completed = await engine.run([{ id: 'a', handler: 'input' }]);
      const failed = await engine.run([{ id: 'a', handler: 'refuse' }]);
      assert.deepEqual([completed.status, failed.status], ['COMPLETED', 'FAILED']);
      for (const { execution_id } of [completed, failed]) {
        await assertError(['DELETE', `/api/v1/workflow/${execution_id}`], 409, 'INVALID_STATUS_TRANSITION');
      }
    });

    test('an execution that is not there answers 404 to every call', async () => {
      for (const id of [UNKNOWN_ID, 'no-id']) {
        const path = `/api/v1/workflow/${id}`;
        await assertError(['GET', path], 404, 'EXECUTION_NOT_FOUND');
        await assertError(['GET', `${path}?wait=5`], 404, 'EXECUTION_NOT_FOUND');
        await assertError(['GET', `${path}/results`], 404, 'EXECUTION_NOT_FOUND');
        await assertError(['DELETE', path], 404, 'EXECUTION_NOT_FOUND');
        await assertError(['POST', `/api/v1/workflow/trigger/${id}`], 404, 'EXECUTION_NOT_FOUND');
      }
      await assertError(['GET', `/api/v1/definitions/${UNKNOWN_ID}`], 404, 'WORKFLOW_NOT_FOUND');
      await assertError(['POST', `/api/v1/workflow/${UNKNOWN_ID}/executions`], 404, 'WORKFLOW_NOT_FOUND');
    });

    test('a definition can be read and run again', async () => {
      const definition = { name: 'again', timeout_seconds: 60, dag: { nodes: TWO_NODES } };
      const first = await engine.status(await engine.submit(definition));
      const shown = await engine.call('GET', `/api/v1/definitions/${first.workflow_id}`);
      assert.deepEqual(shown.json, definition);

      const path = `/api/v1/workflow/${first.workflow_id}/executions`;
      const again = await engine.call('POST', path, { params: { who: 'again' }, trigger: true });
      assert.equal(again.status, 201);
      assert.equal(again.json.workflow_id, first.workflow_id);
      assert.notEqual(again.json.execution_id, first.execution_id);
      assert.equal((await engine.ended(again.json.execution_id)).status, 'COMPLETED');
      assert.equal((await engine.outputs(again.json.execution_id)).b.who, 'again');
      const untriggered = await engine.call('POST', path);
      assert.equal((await engine.status(untriggered.json.execution_id)).status, 'PENDING');
      assert.equal((await engine.status(first.execution_id)).status, 'PENDING');
    });

    test('the same content has the same workflow id, other content another', async () => {
      const submit = async (n: number) => {
        const id = await engine.submit([{ id: 'a', handler: 'input', config: { n } }]);
        return (await engine.status(id)).workflow_id;
      };
      assert.equal(await submit(1), await submit(1));
      assert.notEqual(await submit(1), await submit(2));
    });

    test('lists show the newest first, by filter, page by page', async () => {
      const list = async (query: string) => (await engine.call('GET', `/api/v1/workflow?${query}`)).json;
      const named = (name: string, handler = 'input') => ({
        name,
        dag: { nodes: [{ id: 'a', handler }] },
      });
      const ids: string[] = [];
      for (let index = 0; index < 5; index++) ids.push(await engine.submit(named('listed')));
      const [pending, ...others] = ids.toReversed();
      const [completed, cancelled] = others;
      await engine.trigger(completed ?? '');
      await engine.ended(completed ?? '');
      await engine.call('DELETE', `/api/v1/workflow/${cancelled}`);
      const failed = (await engine.run(named('listed', 'refuse'))).execution_id;

      await engine.recorded();
      const shown: string[] = [];
      for (let cursor = ''; ; ) {
        const page = await list(`name=listed&limit=2${cursor}`);
        assert.ok(page.executions.length <= 2);
        shown.push(...page.executions.map((row: { execution_id: string }) => row.execution_id));
        if (page.next_cursor === null) break;
        cursor = `&cursor=${encodeURIComponent(page.next_cursor)}`;
      }
      assert.deepEqual(shown, [failed, ...ids.toReversed()]);

      const oneOf = async (status: string) => {
        const { executions } = await list(`name=listed&status=${status}`);
        return executions.map((row: { execution_id: string }) => row.execution_id);
      };
      assert.deepEqual(await oneOf('COMPLETED'), [completed]);
      assert.deepEqual(await oneOf('FAILED'), [failed]);
      assert.deepEqual(await oneOf('CANCELLED'), [cancelled]);
      assert.equal((await oneOf('PENDING'))[0], pending);
      assert.deepEqual(await oneOf('RUNNING'), []);
      const { workflow_id } = await engine.status(failed);
      const byWorkflow = await list(`workflow_id=${workflow_id}`);
      assert.deepEqual(
        byWorkflow.executions.map((row: { execution_id: string; error: { error_code: string } }) => [
          row.execution_id,
          row.error.error_code,
        ]),
        [[failed, 'REFUSED']],
      );
    });

    test('an idempotency key runs a submission once, however often it comes at once', async () => {
      const body = { name: 'keyed', trigger: true, dag: { nodes: [{ id: 'a', handler: 'record' }] } };
      const headers = { 'idempotency-key': 'order-17' };
      const submit = () => engine.call('POST', '/api/v1/workflow', body, headers);
      const replies = await Promise.all(Array.from({ length: 20 }, submit));
      assert.deepEqual(new Set(replies.map((reply) => reply.status)), new Set([201]));
      assert.equal(new Set(replies.map((reply) => reply.text)).size, 1);
      const id = replies[0]?.json.execution_id;
      await engine.ended(id);
      assert.equal((await submit()).json.execution_id, id);
      assert.equal(engine.journal.entries({ event: 'ran', execution: id }).length, 1);
      await engine.recorded();
      const { json } = await engine.call('GET', '/api/v1/workflow?name=keyed');
      assert.equal(json.executions.length, 1);
      const other = { ...body, name: 'other' };
      await assertError(['POST', '/api/v1/workflow', other, headers], 409, 'IDEMPOTENCY_KEY_REUSED');
    });

    test('a batch answers each item in order', async () => {
      const node = { id: 'a', handler: 'input' };
      const items = [
        { name: 'one', trigger: true, dag: { nodes: [node] } },
        { name: 'two', dag: { nodes: [] } },
        { name: 'three', dag: { nodes: [node] } },
      ];
      const { results } = (await engine.call('POST', '/api/v1/workflow/batch', items)).json;
      assert.equal(results[1].error.error_code, 'EMPTY_WORKFLOW');
      const ids = [results[0].execution_id, results[2].execution_id];
      await engine.ended(ids[0]);
      const read = await engine.call('POST', '/api/v1/workflow/batch/status', {
        execution_ids: [...ids, UNKNOWN_ID],
      });
      assert.deepEqual(
        read.json.results.map((item: { status?: string; error?: { error_code: string } }) =>
          item.status === undefined ? item.error?.error_code : item.status,
        ),
        ['COMPLETED', 'PENDING', 'EXECUTION_NOT_FOUND'],
      );
    });

    test('HEAD stands for GET, unknown paths and methods are refused', async () => {
      const id = await engine.submit(TWO_NODES);
      const [get, head] = await Promise.all([
        engine.call('GET', `/api/v1/workflow/${id}`),
        engine.call('HEAD', `/api/v1/workflow/${id}`),
      ]);
      assert.equal(head.status, 200);
      assert.equal(head.text, '');
      assert.equal(head.headers.get('content-length'), String(Buffer.byteLength(get.text)));
      await assertError(['GET', '/api/v1/nothing'], 404, 'NOT_FOUND');
      const wrong = await engine.call('PUT', `/api/v1/workflow/${id}`, {});
      assert.equal(wrong.status, 405);
      assert.deepEqual(new Set(wrong.headers.get('allow')?.split(/, */)), new Set(['GET', 'HEAD', 'DELETE']));
    });

    test('who waits gets the present state when the time is over', async () => {
      const id = await engine.submit(TWO_NODES);
      const { json } = await engine.call('GET', `/api/v1/workflow/${id}?wait=0.05`);
      assert.equal(json.status, 'PENDING');
    });

    test('many who wait for one execution all get its end', async () => {
      const gate = 'many-wait';
      const id = await engine.begin([{ id: 'a', handler: 'gate', config: { gate } }]);
      await engine.journal.until({ execution: id, event: 'entered' });
      const waiting = Array.from({ length: 20 }, () => engine.ended(id));
      await engine.journal.openGate(gate);
      for (const { status } of await Promise.all(waiting)) assert.equal(status, 'COMPLETED');
    });
  });
}
