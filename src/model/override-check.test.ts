import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HandlerCatalog } from './builtin-handlers.js';
import { compilePlan } from './compile-plan.js';
import { createNodeChecker } from './config-check.js';
import { MillraceError } from './errors.js';
import { checkOverride } from './override-check.js';

const schema = {
  type: 'object',
  required: ['url'],
  properties: { url: { type: 'string' }, n: { type: 'integer' } },
};
const catalog: HandlerCatalog = new Map([['echo', { name: 'echo', builtin: true, configSchema: schema }]]);
const plan = compilePlan({
  name: 'three',
  dag: {
    nodes: [
      { id: 'a', handler: 'echo', config: { url: 'x' } },
      { id: 'a.b', handler: 'echo', config: { url: 'x' } },
      { id: 'last', handler: 'echo', dependencies: ['a', 'a.b'], config: { url: '{{ a.url }}' } },
    ],
  },
});
const checker = createNodeChecker();

function refusalOf(config: Record<string, unknown>) {
  try {
    checkOverride({ plan, node: 2, config }, checker, catalog);
  } catch (error) {
    assert.ok(error instanceof MillraceError);
    const [first] = error.context.errors as { path: string }[];
    return [error.code, first?.path];
  }
  return undefined;
}

test('a config may stand in for another where its handler takes it', () => {
  assert.equal(refusalOf({ url: 'y' }), undefined);
  assert.deepEqual(refusalOf({}), ['INVALID_NODE', '/config/url']);
  assert.deepEqual(refusalOf({ url: 'y', n: 'one' }), ['INVALID_NODE', '/config/n']);
  assert.equal(
    refusalOf({ url: 'y', n: '{{ a.n }}' }),
    undefined,
    'what a placeholder brings is checked later',
  );
});

test('its placeholders name nothing that the node is not handed', () => {
  assert.equal(refusalOf({ url: '{{ a.other }} {{ params.p }} {{ nobody.x }} {{ secrets.s }}' }), undefined);
  assert.equal(refusalOf({ url: '{{ a.b.c }}' }), undefined, 'a path into the output of a');
  assert.deepEqual(refusalOf({ url: 'y', more: [{ deep: "{{ ['a.b'].c }}" }] }), [
    'INVALID_TEMPLATE_REFERENCE',
    '/config/more/0/deep',
  ]);
  assert.deepEqual(refusalOf({ url: '{{ last.x }}' }), ['INVALID_TEMPLATE_REFERENCE', '/config/url']);
});
