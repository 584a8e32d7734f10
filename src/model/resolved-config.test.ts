import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compilePlan } from './compile-plan.js';
import { configResolver } from './resolved-config.js';
import type { ExecutionSnapshot, NodeSnapshot } from './snapshot.js';

const plan = compilePlan({
  name: 'two',
  dag: {
    nodes: [
      { id: 'first', handler: 'input' },
      {
        id: 'second',
        handler: 'echo',
        dependencies: ['first'],
        config: { whole: '{{ first.list }}', text: 'by {{ params.who }}', missing: '{{ first.none }}' },
      },
      { id: 'third', handler: 'echo' },
    ],
  },
});
const json = (value: unknown) => Buffer.from(JSON.stringify(value));

function configsOf(fields: {
  readonly output: unknown;
  readonly override?: unknown;
}): (string | undefined)[] {
  const node: NodeSnapshot = { state: 'failed', fence: 1, attempt: 1, deliveries: 0 };
  const snapshot = {
    params: json({ who: 'me' }),
    nodes: [
      { ...node, state: 'completed', output: json(fields.output) },
      { ...node, ...(fields.override !== undefined && { configOverride: json(fields.override) }) },
      node,
    ],
  } as unknown as ExecutionSnapshot;
  const configAt = configResolver(snapshot, plan);
  return [configAt(1), configAt(2)];
}

test('a config is told as the last attempt saw it', () => {
  const [config, empty] = configsOf({ output: { list: [1, { a: 2 }] } });
  assert.deepEqual(JSON.parse(config ?? ''), {
    whole: [1, { a: 2 }],
    text: 'by me',
    missing: '{{ first.none }}',
  });
  assert.equal(empty, '{}');
  const override = { other: '{{ first.list }}' };
  assert.equal(configsOf({ output: { list: 'x' }, override })[0], '{"other":"x"}');
});

test('it stays as it was written where it would be long, and is left out where it is itself', () => {
  const written = JSON.stringify(plan.definition.dag.nodes[1]?.config);
  assert.equal(configsOf({ output: { list: 'x'.repeat(20_000) } })[0], written);
  assert.equal(configsOf({ output: { list: 1, more: 'x'.repeat(300_000) } })[0], written);
  assert.equal(configsOf({ output: {}, override: { long: 'x'.repeat(20_000) } })[0], undefined);
});

test('a short config that names large values often is not resolved: it would be thousands of times as long', () => {
  const output = { list: new Array(60_000).fill('') };
  const often = { text: '{{ first.list }}'.repeat(1000), values: new Array(10).fill('{{ first.list }}') };
  assert.equal(configsOf({ output, override: often })[0], JSON.stringify(often));
});
