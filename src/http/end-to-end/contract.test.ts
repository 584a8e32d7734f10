import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import { EngineFixture, SETUPS } from '../../testing/engine-fixture.js';
import { callsOf, type GeneratedCall, JSON_TYPE, type KnownIds } from '../../testing/generated-calls.js';
import { type OpenApiDocument, PublishedContract } from '../../testing/published-contract.js';

const RUNS = 60;

for (const setup of SETUPS) {
  describe(`every operation of the published contract (${setup.name})`, { concurrency: false }, () => {
    let engine: EngineFixture;
    let contract: PublishedContract;
    let known: KnownIds;
    before(async () => {
      engine = await EngineFixture.start({ setup });
      contract = new PublishedContract((await engine.call('GET', '/openapi.json')).json as OpenApiDocument);
      known = await makeExecutions(engine);
    });
    after(() => engine.close());

    const send = async (method: string, path: string, call: GeneratedCall) => {
      const reply = await fetch(`${engine.url}${call.path}${call.query}`, {
        method,
        headers: call.headers,
        ...(call.body !== undefined && { body: call.body }),
      });
      const isStream = reply.headers.get('content-type') === 'text/event-stream';
      if (isStream) await reply.body?.cancel();
      const text = isStream ? '' : await reply.text();
      contract.check(method, path, { status: reply.status, headers: reply.headers, text });
      return { status: reply.status, text };
    };

    test('accepts its own examples', async () => {
      let examples = 0;
      for (const { method, path, operation } of contract.operations()) {
        for (const { value } of Object.values(operation.requestBody?.content[JSON_TYPE]?.examples ?? {})) {
          const pathWithIds = path
            .replace('{execution_id}', known.executions[0] ?? '')
            .replace('{workflow_id}', known.workflows[0] ?? '')
            .replace('{id}', (await anyLetter(engine)) ?? '');
          const headers = { 'content-type': JSON_TYPE };
          const call = { path: pathWithIds, query: '', headers, body: JSON.stringify(value) };
          const { status, text } = await send(method, path, call);
          assert.ok(status < 300, `${method} ${path}: ${text}`);
          examples += 1;
        }
      }
      assert.ok(examples >= 9);
    });

    test('answers generated calls, right and wrong, only as it promises', { timeout: 240_000 }, async () => {
      for (const { method, path, operation } of contract.operations()) {
        const statuses = new Set<number>();
        const calls = callsOf(contract, path, operation, known);
        await fc.assert(
          fc.asyncProperty(calls, async (call) => {
            const { status } = await send(method, path, call);
            assert.ok(status < 500, `${method} ${path} answered ${status}`);
            statuses.add(status);
          }),
          { numRuns: RUNS },
        );
        const isRefused = [...statuses].some((status) => status >= 400);
        if (operation.requestBody) assert.ok(isRefused, `${method} ${path} refused nothing`);
        const succeeds = [...statuses].some((status) => status < 300);
        assert.ok(succeeds || /{(id|file|name)}/.test(path), `${method} ${path} took nothing`);
      }
      const { status } = await engine.call('GET', '/readyz');
      assert.equal(status, 200);
    });
  });
}

/** Executions in every state. */
async function makeExecutions(engine: EngineFixture): Promise<KnownIds> {
  const pending = await engine.submit([{ id: 'a', handler: 'echo' }]);
  const cancelled = await engine.submit([{ id: 'a', handler: 'echo' }]);
  await engine.call('DELETE', `/api/v1/workflow/${cancelled}`);
  const waiting = await engine.begin([{ id: 'a', handler: 'delay', config: { seconds: 3600 } }]);
  const completed = await engine.run([{ id: 'a', handler: 'input', config: { x: 1 } }]);
  const failures = await Promise.all(
    Array.from({ length: 8 }, () =>
      engine.run([
        { id: 'a', handler: 'refuse' },
        { id: 'b', handler: 'echo' },
      ]),
    ),
  );
  const { json } = await engine.call('GET', '/api/v1/admin/dlq');
  return {
    executions: [
      pending,
      cancelled,
      waiting,
      completed.execution_id,
      ...failures.map((each) => each.execution_id),
    ],
    workflows: [completed.workflow_id],
    letters: json.entries.map((entry: { readonly id: string }) => entry.id),
  };
}

async function anyLetter(engine: EngineFixture): Promise<string | undefined> {
  const { json } = await engine.call('GET', '/api/v1/admin/dlq?limit=1');
  return json.entries[0]?.id;
}
