import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import {
  parseTemplate,
  renderTemplate,
  substitutesWithin,
  type TemplateScope,
  templateReferences,
} from './template.js';

interface World {
  readonly params?: unknown;
  readonly outputs?: Readonly<Record<string, unknown>>;
  /** Nodes that may be referred to; by default those that have outputs. */
  readonly known?: readonly string[];
}

function compile(value: unknown, { params = {}, outputs = {}, known = Object.keys(outputs) }: World) {
  const template = parseTemplate(value, (id) => (known.includes(id) ? known.indexOf(id) : undefined));
  const scope: TemplateScope = { params, outputs: (index) => outputs[known[index] ?? ''] };
  return { template, scope };
}

function render(value: unknown, world: World = {}): unknown {
  const { template, scope } = compile(value, world);
  return renderTemplate(template, scope);
}

const fetched = { data: { items: [{ id: 7 }, { id: 'x' }], total: 2, ok: true, none: null, text: 'hi' } };

describe('renderTemplate', () => {
  const typed: readonly (readonly [string, unknown])[] = [
    ['{{ fetch.data.total }}', 2],
    ['{{ fetch.data.ok }}', true],
    ['{{ fetch.data.none }}', null],
    ['{{ fetch.data.text }}', 'hi'],
    ['{{ fetch.data.items[0].id }}', 7],
    ['{{ fetch.data.items.1.id }}', 'x'],
    ["{{ ['fetch']['data'].items[1] }}", { id: 'x' }],
    ['{{ fetch }}', fetched],
    ['{{ params }}', { n: 1 }],
    ['{{ params.n }}', 1],
  ];
  for (const [text, expected] of typed) {
    test(`${text} alone keeps its type`, () => {
      assert.deepEqual(render(text, { params: { n: 1 }, outputs: { fetch: fetched } }), expected);
    });
  }

  test('writes values into a longer text, lists and records as JSON', () => {
    const text =
      'n={{params.n}} ok={{ f.ok }} none={{ f.none }} text={{ f.text }} list={{ f.items }} all={{ f.items[0] }}.';
    assert.equal(
      render(text, { params: { n: 1.5 }, outputs: { f: fetched.data } }),
      'n=1.5 ok=true none=null text=hi list=[{"id":7},{"id":"x"}] all={"id":7}.',
    );
  });

  test('a placeholder with space around it is no longer alone', () => {
    assert.equal(render(' {{ a.n }}', { outputs: { a: { n: 1 } } }), ' 1');
  });

  test('reaches strings at any depth and leaves keys and other values alone', () => {
    assert.deepEqual(
      render({ '{{ a.n }}': [1, null, true, { deep: ['{{ a.n }}'] }] }, { outputs: { a: { n: 1 } } }),
      {
        '{{ a.n }}': [1, null, true, { deep: [1] }],
      },
    );
  });

  const standing = [
    '{{ a.missing }}',
    '{{ a.n.deeper }}',
    '{{ a.list[2] }}',
    '{{ a.list.length }}',
    '{{ a.list[00] }}',
    '{{ a.text.length }}',
    '{{ a.text[0] }}',
    '{{ a.constructor }}',
    '{{ a.__proto__ }}',
    '{{ a.toString.name }}',
    '{{ a.list.map }}',
    '{{ params.missing }}',
    '{{ params.__proto__.x }}',
    '{{ unknown.key }}',
    '{{ silent }}',
    '{{ silent.key }}',
    '{{ secrets.TOKEN }}',
    "{{ ['secrets'].TOKEN }}",
    '{{ broken',
  ];
  for (const text of standing) {
    test(`${text} stays as it stands`, () => {
      const world = {
        outputs: { a: { n: 1, list: [1, 2], text: 'abc' }, secrets: { TOKEN: 's' } },
        known: ['a', 'silent', 'secrets'],
      };
      assert.equal(render(text, world), text);
      assert.equal(render(`<${text}>`, world), `<${text}>`);
    });
  }

  test('the longest id that is known wins', () => {
    const outputs = { a: { b: { c: 'of a' } }, 'a.b': { c: 'of a.b' } };
    assert.equal(render('{{ a.b.c }}', { outputs }), 'of a.b');
    assert.equal(render('{{ a.b.c }}', { outputs, known: ['a'] }), 'of a');
    assert.equal(render("{{ ['a.b'].c }}", { outputs }), 'of a.b');
    assert.equal(render("{{ a['b'].c }}", { outputs }), 'of a');
  });

  test('params means the parameters, whatever nodes there are', () => {
    assert.equal(render('{{ params.x }}', { params: { x: 1 }, outputs: { 'params.x': 2 } }), 1);
  });

  test('substituted text is not searched again', () => {
    assert.equal(
      render('<{{ a.x }}>', { params: { y: 'no' }, outputs: { a: { x: '{{ params.y }}' } } }),
      '<{{ params.y }}>',
    );
  });

  test('own __proto__ keys stay data', () => {
    const config = JSON.parse('{"__proto__":{"polluted":"{{ params.x }}"},"x":"{{ params.__proto__ }}"}');
    const params = JSON.parse('{"x":1,"__proto__":{"own":true}}');
    const rendered = render(config, { params }) as Record<string, unknown>;
    assert.equal(JSON.stringify(rendered), '{"__proto__":{"polluted":1},"x":{"own":true}}');
    assert.equal(Object.getPrototypeOf(rendered), Object.prototype);
    assert.equal(({} as Record<string, unknown>).polluted, undefined);
  });

  test('what a handler does to its config does not show in the next task', () => {
    const { template, scope } = compile({ list: [1], plain: { a: 1 } }, {});
    const first = renderTemplate(template, scope) as { list: number[]; plain: { a: number } };
    first.list.push(2);
    first.plain.a = 9;
    assert.deepEqual(renderTemplate(template, scope), { list: [1], plain: { a: 1 } });
  });

  test('a value without placeholders renders as itself', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const json = JSON.stringify(value);
        fc.pre(!json.includes('{{'));
        assert.equal(JSON.stringify(render(JSON.parse(json))), json);
      }),
    );
  });

  test('agrees with replacement by regular expression on random texts', () => {
    const outputs = { a: { k: 1, s: 'text', o: { k: [true] } }, 'b-1': { k: null } };
    const known: Readonly<Record<string, unknown>> = {
      '{{ a.k }}': 1,
      '{{a.s}}': 'text',
      '{{ a.o }}': { k: [true] },
      '{{ a.o.k[0] }}': true,
      '{{ b-1.k }}': null,
      '{{ params.p }}': 'p',
    };
    const piece = fc.constantFrom(...Object.keys(known), '{{ a.zz }}', '{{ c.k }}', ' ', 'x', '}', '.');
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
        const text = pieces.join('');
        const expected =
          pieces.length === 1 && text in known
            ? known[text]
            : text.replace(/\{\{[^{}]*\}\}/g, (raw) => {
                if (!(raw in known)) return raw;
                const value = known[raw];
                return typeof value === 'string' ? value : JSON.stringify(value);
              });
        assert.deepEqual(render(text, { params: { p: 'p' }, outputs }), expected);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('templateReferences', () => {
  test('lists nodes once and in order, not the parameters', () => {
    const config = {
      x: ['{{ c.x }}', 'and {{ a.y }} {{ params.z }}'],
      y: { z: '{{ c }}', w: '{{ none.x }}' },
    };
    const { template } = compile(config, { known: ['a', 'b', 'c'] });
    assert.deepEqual(templateReferences(template), [0, 2]);
  });
});

describe('substitutesWithin', () => {
  const measured: readonly (readonly [what: string, value: unknown, length: number])[] = [
    ['nothing is put in', { a: 'plain', b: [1, null] }, 0],
    ['text', 'a {{ params.text }} b', 5],
    ['a value, as its JSON', ['{{ params.list }}'], 7],
    ['each time that it is named', { a: '{{ params.text }}{{ params.list }}', b: '{{ params.text }}' }, 17],
    ['a placeholder that stays', '{{ params.none }}', 17],
  ];
  for (const [what, value, length] of measured) {
    test(`${what}: ${length} characters`, () => {
      const { template, scope } = compile(value, { params: { text: 'hello', list: [1, 2, 3] } });
      assert.equal(substitutesWithin(template, scope, length), true);
      assert.equal(substitutesWithin(template, scope, length - 1), false);
    });
  }
});
