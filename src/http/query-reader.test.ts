import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { decodeCursor, encodeCursor } from './cursor.js';
import { parseInstant } from './instant.js';
import { QueryReader } from './query-reader.js';

describe('query', () => {
  test('reads times, in UTC where they name no offset', () => {
    const nine = Date.UTC(2026, 0, 31, 9, 30);
    for (const text of [
      '2026-01-31T09:30',
      '2026-01-31T09:30:00.000Z',
      '2026-01-31t09:30:00z',
      '2026-01-31 09:30:00',
      '2026-01-31T10:30:00+01:00',
      '2026-01-31T10:30:00 01:00',
      '2026-01-31T04:30-0500',
    ]) {
      assert.equal(parseInstant(text), nine, text);
    }
    assert.equal(parseInstant('2026-01-31'), Date.UTC(2026, 0, 31));
    assert.equal(parseInstant('2028-02-29'), Date.UTC(2028, 1, 29));
    for (const text of [
      '',
      '2026',
      '31.01.2026',
      '2026-01-31T',
      '2026-01-31T25:00',
      '2026-00-10',
      '2026-02-29',
      '2026-04-31T00:00Z',
      '1769851800',
    ]) {
      assert.equal(parseInstant(text), undefined, text);
    }
  });

  test('takes an empty parameter for an absent one, the first of two, and ignores others', () => {
    const query = new QueryReader('a=&b=1&b=2&c=x%20y&z=9');
    assert.equal(query.text({ name: 'a' }), undefined);
    assert.equal(query.number({ name: 'b', schema: { type: 'integer', minimum: 0, maximum: 9 } }), 1);
    assert.equal(query.text({ name: 'c' }), 'x y');
    query.finish();
  });
});

describe('cursor', () => {
  const filters = { state: 'failed', name: undefined, createdAfter: 7 };

  test('brings back the id it was made of, for the same list and filters only', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[\x21-\x7e]{1,60}$/), (id) => {
        const cursor = encodeCursor('list', filters, id);
        assert.match(cursor, /^[\w-]+$/);
        assert.deepEqual(decodeCursor('list', { createdAfter: 7, state: 'failed' }, cursor), { lastId: id });
        assert.ok('problem' in decodeCursor('other', filters, cursor));
        assert.ok('problem' in decodeCursor('list', { ...filters, createdAfter: 8 }, cursor));
      }),
    );
  });

  test('takes no text that it did not make', () => {
    fc.assert(fc.property(fc.string(), (text) => 'problem' in decodeCursor('list', filters, text)));
    fc.assert(fc.property(fc.base64String(), (text) => 'problem' in decodeCursor('list', filters, text)));
  });
});
