import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { EngineFixture, SETUPS } from '../../testing/engine-fixture.js';
import { HttpService } from '../../testing/http-service.js';
import { SpanCollector } from '../../testing/span-collector.js';

const CALLER = '00f067aa0ba902b7';
const TRACE_ID = 'a'.repeat(32);
const NODES = [
  { id: 'start', handler: 'input' },
  { id: 'shaky', handler: 'flaky', dependencies: ['start'], config: { failures: 1, code: 'SHAKY' } },
  { id: 'end', handler: 'output', dependencies: ['shaky'] },
];

for (const setup of SETUPS) {
  describe(`spans (${setup.name})`, { concurrency: false }, () => {
    let engine: EngineFixture;
    let collector: SpanCollector;
    before(async () => {
      collector = await SpanCollector.start();
      const settings = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.origin };
      engine = await EngineFixture.start({ setup, settings });
    });
    after(async () => {
      collector.close();
      await engine.close();
    });

    test('a stop sends them: the request below the caller, the execution below it, each attempt below that', async () => {
      const workflow = { name: 'shaky work', dag: { nodes: NODES }, trigger: true };
      const traced = { traceparent: `00-${TRACE_ID}-${CALLER}-01` };
      const unsampled = { traceparent: `00-${'b'.repeat(32)}-${CALLER}-00` };
      const submit = async (headers?: Record<string, string>): Promise<string> => {
        const reply = await engine.call('POST', '/api/v1/workflow', workflow, headers);
        return reply.json.execution_id;
      };
      const ids = [await submit(traced), await submit(), await submit(unsampled)] as const;
      const failing = await engine.run([
        {
          id: 'breaks',
          handler: 'flaky',
          config: { failures: 9, code: 'BROKEN' },
          retry: { max_attempts: 1 },
        },
      ]);
      for (const id of ids) assert.equal((await engine.ended(id)).status, 'COMPLETED');
      await engine.recorded();
      await engine.restart();

      const [first, second] = ids.map((id) => collector.of(id));
      for (const [at, spans] of [first, second].entries()) {
        const id = ids[at] as string;
        const [execution] = spans?.named('workflow shaky work') ?? [];
        const [request] = spans?.named('POST /api/v1/workflow') ?? [];
        const attempts = spans?.all.filter((span) => span.attributes['millrace.handler']) ?? [];
        assert.ok(execution && request, JSON.stringify(spans?.all.map(({ name }) => name)));
        assert.equal(spans?.all.length, 6);
        const isGiven = at === 0;
        assert.equal(execution.traceId, isGiven ? TRACE_ID : id.replaceAll('-', ''));
        assert.equal(execution.parentSpanId, isGiven ? request.spanId : undefined);
        assert.equal(request.parentSpanId, isGiven ? CALLER : execution.spanId);
        assert.ok(attempts.every((span) => span.parentSpanId === execution.spanId));
        assert.equal(new Set(spans?.all.map((span) => span.traceId)).size, 1);
        assert.equal(new Set(spans?.all.map((span) => span.spanId)).size, 6);
        const shaky = attempts.filter((span) => span.name === 'flaky shaky');
        assert.deepEqual(
          shaky.map(({ attributes, isError }) => [
            attributes['millrace.attempt'],
            isError,
            attributes['error.type'],
          ]),
          [
            [1, true, 'SHAKY'],
            [2, false, undefined],
          ],
        );
        for (const span of attempts) assert.ok(Number(span.attributes['millrace.queue_wait_ms']) >= 0);
        for (const span of spans?.all ?? []) assert.ok(span.endedAt >= span.startedAt, span.name);
        assert.equal(execution.isError, false);
      }
      assert.deepEqual(collector.of(ids[2]).all, []);
      const [failed] = collector.of(failing.execution_id).named('workflow end-to-end');
      assert.deepEqual([failed?.isError, failed?.attributes['millrace.status']], [true, 'failed']);
      assert.equal(collector.resource['service.name'], 'millrace');
    });

    // It is the same on each; stops wait three seconds for a collector.
    if (setup !== SETUPS[0]) return;
    test('a collector that is away, and one that never answers, cost spans and nothing else', async () => {
      const silent = await HttpService.start();
      silent.answer = () => undefined;
      try {
        for (const endpoint of ['http://127.0.0.1:9', silent.origin]) {
          await engine.restart({ OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_BSP_MAX_QUEUE_SIZE: '5' });
          for (let count = 0; count < 5; count++) {
            assert.equal((await engine.run([{ id: 'a', handler: 'echo' }])).status, 'COMPLETED');
          }
          assert.ok((await engine.metric('millrace_spans_total{outcome="dropped"}')) > 0, endpoint);
        }
        await engine.stop();
      } finally {
        silent.close();
        await engine.start();
      }
    });
  });
}
