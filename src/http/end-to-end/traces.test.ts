import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { EngineFixture, SETUPS } from '../../testing/engine-fixture.js';
import { answering, HttpService } from '../../testing/http-service.js';

const SPAN_ID = '00f067aa0ba902b7';

/** Of a trace of its own for each digit. */
function headersOf(digit: string): Record<string, string> {
  return { traceparent: `00-${digit.repeat(32)}-${SPAN_ID}-01`, tracestate: `vendor=${digit}` };
}

interface Received {
  readonly path: string;
  readonly traceId: string | undefined;
  readonly spanId: string | undefined;
  readonly tracestate: string | undefined;
}

function receivedBy({ url = '', headers }: IncomingMessage): Received {
  const [, traceId, spanId] = String(headers.traceparent ?? '').split('-');
  return { path: url, traceId, spanId, tracestate: headers.tracestate as string | undefined };
}

for (const setup of SETUPS) {
  describe(`traces (${setup.name})`, { concurrency: false }, () => {
    let engine: EngineFixture;
    let service: HttpService;
    let received: Received[] = [];
    const calls = (path: string) => received.filter((each) => each.path === path);
    const workflow = (path: string, headers: Record<string, string> = {}) => ({
      ...{ name: 'traced', params: { n: 1 } },
      dag: {
        nodes: [
          {
            id: 'call',
            handler: 'call_external_service',
            config: { url: `${service.origin}${path}`, headers },
          },
        ],
      },
    });
    const post = async (path: string, body?: unknown, headers?: Record<string, string>) => {
      const reply = await engine.call('POST', `/api/v1/workflow${path}`, body, headers);
      assert.ok(reply.status < 300, reply.text);
      return reply.json;
    };

    before(async () => {
      service = await HttpService.start();
      service.answer = (request, response) => {
        received.push(receivedBy(request));
        const isFirst = calls(request.url ?? '').length === 1;
        const status = request.url?.startsWith('/fails-once') && isFirst ? 503 : 200;
        answering(status, { 'retry-after': '0' })(request, response);
      };
      engine = await EngineFixture.start({ setup });
    });
    after(async () => {
      service.close();
      await engine.close();
    });

    test('the services called are in the trace of the submission, each attempt with a span of its own', async () => {
      received = [];
      const body = { ...workflow('/fails-once'), trigger: true };
      const { execution_id } = await post('', body, headersOf('a'));
      const { status, nodes } = await engine.ended(execution_id);
      assert.deepEqual([status, nodes.call?.attempt], ['COMPLETED', 2]);
      const [first, second] = calls('/fails-once');
      for (const each of [first, second]) {
        assert.deepEqual([each?.traceId, each?.tracestate], ['a'.repeat(32), 'vendor=a']);
        assert.match(each?.spanId ?? '', /^[0-9a-f]{16}$/);
      }
      assert.equal(new Set([SPAN_ID, first?.spanId, second?.spanId]).size, 3);
      const { json } = await engine.call('GET', `/api/v1/workflow/${execution_id}?detail=nodes`);
      assert.deepEqual(json.params, { n: 1 });
    });

    test('it is kept over a restart; the trace of the trigger goes before it', async () => {
      received = [];
      const kept = await post('', workflow('/kept'), headersOf('b'));
      const replaced = await post('', workflow('/replaced'), headersOf('b'));
      await engine.restart();
      await post(`/trigger/${kept.execution_id}`, { params: { n: 2 } });
      await post(`/trigger/${replaced.execution_id}`, undefined, headersOf('c'));
      for (const { execution_id } of [kept, replaced]) await engine.ended(execution_id);
      assert.deepEqual(
        [calls('/kept')[0]?.traceId, calls('/replaced')[0]?.traceId],
        ['b'.repeat(32), 'c'.repeat(32)],
      );
      const { json } = await engine.call('GET', `/api/v1/workflow/${kept.execution_id}?detail=nodes`);
      assert.deepEqual(json.params, { n: 2 });
    });

    test('batches and runs of a known workflow are in the trace of their request', async () => {
      received = [];
      const { results } = await post('/batch', [workflow('/batch-1'), workflow('/batch-2')], headersOf('d'));
      const [one, two] = results;
      await post('/batch/trigger', { execution_ids: [one.execution_id] });
      await post('/batch/trigger', { execution_ids: [two.execution_id] }, headersOf('e'));
      for (const { execution_id } of results) await engine.ended(execution_id);
      const rerun = await post(`/${one.workflow_id}/executions`, { trigger: true }, headersOf('f'));
      await engine.ended(rerun.execution_id);
      assert.deepEqual(
        [...calls('/batch-1'), ...calls('/batch-2')].map((each) => each.traceId?.[0]),
        ['d', 'f', 'e'],
      );
    });

    test('a header of the config goes first; without a valid traceparent none is sent', async () => {
      received = [];
      const own = { traceparent: `00-${'9'.repeat(32)}-${'8'.repeat(16)}-00` };
      const executions = [
        await post('', { ...workflow('/own', own), trigger: true }, headersOf('a')),
        await post('', { ...workflow('/none'), trigger: true }),
        await post('', { ...workflow('/invalid'), trigger: true }, { traceparent: '00-0-0-00' }),
      ];
      for (const { execution_id } of executions) await engine.ended(execution_id);
      const [sent] = calls('/own');
      assert.deepEqual(
        [sent?.traceId, sent?.spanId, sent?.tracestate],
        ['9'.repeat(32), '8'.repeat(16), undefined],
      );
      for (const path of ['/none', '/invalid']) {
        const [{ traceId, tracestate } = assert.fail(path)] = calls(path);
        assert.deepEqual([traceId, tracestate], [undefined, undefined], path);
      }
    });
  });
}
