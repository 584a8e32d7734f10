import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Redactor } from './redactor.js';

const SPECIAL = 'a "quoted" \\ & b/é+c';
const KEY = '-----BEGIN KEY-----\r\nMIIEvQIBADANBgkq\r\nshort\r\nhkiG9w0BAQEFAASC\r\n-----END KEY-----\n';

describe('a Redactor', () => {
  const redactor = new Redactor({ TOKEN: 'sk-12345', SPECIAL, KEY, LONGER: 'sk-12345-678', PIN: '80712' });
  const forms: readonly (readonly [string, string, string])[] = [
    ['a value as it is', 'Bearer sk-12345.', 'Bearer {{ secrets.TOKEN }}.'],
    ['each of several', 'sk-12345,sk-12345', '{{ secrets.TOKEN }},{{ secrets.TOKEN }}'],
    ['the longer of two that begin alike', 'x sk-12345-678', 'x {{ secrets.LONGER }}'],
    ['a value escaped as in JSON', JSON.stringify({ a: SPECIAL }), '{"a":"{{ secrets.SPECIAL }}"}'],
    ['a value encoded for a path', `/p/${encodeURIComponent(SPECIAL)}/q`, '/p/{{ secrets.SPECIAL }}/q'],
    ['a value encoded for a query', `?${new URLSearchParams({ q: SPECIAL })}`, '?q={{ secrets.SPECIAL }}'],
    ['a value without the space around it', `<${KEY.trim()}>`, '<{{ secrets.KEY }}>'],
    ['a long line of a value', 'read hkiG9w0BAQEFAASC', 'read {{ secrets.KEY }}'],
    ['no short line of a value', 'a short story', 'a short story'],
    ['no part of a value', 'sk-1234 and 5', 'sk-1234 and 5'],
    ['nothing in an empty text', '', ''],
  ];
  for (const [what, text, expected] of forms) {
    test(`replaces ${what}`, () => assert.equal(redactor.text(text), expected));
  }

  test('goes through JSON values: keys, lists, numbers, and leaves the rest', () => {
    const value = {
      list: ['sk-12345', 80712, 8071, null, true],
      'x-sk-12345': { deep: SPECIAL },
      ['__proto__']: 'sk-12345',
    };
    assert.deepEqual(JSON.parse(JSON.stringify(redactor.json(value))), {
      list: ['{{ secrets.TOKEN }}', '{{ secrets.PIN }}', 8071, null, true],
      'x-{{ secrets.TOKEN }}': { deep: '{{ secrets.SPECIAL }}' },
      ['__proto__']: '{{ secrets.TOKEN }}',
    });
  });

  test('takes values with $ and patterns as plain text', () => {
    const odd = new Redactor({ A$$: '$&.*(x)' });
    assert.equal(odd.text('is $&.*(x)!'), 'is {{ secrets.A$$ }}!');
  });

  test('without secrets changes nothing, and learns of later ones', () => {
    const late = new Redactor();
    assert.equal(late.text('sk-12345'), 'sk-12345');
    late.add('LATE', 'sk-12345');
    late.add('LATE', 'sk-12345');
    late.add('BLANK', '   ');
    assert.equal(late.text('   sk-12345'), '   {{ secrets.LATE }}');
  });
});
