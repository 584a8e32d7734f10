import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import { EngineFixture, SETUPS } from '../../testing/engine-fixture.js';
import {
  type OpenApiDocument,
  PublishedContract,
  type PublishedOperation,
} from '../../testing/published-contract.js';
import { nearMissesOf, valuesOf } from '../../testing/schema-arbitrary.js';

const RUNS = 60;
const JSON_TYPE = 'application/json';

type PublishedParameter = NonNullable<PublishedOperation['parameters']>[number];

interface GeneratedCall {
  readonly path: string;
  readonly query: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
}

/** Ids of what the engine has, so that generated calls hit something. */
interface Known {
  readonly executions: readonly string[];
  readonly workflows: readonly string[];
  readonly letters: readonly string[];
}

for (const setup of SETUPS) {
  describe(`every operation of the published contract (${setup.name})`, { concurrency: false }, () => {
    let engine: EngineFixture;
    let contract: PublishedContract;
    let known: Known;
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
async function makeExecutions(engine: EngineFixture): Promise<Known> {
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

function callsOf(
  contract: PublishedContract,
  path: string,
  operation: PublishedOperation,
  known: Known,
): fc.Arbitrary<GeneratedCall> {
  const parameters = operation.parameters ?? [];
  const parts = fc.record({
    path: pathsOf(path, known),
    query: someOf(
      parameters.filter((each) => each.in === 'query'),
      (each) => queryValuesOf(contract, each),
    ),
    headers: someOf(
      parameters.filter((each) => each.in === 'header'),
      headerValues,
    ),
    body: bodiesOf(contract, operation),
  });
  return parts.map(({ path: filled, query, headers, body }) => ({
    path: filled,
    query: query.size > 0 ? `?${new URLSearchParams([...query])}` : '',
    headers: { ...Object.fromEntries(headers), ...(body && { 'content-type': body.type }) },
    body: body?.text,
  }));
}

/** Values of a few of the parameters. */
function someOf(
  parameters: readonly PublishedParameter[],
  values: (parameter: PublishedParameter) => fc.Arbitrary<string>,
): fc.Arbitrary<ReadonlyMap<string, string>> {
  return fc
    .subarray([...parameters], { maxLength: Math.min(2, parameters.length) })
    .chain((some) =>
      fc.tuple(...some.map((each) => values(each).map((value) => [each.name, value] as const))),
    )
    .map((pairs) => new Map(pairs));
}

function pathsOf(path: string, known: Known): fc.Arbitrary<string> {
  const ids: Readonly<Record<string, readonly string[]>> = {
    execution_id: known.executions,
    workflow_id: known.workflows,
    id: known.letters,
    name: ['no%20such%20circuit'],
    file: ['swagger-ui.css', 'start.js'],
  };
  const parts = path.split(/(\{\w+\})/).map((part) => {
    if (!part.startsWith('{')) return fc.constant(part);
    const strange = fc.oneof(fc.uuid(), fc.string({ minLength: 1, maxLength: 40, unit: 'binary' }));
    // Fetch takes these two for a step up in the path.
    const usable = strange.filter((text) => !/^\.\.?$/.test(text)).map(encodeURIComponent);
    const hits = fc.constantFrom(...(ids[part.slice(1, -1)] ?? ['x']));
    return fc.oneof({ weight: 3, arbitrary: hits }, { weight: 1, arbitrary: usable });
  });
  return fc.tuple(...parts).map((each) => each.join(''));
}

function queryValuesOf(
  contract: PublishedContract,
  { name, schema }: PublishedParameter,
): fc.Arbitrary<string> {
  const strange = fc.string({ unit: 'grapheme', maxLength: 30 });
  return fc.oneof(
    { weight: 4, arbitrary: fittingValuesOf(contract, name, schema) },
    // A long wait would only be long.
    { weight: 1, arbitrary: name === 'wait' ? fc.constantFrom('-1', '61', 'x') : strange },
  );
}

function fittingValuesOf(
  contract: PublishedContract,
  name: string,
  schema: PublishedParameter['schema'],
): fc.Arbitrary<string> {
  if (name === 'wait') return fc.constantFrom('0', '0.01');
  const values = valuesOf(schema, (reference) => contract.resolve(reference)).map(String);
  if (!name.startsWith('created_')) return values;
  // Not every text of the pattern is a day that there is.
  return fc.oneof(
    values,
    fc.date({ noInvalidDate: true, min: new Date(0) }).map((date) => date.toISOString()),
  );
}

function headerValues(): fc.Arbitrary<string> {
  return fc
    .string({
      unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)),
      minLength: 1,
    })
    .map((text) => `k${text.trim()}`);
}

function bodiesOf(
  contract: PublishedContract,
  operation: PublishedOperation,
): fc.Arbitrary<{ readonly type: string; readonly text: string } | undefined> {
  const content = operation.requestBody?.content[JSON_TYPE];
  if (!content) return fc.constant(undefined);
  const right = valuesOf(content.schema, (ref) => contract.resolve(ref));
  const examples = fc.constantFrom(...Object.values(content.examples ?? {}).map(({ value }) => value));
  const asJson = (values: fc.Arbitrary<unknown>) =>
    values.map((value) => ({ type: JSON_TYPE, text: JSON.stringify(value) }));
  return fc.oneof(
    { weight: 3, arbitrary: asJson(right) },
    { weight: 2, arbitrary: asJson(examples) },
    { weight: 4, arbitrary: asJson(nearMissesOf(fc.oneof(right, examples))) },
    { weight: 1, arbitrary: fc.string({ minLength: 1 }).map((text) => ({ type: JSON_TYPE, text })) },
    { weight: 1, arbitrary: asJson(examples).map(({ text }) => ({ type: 'text/plain', text })) },
  );
}
