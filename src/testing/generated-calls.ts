import fc from 'fast-check';
import type { PublishedContract, PublishedOperation } from './published-contract.js';
import { nearMissesOf, valuesOf } from './schema-arbitrary.js';

export const JSON_TYPE = 'application/json';

type PublishedParameter = NonNullable<PublishedOperation['parameters']>[number];

export interface GeneratedCall {
  readonly path: string;
  readonly query: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
}

/** Ids of what the engine has, so that generated calls hit something. */
export interface KnownIds {
  readonly executions: readonly string[];
  readonly workflows: readonly string[];
  readonly letters: readonly string[];
}

/** Calls of one operation: most of them right, some nearly, some not at all. */
export function callsOf(
  contract: PublishedContract,
  path: string,
  operation: PublishedOperation,
  known: KnownIds,
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

function pathsOf(path: string, known: KnownIds): fc.Arbitrary<string> {
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
