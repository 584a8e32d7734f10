import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { headCandidates, type Piece, scanPlaceholders } from './placeholder.js';

const names = (piece: Piece | undefined) =>
  typeof piece === 'object' ? piece.path.map(({ name }) => name) : piece;

describe('scanPlaceholders', () => {
  const whole: readonly (readonly [text: string, ...path: string[]])[] = [
    ['{{a}}', 'a'],
    ['{{ a }}', 'a'],
    ['{{\n a.b\t}}', 'a', 'b'],
    ['{{ fetch.data.items[0].id }}', 'fetch', 'data', 'items', '0', 'id'],
    ["{{ ['a.b'].c }}", 'a.b', 'c'],
    ['{{ ["a b"]["it\'s"][12] }}', 'a b', "it's", '12'],
    ['{{ a-b_c.ключ.0 }}', 'a-b_c', 'ключ', '0'],
    ['{{ a.__proto__ }}', 'a', '__proto__'],
  ];
  for (const [text, ...path] of whole) {
    test(`reads ${JSON.stringify(text)}`, () => {
      assert.deepEqual(scanPlaceholders(text).map(names), [path]);
    });
  }

  const plain = [
    '',
    'a',
    '{ a }',
    '{{ }}',
    '{{}}',
    '{{ a',
    '{{ a }',
    '{{ a. }}',
    '{{ .a }}',
    '{{ a..b }}',
    '{{ a b }}',
    '{{ a[ }}',
    '{{ a[-1] }}',
    '{{ a[01] }}',
    '{{ a[x] }}',
    "{{ a[''] }}",
    "{{ a['b] }}",
    "{{ a['{'] }}",
    '{{ [0].a }}',
    '{{ a | upper }}',
    '{% a %}',
  ];
  for (const text of plain) {
    test(`leaves ${JSON.stringify(text)} as text`, () => {
      assert.deepEqual(scanPlaceholders(text), text === '' ? [] : [text]);
    });
  }

  test('finds a placeholder among braces and broken attempts', () => {
    assert.deepEqual(scanPlaceholders('{{{ a }}}{{ {{b.c}}{{d}}').map(names), [
      '{',
      ['a'],
      '}{{ ',
      ['b', 'c'],
      ['d'],
    ]);
  });

  test('loses no character, whatever the text', () => {
    const token = fc.constantFrom(
      '{',
      '}',
      '{{',
      '}}',
      '{{ a.b }}',
      '[',
      ']',
      "'",
      '"',
      '.',
      ' ',
      'a',
      '0',
      '\u0000',
      '\ud800',
    );
    fc.assert(
      fc.property(fc.array(token, { maxLength: 40 }), (tokens) => {
        const text = tokens.join('');
        const pieces = scanPlaceholders(text);
        assert.equal(pieces.map((piece) => (typeof piece === 'string' ? piece : piece.raw)).join(''), text);
        for (const piece of pieces)
          if (typeof piece === 'object') assert.deepEqual(scanPlaceholders(piece.raw), [piece]);
      }),
      { numRuns: 2000 },
    );
  });

  test('reads back any path that is written in brackets', () => {
    const name = fc.string({ minLength: 1 }).filter((text) => !/['"{}]/.test(text));
    fc.assert(
      fc.property(fc.array(name, { minLength: 1, maxLength: 6 }), (path) => {
        const text = `{{ ${path.map((step) => `['${step}']`).join('')} }}`;
        assert.deepEqual(scanPlaceholders(text).map(names), [path]);
      }),
    );
  });

  test('the work on hostile text grows with its length only', () => {
    const lengths = ["{{a['", '{{a["b', '{{ a.', '{', '{{a[0]', '{{  '].map((unit) => {
      const text = unit.repeat(200_000);
      return (
        scanPlaceholders(text).reduce(
          (sum, piece) => sum + (typeof piece === 'string' ? piece : piece.raw).length,
          0,
        ) - text.length
      );
    });
    assert.deepEqual(lengths, [0, 0, 0, 0, 0, 0]);
  });
});

describe('headCandidates', () => {
  const candidates = (text: string) => {
    const [piece] = scanPlaceholders(text);
    assert.ok(typeof piece === 'object');
    return headCandidates(piece.path);
  };

  test('are the dotted beginnings, longest first', () => {
    assert.deepEqual(candidates('{{ a.b.c }}'), ['a.b.c', 'a.b', 'a']);
  });

  test('end where brackets begin', () => {
    assert.deepEqual(candidates('{{ a.b[0].c }}'), ['a.b', 'a']);
    assert.deepEqual(candidates("{{ ['a.b'].c }}"), ['a.b']);
  });

  test('are no longer than an id may be', () => {
    const long = candidates(`{{ ${Array(5000).fill('a').join('.')} }}`);
    assert.equal(long.length, 64);
    assert.equal(long[0]?.length, 127);
  });
});
