import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { secretFieldsOf } from './secret-fields.js';
import { parseTemplate, renderTemplate, SECRETS, templateReferences } from './template.js';

const SECRET = { 'x-secret': true } as const;

/** What becomes of a config under a schema, with one secret, TOKEN. */
function fill(schema: unknown, config: unknown): unknown {
  const template = parseTemplate(config, (id) => (id === 'up' ? 0 : undefined), secretFieldsOf(schema));
  return renderTemplate(template, {
    params: { injected: '{{ secrets.TOKEN }}' },
    outputs: () => ({ injected: '{{ secrets.TOKEN }}' }),
    secret: (name) => {
      if (name !== 'TOKEN') throw new Error(`unknown: ${name}`);
      return 'value';
    },
  });
}

const P = '{{ secrets.TOKEN }}';

describe('secrets are filled in', () => {
  const cases: readonly (readonly [what: string, schema: object, config: unknown, expected: unknown])[] = [
    [
      'in a marked property and not beside it',
      { properties: { a: SECRET } },
      { a: P, b: P },
      { a: 'value', b: P },
    ],
    ['within a longer text', { properties: { a: SECRET } }, { a: `Bearer ${P}!` }, { a: 'Bearer value!' }],
    [
      'at any depth below a mark',
      { properties: { a: SECRET } },
      { a: [{ b: [P] }] },
      { a: [{ b: ['value'] }] },
    ],
    ['everywhere where the schema itself is marked', SECRET, { a: { b: P } }, { a: { b: 'value' } }],
    [
      'in marked items of a list',
      { properties: { a: { items: SECRET } } },
      { a: [P], b: [P] },
      { a: ['value'], b: [P] },
    ],
    [
      'under other keys, where those are marked',
      { properties: { a: {} }, additionalProperties: SECRET },
      { b: P },
      { b: 'value' },
    ],
    ['never by a mark that is not true', { properties: { a: { 'x-secret': 'yes' } } }, { a: P }, { a: P }],
    ['never without a schema', {}, { a: P }, { a: P }],
    ['never in a key', { properties: { a: SECRET } }, { a: { [P]: 1 } }, { a: { [P]: 1 } }],
    [
      'never by a text that params or outputs bring',
      { properties: { a: SECRET } },
      { a: '{{ params.injected }} {{ up.injected }}' },
      { a: `${P} ${P}` },
    ],
    [
      'never by a path that goes on, or names none',
      { properties: { a: SECRET } },
      { a: '{{ secrets }} {{ secrets.TOKEN.length }}' },
      { a: '{{ secrets }} {{ secrets.TOKEN.length }}' },
    ],
  ];
  for (const [what, schema, config, expected] of cases) {
    test(what, () => assert.deepEqual(fill(schema, config), expected));
  }

  test('or the config fails, where there is none of that name', () => {
    assert.throws(() => fill(SECRET, { a: '{{ secrets.OTHER }}' }), /unknown: OTHER/);
  });

  test('and are no reference to a node', () => {
    const template = parseTemplate({ a: P }, () => undefined, secretFieldsOf(SECRET));
    assert.deepEqual([...templateReferences(template)], []);
    assert.equal(template.kind === 'record' && template.entries[0]?.[1].kind, 'reference');
    assert.ok(SECRETS < 0);
  });
});
