import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseInstant } from './instant.js';

test('an instant is read in UTC unless it names an offset', () => {
  assert.equal(parseInstant('2026-02-28'), Date.UTC(2026, 1, 28));
  assert.equal(parseInstant('2028-02-29T12:30Z'), Date.UTC(2028, 1, 29, 12, 30));
  assert.equal(parseInstant('2026-01-01T00:00:00.5+0100'), Date.UTC(2025, 11, 31, 23, 0, 0, 500));
  assert.equal(parseInstant('2026-01-01T00:00 01:00'), Date.UTC(2025, 11, 31, 23), 'a plus sign as a space');
});

for (const text of [
  '2026-02-30',
  '2026-02-29T00:00Z',
  '2026-04-31',
  '2026-13-01',
  '2026-00-10',
  '2026-01-01T25:00',
  'soon',
  '',
]) {
  test(`'${text}' is no instant`, () => assert.equal(parseInstant(text), undefined));
}
