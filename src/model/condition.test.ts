import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { compileCondition, conditionReferences, evaluateCondition } from './condition.js';

const outputs: readonly unknown[] = [
  {
    yes: true,
    no: false,
    n: 5,
    s: 'go',
    empty: '',
    none: null,
    op: 'a == b',
    quoted: '"go"',
    ne: '!=',
    list: [1],
    'a==b': 1,
  },
  { s: 'go' },
];
const known = ['x', 'y.z'];

function compile(text: string) {
  return compileCondition(text, (id) => (known.includes(id) ? known.indexOf(id) : undefined));
}

function runs(text: string, params: unknown = {}): boolean {
  return evaluateCondition(compile(text), { params, outputs: (index) => outputs[index] });
}

const table: readonly (readonly [condition: string, runs: boolean])[] = [
  ['{{ x.yes }} == True', true],
  ['{{ x.yes }} == true', true],
  ['{{ x.yes }} == False', false],
  ['{{ x.no }} == False', true],
  ['{{ x.yes }} != False', true],
  ['{{ x.yes }} != True', false],
  ['{{ x.yes }}==true', true],
  ['True == true', true],
  ['TRUE == true', false],
  ['{{ x.n }} == 5', true],
  ['{{ x.n }} == 5.0', false],
  ['{{ x.n }} != 6', true],
  ['{{ x.s }} == go', true],
  ["{{ x.s }} == 'go'", true],
  ['"{{ x.s }}" == "go"', true],
  ["'{{ x.s }}' == go", true],
  ['{{ x.s }} == Go', false],
  ['{{ x.s }} == {{ y.z.s }}', true],
  ['{{ x.quoted }} == go', true],
  ['{{ x.empty }} == ""', true],
  ['{{ x.empty }} ==', true],
  ['== {{ x.s }}', false],
  ['{{ x.none }} == null', true],
  ['{{ x.list }} == [1]', true],
  ['{{ x.missing }} == {{ x.missing }}', true],
  ['{{ x.missing }} != go', true],
  // The operator is the condition's own.
  ['{{ x.op }}', true],
  ["{{ x.op }} == 'a == b'", true],
  ["'a == b' == {{ x.op }}", true],
  ["'a == b' != {{ x.op }}", false],
  ['{{ x.ne }} == !=', true],
  ["{{ x['a==b'] }} == 1", true],
  ["'tis == 'tis", true],
  ["'a' == 'b' == 'c'", false],
  // Alone.
  ['true', true],
  ['True', true],
  ['1', true],
  ['yes', true],
  ['YES', true],
  ['false', false],
  ['False', false],
  ['FALSE', false],
  ['0', false],
  ['no', false],
  ['No', false],
  [' no ', false],
  ["'false'", false],
  ['', false],
  ['   ', false],
  ["''", false],
  ['{{ x.yes }}', true],
  ['{{ x.no }}', false],
  ['{{ x.empty }}', false],
  ['{{ x.missing }}', true],
  ['{{ x.none }}', true],
  ['anything', true],
  ['00', true],
  ['{{ params.go }}', true],
  ['{{ params.go }} == True', true],
];

describe('evaluateCondition', () => {
  for (const [text, expected] of table) {
    test(`${JSON.stringify(text)} ${expected ? 'runs' : 'skips'}`, () => {
      assert.equal(runs(text, { go: true }), expected);
    });
  }

  test('a value cannot turn the comparison, whatever it holds', () => {
    fc.assert(
      fc.property(fc.string(), fc.constantFrom('==', '!=', ' == 1 == ', '"', "'"), (text, spice) => {
        const value = `x${text}${spice}${text}x`;
        assert.equal(runs('{{ params.v }} == secret', { v: value }), false);
        assert.equal(runs('secret != {{ params.v }}', { v: value }), true);
        assert.equal(runs('{{ params.v }} == {{ params.v }}', { v: value }), true);
      }),
    );
  });

  test('== and != are opposites', () => {
    const operand = fc.constantFrom(
      'True',
      'true',
      '"a"',
      "'a'",
      'a',
      ' a ',
      '{{ x.n }}',
      '5',
      '',
      '{{ x.missing }}',
    );
    fc.assert(
      fc.property(operand, operand, (left, right) => {
        assert.notEqual(runs(`${left} == ${right}`), runs(`${left} != ${right}`));
        assert.equal(runs(`${left} == ${right}`), runs(`${right} == ${left}`));
      }),
    );
  });
});

test('conditionReferences lists the nodes of both sides', () => {
  assert.deepEqual(conditionReferences(compile('{{ y.z.s }} == {{ x.s }}{{ params.q }}')), [0, 1]);
  assert.deepEqual(conditionReferences(compile('{{ y.z.s }}')), [1]);
  assert.deepEqual(conditionReferences(compile('true')), []);
});
