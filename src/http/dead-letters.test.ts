import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ExecutionId, WorkflowId } from '../model/ids.js';
import type { DeadLetter } from '../model/snapshot.js';
import { BACKENDS } from './testing/backends.js';
import { assertError, UNKNOWN_ID } from './testing/fixtures.js';
import { serveApi } from './testing/served-api.js';

function deadLetter(index: number, fields: Partial<DeadLetter> = {}): DeadLetter {
  const executionId = `0189aaaa-bbbb-7ccc-8ddd-${String(index).padStart(12, '0')}` as ExecutionId;
  return {
    id: `${executionId}:1`,
    executionId,
    workflowId: UNKNOWN_ID as WorkflowId,
    node: 1,
    nodeId: 'fetch',
    handler: 'call_external_service',
    error: { code: 'HTTP_STATUS', message: 'answered 503', category: 'transient', tracebackHash: 'ab12' },
    attempts: 4,
    queuedAt: 1_700_000_000_000,
    failedAt: 1_700_000_009_000,
    config: '{"url":"https://api.example.com"}',
    ...fields,
  };
}

for (const backend of BACKENDS) {
  describe(`dead letters: ${backend.name}`, () => {
    test('lists entries with their fields in order, in pages', async (t) => {
      const api = await serveApi(t, backend);
      api.engine.deadLetters = [deadLetter(3), deadLetter(2), deadLetter(1, { attempts: 0 })];
      const first = await api.call('GET', '/api/v1/admin/dlq?limit=2');
      const [entry] = first.json.entries;
      const id = `${deadLetter(3).executionId}`;
      assert.equal(
        JSON.stringify(entry),
        `{"id":"${id}:1","task_id":"${id}:fetch","execution_id":"${id}","node_id":"fetch","handler":"call_external_service",` +
          '"error_message":"answered 503","retry_count":3,"original_timestamp":"2023-11-14T22:13:20.000Z",' +
          '"failed_at":"2023-11-14T22:13:29.000Z","error_detail":{"message":"answered 503","error_code":"HTTP_STATUS",' +
          '"category":"transient","traceback_hash":"ab12","timestamp":"2023-11-14T22:13:29.000Z"},"attempts":4,"config":{"url":"https://api.example.com"}}',
      );
      assert.equal(first.json.count, 2);
      const second = await api.call('GET', `/api/v1/admin/dlq?limit=2&cursor=${first.json.next_cursor}`);
      assert.equal(second.json.count, 1);
      assert.equal(second.json.entries[0].retry_count, 0);
      assert.equal(second.json.next_cursor, null);
    });

    test('lists those that a filter names, from page to page', async (t) => {
      const api = await serveApi(t, backend);
      const refused = { code: 'REFUSED', message: 'no', category: 'handler' } as const;
      const other = '0189aaaa-bbbb-8ccc-8ddd-000000000009' as WorkflowId;
      api.engine.deadLetters = [
        deadLetter(5, { handler: 'echo' }),
        deadLetter(4, { error: refused }),
        deadLetter(3, { workflowId: other }),
        deadLetter(2),
        deadLetter(1, { failedAt: 1_600_000_000_000 }),
      ];
      const found = async (filter: string) => {
        const reply = await api.call('GET', `/api/v1/admin/dlq?${filter}`);
        assert.equal(reply.status, 200, reply.text);
        return reply.json.entries.map((entry: { id: string }) => Number(entry.id.split(':')[0]?.slice(-12)));
      };
      assert.deepEqual(await found('handler=echo'), [5]);
      assert.deepEqual(await found('error_code=REFUSED'), [4]);
      assert.deepEqual(await found(`workflow_id=${other}`), [3]);
      assert.deepEqual(await found('failed_after=2023-01-01'), [5, 4, 3, 2]);
      assert.deepEqual(await found('handler=call_external_service&error_code=HTTP_STATUS'), [3, 2, 1]);
      const { json } = await api.call('GET', '/api/v1/admin/dlq?handler=call_external_service&limit=2');
      assert.deepEqual(
        await found(`handler=call_external_service&limit=2&cursor=${json.next_cursor}`),
        [2, 1],
      );
      const wrong = await api.call('GET', `/api/v1/admin/dlq?handler=echo&cursor=${json.next_cursor}`);
      assertError(wrong, 422, 'VALIDATION_ERROR');
      for (const filter of ['workflow_id=x', 'failed_after=yesterday'])
        assertError(await api.call('GET', `/api/v1/admin/dlq?${filter}`), 422, 'VALIDATION_ERROR');
    });

    test('retries one, with an edited config too, and deletes one', async (t) => {
      const api = await serveApi(t, backend);
      api.engine.deadLetters = [deadLetter(1), deadLetter(2), deadLetter(3)];
      const [one, two, three] = api.engine.deadLetters.map(({ id }) => id);
      const retried = await api.call('POST', `/api/v1/admin/dlq/${one}/retry`);
      assert.deepEqual(retried.json, {
        status: 'success',
        message: 'Task re-submitted to queue',
        task_id: `${deadLetter(1).executionId}:fetch`,
      });
      await api.call('POST', `/api/v1/admin/dlq/${encodeURIComponent(two ?? '')}/retry`, {
        config: { url: 'x' },
      });
      assert.deepEqual(api.engine.redriven, [
        { id: one, config: undefined },
        { id: two, config: '{"url":"x"}' },
      ]);
      assertError(
        await api.call('POST', `/api/v1/admin/dlq/${three}/retry`, { config: [] }),
        422,
        'VALIDATION_ERROR',
      );
      const deleted = await api.call('DELETE', `/api/v1/admin/dlq/${three}`);
      assert.deepEqual(deleted.json, { status: 'success', message: `DLQ entry ${three} deleted` });
      for (const method of ['POST', 'DELETE']) {
        const path = `/api/v1/admin/dlq/${three}${method === 'POST' ? '/retry' : ''}`;
        assertError(await api.call(method, path), 404, 'DLQ_ENTRY_NOT_FOUND');
      }
    });

    test('retries in bulk: one redrive for each execution, every letter counted, more than a page', async (t) => {
      const api = await serveApi(t, backend);
      const many = Array.from({ length: 1200 }, (_, index) => deadLetter(index));
      const sibling = { ...deadLetter(7), id: `${deadLetter(7).executionId}:2`, node: 2 };
      api.engine.deadLetters = [...many, sibling, deadLetter(5000, { handler: 'call_llm' })];
      const reply = await api.call('POST', '/api/v1/admin/dlq/retry', { handler: 'call_external_service' });
      assert.deepEqual(reply.json, { retried: 1201 });
      assert.equal(api.engine.redriven.length, 1200);
      assert.deepEqual((await api.call('POST', '/api/v1/admin/dlq/retry')).json, { retried: 1 });
      const wrong = { handler: 1, workflow_id: 'x', failed_after: 'now', error_code: '' };
      const refused = await api.call('POST', '/api/v1/admin/dlq/retry', wrong);
      assertError(refused, 422, 'VALIDATION_ERROR');
      assert.equal(refused.json.detail.length, 4);
    });
  });
}
