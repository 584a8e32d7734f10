import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readSource } from './source-places.js';

const TEXT = `{
  "name": "x",
  "dag": {
    "nodes": [
      { "id": "a/b", "config": { "a~b": 1 } },
      { "id": "c" }
    ]
  }
}`;

test('a JSON pointer leads to the line of its property, or of the nearest value around it', () => {
  const { fault, placeOf } = readSource(TEXT);
  assert.equal(fault, undefined);
  assert.deepEqual(placeOf('/name'), { line: 2, column: 3 });
  assert.deepEqual(placeOf('/dag/nodes/0/config/a~0b'), { line: 5, column: 34 });
  assert.deepEqual(placeOf('/dag/nodes/1'), { line: 6, column: 7 });
  assert.deepEqual(placeOf('/dag/nodes/1/handler'), { line: 6, column: 7 });
  assert.deepEqual(placeOf(''), { line: 1, column: 1 });
});

test('what is no JSON is told with its place', () => {
  assert.deepEqual(readSource('{"a": 1,\n "b" 2}').fault, { line: 2, column: 6, message: 'colon expected' });
  assert.ok(readSource('').fault);
  assert.ok(readSource('{} // no').fault);
});
