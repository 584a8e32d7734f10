import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { isArrayText, splitArray, splitLines } from './batch-body.js';

const texts = (parts: readonly Buffer[] | undefined) => parts?.map(String);

describe('batch body', () => {
  test('splits any array as JSON.parse reads it', () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue()), fc.constantFrom(undefined, 1, '\t'), (values, indent) => {
        const text = Buffer.from(` ${JSON.stringify(values, null, indent)}\n`);
        assert.ok(isArrayText(text));
        const elements = splitArray(text);
        assert.deepEqual(
          texts(elements)?.map((element) => JSON.parse(element)),
          JSON.parse(String(text)),
        );
      }),
    );
  });

  test('of a broken array, at least one element is broken too', () => {
    const mutation = fc.record({
      at: fc.nat(),
      character: fc.constantFrom('"', '\\', '[', ']', '{', '}', ',', ':', '1', ' '),
    });
    fc.assert(
      fc.property(fc.array(fc.jsonValue(), { minLength: 1 }), mutation, (values, { at, character }) => {
        const text = JSON.stringify(values);
        const position = 1 + (at % (text.length - 1));
        const changed = text.slice(0, position) + character + text.slice(position + 1);
        const elements = texts(splitArray(Buffer.from(changed)));
        const isWhole = parses(changed) && Array.isArray(JSON.parse(changed));
        assert.equal(elements?.every(parses) ?? false, isWhole, changed);
      }),
      { numRuns: 1000 },
    );
  });

  test('does not overflow on deep nesting', () => {
    const deep = '['.repeat(500_000);
    assert.equal(splitArray(Buffer.from(deep)), undefined);
    assert.equal(splitArray(Buffer.from(deep + ']'.repeat(500_000)))?.length, 1);
  });

  test('splits lines, without the blank ones and the space around', () => {
    assert.deepEqual(texts(splitLines(Buffer.from('\n {"a":1} \r\n\r\n\t{"b":"\\n"}\n{"c":3}'))), [
      '{"a":1}',
      '{"b":"\\n"}',
      '{"c":3}',
    ]);
    assert.deepEqual(splitLines(Buffer.from(' \n')), []);
    assert.equal(isArrayText(Buffer.from('  {"a":[1]}')), false);
    assert.equal(isArrayText(Buffer.alloc(0)), false);
  });
});

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
