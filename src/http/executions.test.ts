import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { BACKENDS } from './testing/backends.js';
import { assertError, submit, UNKNOWN_ID } from './testing/fixtures.js';
import { RawConnection } from './testing/raw-connection.js';
import { serveApi } from './testing/served-api.js';

for (const backend of BACKENDS) {
  describe(`executions: ${backend.name}`, () => {
    test('triggers with and without params', async (t) => {
      const api = await serveApi(t, backend);
      const [one, two] = [await submit(api), await submit(api)];
      const reply = await api.call('POST', `/api/v1/workflow/trigger/${one}`);
      assert.equal(reply.status, 200);
      assert.equal(reply.text, `{"execution_id":"${one}","message":"Workflow execution triggered"}`);
      assert.equal(
        (await api.call('POST', `/api/v1/workflow/trigger/${two.toUpperCase()}`, { params: { a: 1 } }))
          .status,
        200,
      );
      assert.equal(Buffer.from(api.engine.executions.get(two)?.snapshot.params ?? []).toString(), '{"a":1}');
      assertError(
        await api.call('POST', `/api/v1/workflow/trigger/${two}`, { params: 7 }),
        422,
        'VALIDATION_ERROR',
      );
      assertError(
        await api.call('POST', `/api/v1/workflow/trigger/${UNKNOWN_ID}`),
        404,
        'EXECUTION_NOT_FOUND',
      );
    });

    test('shows the status, with every node of one that has not started', async (t) => {
      const api = await serveApi(t, backend);
      const id = await submit(api);
      const reply = await api.call('GET', `/api/v1/workflow/${id}`);
      assert.deepEqual(Object.keys(reply.json), [
        'execution_id',
        'workflow_id',
        'status',
        'node_statuses',
        'name',
        'created_at',
        'started_at',
        'finished_at',
        'error',
      ]);
      assert.equal(reply.json.status, 'PENDING');
      assert.deepEqual(reply.json.node_statuses, { a: 'PENDING', b: 'PENDING' });
      assert.equal(reply.json.created_at, '2023-11-14T22:13:20.000Z');
      assert.equal(reply.json.started_at, null);
    });

    test('shows node states as the contract spells them, in the order of the definition', async (t) => {
      const api = await serveApi(t, backend);
      const ids = ['z', '10', '2', 'constructor', 'e', 'f', 'g', 'h'];
      const id = await submit(api, {
        name: 'n',
        dag: { nodes: ids.map((node) => ({ id: node, handler: 'echo' })) },
      });
      const states = [
        'pending',
        'ready',
        'running',
        'delayed',
        'completed',
        'failed',
        'skipped',
        'cancelled',
      ] as const;
      const error = { code: 'HTTP_STATUS', message: 'answered "503"', category: 'transient' } as const;
      api.engine.change(id, {
        state: 'failed',
        startedAt: 1_700_000_001_000,
        finishedAt: 1_700_000_002_000,
        error,
        nodes: states.map((state) => ({
          state,
          fence: 1,
          attempt: 2,
          deliveries: 0,
          ...(state === 'failed' && { error }),
        })),
      });
      const reply = await api.call('GET', `/api/v1/workflow/${id}?detail=nodes`);
      const shown = [
        'PENDING',
        'PENDING',
        'RUNNING',
        'RUNNING',
        'COMPLETED',
        'FAILED',
        'SKIPPED',
        'CANCELLED',
      ];
      const expected = ids.map((node, index) => `"${node}":"${shown[index]}"`).join(',');
      assert.ok(reply.text.includes(`"node_statuses":{${expected}}`), reply.text);
      const errorView = {
        message: 'answered "503"',
        error_code: 'HTTP_STATUS',
        category: 'transient',
        traceback_hash: null,
      };
      assert.deepEqual(reply.json.error, errorView);
      assert.deepEqual(reply.json.params, {});
      assert.deepEqual(reply.json.nodes.f, {
        state: 'FAILED',
        attempt: 2,
        host: null,
        queued_at: null,
        started_at: null,
        finished_at: null,
        due_at: null,
        error: errorView,
        failures: [],
      });
      assert.equal(reply.json.nodes['2'].state, 'RUNNING');
      assert.equal(reply.json.nodes['10'].state, 'READY');
    });

    test('splices outputs into the results as they are stored', async (t) => {
      const api = await serveApi(t, backend);
      const id = await submit(api);
      assert.deepEqual((await api.call('GET', `/api/v1/workflow/${id}/results`)).json.outputs, {});
      const text = '{"big":12345678901234567890,"tiny":1e-400,"s":"✓"}';
      const node = { state: 'completed', fence: 1, attempt: 1, deliveries: 0 } as const;
      api.engine.change(id, { nodes: [node, { ...node, output: Buffer.from(text) }] });
      const reply = await api.call('GET', `/api/v1/workflow/${id}/results`);
      const workflowId = api.engine.submissions[0]?.plan.workflowId;
      assert.equal(
        reply.text,
        `{"execution_id":"${id}","workflow_id":"${workflowId}","outputs":{"b":${text}}}`,
      );
    });

    test('cancels, again too, and refuses one that has ended', async (t) => {
      const api = await serveApi(t, backend);
      const id = await submit(api);
      for (let round = 0; round < 2; round += 1) {
        const reply = await api.call('DELETE', `/api/v1/workflow/${id}`);
        assert.equal(reply.status, 200);
        assert.equal(reply.text, `{"status":"success","message":"Execution ${id} cancelled"}`);
      }
      assertError(await api.call('POST', `/api/v1/workflow/trigger/${id}`), 409, 'INVALID_STATUS_TRANSITION');
      const ended = await submit(api);
      api.engine.change(ended, { state: 'completed' });
      assertError(await api.call('DELETE', `/api/v1/workflow/${ended}`), 409, 'INVALID_STATUS_TRANSITION');
    });

    test('waits for the end, or as long as it is asked to', async (t) => {
      const api = await serveApi(t, backend);
      const id = await submit(api);
      assert.equal((await api.call('GET', `/api/v1/workflow/${id}?wait=0.05`)).json.status, 'PENDING');
      const waiting = api.call('GET', `/api/v1/workflow/${id}?wait=60`);
      const previous = api.engine.waiting;
      while (api.engine.waiting === previous) await new Promise((resolve) => setImmediate(resolve));
      api.engine.change(id, { state: 'completed' });
      assert.equal((await waiting).json.status, 'COMPLETED');
      for (const wait of ['61', '-1', 'soon', '1e1']) {
        const reply = await api.call('GET', `/api/v1/workflow/${id}?wait=${wait}&detail=all`);
        assertError(reply, 422, 'VALIDATION_ERROR');
        assert.deepEqual(
          reply.json.detail.map((row: { loc: string[] }) => row.loc),
          [
            ['query', 'wait'],
            ['query', 'detail'],
          ],
        );
      }
    });

    test('tells the engine when the client that waits goes away', async (t) => {
      const api = await serveApi(t, backend);
      const id = await submit(api);
      const connection = await RawConnection.open(api.port);
      connection.send(`GET /api/v1/workflow/${id}?wait=60 HTTP/1.1\r\nHost: x\r\n\r\n`);
      while (!api.engine.waiting) await new Promise((resolve) => setImmediate(resolve));
      const { waiting } = api.engine;
      const aborted = new Promise((resolve) => waiting.addEventListener('abort', resolve));
      connection.reset();
      await aborted;
      api.engine.change(id, { state: 'cancelled' });
    });

    test('answers 404 for ids that nothing has', async (t) => {
      const api = await serveApi(t, backend);
      for (const id of [UNKNOWN_ID, 'nonsense', 'x'.repeat(5000), '%E2%9C%93']) {
        assertError(await api.call('GET', `/api/v1/workflow/${id}`), 404, 'EXECUTION_NOT_FOUND');
        assertError(await api.call('GET', `/api/v1/workflow/${id}/results`), 404, 'EXECUTION_NOT_FOUND');
        assertError(await api.call('DELETE', `/api/v1/workflow/${id}`), 404, 'EXECUTION_NOT_FOUND');
        assertError(await api.call('GET', `/api/v1/definitions/${id}`), 404, 'WORKFLOW_NOT_FOUND');
      }
    });

    test('answers a definition that can be submitted again for the same id', async (t) => {
      const api = await serveApi(t, backend);
      await submit(api);
      const workflowId = api.engine.submissions[0]?.plan.workflowId;
      const definition = await api.call('GET', `/api/v1/definitions/${workflowId}`);
      assert.equal(definition.status, 200);
      const again = await api.call('POST', '/api/v1/workflow', definition.text);
      assert.equal(again.json.workflow_id, workflowId);
    });
  });

  describe(`lists: ${backend.name}`, () => {
    test('pages through all executions with a cursor, newest first', async (t) => {
      const api = await serveApi(t, backend);
      const ids: string[] = [];
      for (let count = 0; count < 5; count += 1) ids.unshift(await submit(api));
      const seen: string[] = [];
      let cursor = '';
      for (let page = 0; page < 10; page += 1) {
        const reply = await api.call('GET', `/api/v1/workflow?limit=2&status=PENDING${cursor}`);
        assert.equal(reply.status, 200, reply.text);
        assert.deepEqual(Object.keys(reply.json), ['executions', 'next_cursor']);
        seen.push(...reply.json.executions.map((row: { execution_id: string }) => row.execution_id));
        if (reply.json.next_cursor === null) break;
        assert.match(reply.json.next_cursor, /^[A-Za-z0-9_-]+$/);
        cursor = `&cursor=${reply.json.next_cursor}`;
      }
      assert.deepEqual(seen, ids);
    });

    test('hands on the filters, times with and without offset', async (t) => {
      const api = await serveApi(t, backend);
      const times = 'created_after=2026-01-31T10:00:00+01:00&created_before=2026-01-31';
      const reply = await api.call(
        'GET',
        `/api/v1/workflow?status=FAILED&name=a%20b&workflow_id=${UNKNOWN_ID}&${times}`,
      );
      assert.equal(reply.status, 200, reply.text);
      assert.deepEqual(api.engine.queries, [
        {
          state: 'failed',
          name: 'a b',
          workflowId: UNKNOWN_ID,
          createdAfter: Date.UTC(2026, 0, 31, 9),
          createdBefore: Date.UTC(2026, 0, 31),
          limit: 100,
        },
      ]);
    });

    test('refuses wrong filters and cursors that are not its own', async (t) => {
      const api = await serveApi(t, backend);
      await submit(api);
      await submit(api);
      const wrong = 'status=DONE&limit=0&workflow_id=x&created_after=yesterday&created_before=2026-13-01';
      const reply = await api.call('GET', `/api/v1/workflow?${wrong}`);
      assertError(reply, 422, 'VALIDATION_ERROR');
      assert.equal(reply.json.detail.length, 5, reply.text);
      const { next_cursor: cursor } = (await api.call('GET', '/api/v1/workflow?limit=1&status=PENDING')).json;
      assert.equal(typeof cursor, 'string');
      const otherLimit = await api.call('GET', `/api/v1/workflow?limit=7&status=PENDING&cursor=${cursor}`);
      assert.equal(otherLimit.status, 200);
      for (const query of [
        `cursor=${cursor}`,
        `status=PENDING&name=x&cursor=${cursor}`,
        `status=PENDING&cursor=${cursor.slice(0, -3)}`,
        'status=PENDING&cursor=AAAA',
        'status=PENDING&cursor=***',
      ]) {
        assertError(await api.call('GET', `/api/v1/workflow?${query}`), 422, 'VALIDATION_ERROR');
      }
      assertError(await api.call('GET', `/api/v1/admin/dlq?cursor=${cursor}`), 422, 'VALIDATION_ERROR');
    });
  });
}
