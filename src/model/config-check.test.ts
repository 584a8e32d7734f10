import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { HandlerCatalog } from './builtin-handlers.js';
import { createNodeChecker } from './config-check.js';
import { MillraceError } from './errors.js';

const schemas: Readonly<Record<string, Record<string, unknown>>> = {
  call: {
    type: 'object',
    required: ['url'],
    properties: {
      url: { type: 'string', format: 'uri' },
      count: { type: 'integer', minimum: 1 },
      tags: { type: 'array', maxItems: 2, items: { enum: ['a', 'b'] } },
      options: { type: 'object', additionalProperties: false, properties: { x: {} } },
    },
  },
  ask: { type: 'object', anyOf: [{ required: ['prompt'] }, { required: ['messages'] }] },
  odd: {
    $comment: 'inherited properties are none',
    type: 'object',
    required: ['constructor'],
    madeUpKeyword: 1,
  },
};
const catalog: HandlerCatalog = new Map(
  Object.entries(schemas).map(
    ([name, configSchema]) => [name, { name, configSchema, builtin: false }] as const,
  ),
);
const checker = createNodeChecker();

/** Pointers of the problems of one config, below the config. */
function problems(handler: string, config?: Record<string, unknown>): readonly string[] {
  try {
    checker.check([{ id: 'n', handler, ...(config && { config }) }], catalog);
    return [];
  } catch (error) {
    assert.ok(error instanceof MillraceError);
    assert.equal(error.code, 'INVALID_NODE');
    assert.match(error.message, /"n"/);
    const errors = error.context.errors as { path: string }[];
    return errors.map(({ path }) => path.replace('/dag/nodes/0/config', '')).sort();
  }
}

describe('configs', () => {
  test('a sound config passes, and any config of an unknown handler or one without schema', () => {
    assert.deepEqual(problems('call', { url: 'http://x/', count: 1, extra: true }), []);
    assert.deepEqual(problems('unknown', { url: 5 }), []);
    checker.check([{ id: 'n', handler: 'plain' }], new Map([['plain', { name: 'plain', builtin: true }]]));
  });

  test('every fault is listed with its place', () => {
    assert.deepEqual(problems('call', { count: 0.5, tags: ['a', 'z'], options: { y: 1 } }), [
      '/count',
      '/count',
      '/options',
      '/tags/1',
      '/url',
    ]);
  });

  test('an absent config is an empty one', () => {
    assert.deepEqual(problems('call'), ['/url']);
  });

  test('inherited properties do not count', () => {
    assert.deepEqual(problems('odd', {}), ['/constructor']);
    assert.deepEqual(problems('odd', { constructor: 1 }), []);
  });

  test('what a placeholder may mend is left to the run', () => {
    assert.deepEqual(
      problems('call', { url: '{{ params.url }}', count: '{{ params.n }}', tags: ['x{{ params.t }}'] }),
      [],
    );
    assert.deepEqual(problems('ask', { model: '{{ params.model }}' }), []);
  });

  test('what no placeholder can mend is refused', () => {
    assert.deepEqual(problems('call', { count: '{{ params.n }}' }), ['/url']);
    assert.deepEqual(problems('call', { url: '{{ params.url }}', count: 'many' }), ['/count']);
    assert.deepEqual(problems('call', { url: '{{ params.url', count: 1 }), ['/url']);
    assert.deepEqual(problems('call', { url: 'http://x/', tags: ['{{ a }}', '{{ b }}', '{{ c }}'] }), [
      '/tags',
    ]);
    assert.deepEqual(problems('call', { url: 'http://x/', options: { y: '{{ a }}' } }), ['/options']);
    assert.deepEqual(problems('ask', { model: 'm' }), ['', '/messages', '/prompt']);
  });

  test('a config of 100,000 faults gets a short answer', () => {
    const tags = Array(100_000).fill('z');
    assert.equal(problems('call', { url: 'http://x/', tags }).length, 1);
  });
});

describe('ids', () => {
  for (const id of ['params', 'secrets', '__proto__']) {
    test(`${id} is reserved`, () => {
      assert.throws(
        () => checker.check([{ id, handler: 'call', config: { url: 'http://x/' } }], catalog),
        (error) => {
          assert.ok(error instanceof MillraceError);
          assert.equal(error.code, 'INVALID_NODE');
          assert.deepEqual(
            (error.context.errors as { path: string }[]).map(({ path }) => path),
            ['/dag/nodes/0/id'],
          );
          return true;
        },
      );
    });
  }

  test('names of inherited properties are not', () => {
    checker.check(
      [
        { id: 'constructor', handler: 'x' },
        { id: 'toString', handler: 'constructor' },
      ],
      catalog,
    );
  });
});
