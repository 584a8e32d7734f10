import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ApiFault } from '../src/api/fault.js';
import { refusalProblems, syntaxProblems } from '../src/submit/problem-lines.js';

const TEXT = `{
  "name": "n",
  "dag": {
    "nodes": [
      { "id": "a", "handler": "echo" },
      {
        "id": "b",
        "config": { "1": { "a/b~c": 2 } }
      }
    ]
  }
}`;

function linesOf(...paths: string[]): number[] {
  const errors = paths.map((path) => ({ path, message: 'is wrong' }));
  return refusalProblems(TEXT, new ApiFault(422, 'VALIDATION_ERROR', 'wrong', { errors })).map(
    ({ line }) => line,
  );
}

describe('where a submission is wrong', () => {
  test('is the line of the value that the pointer names', () => {
    assert.deepEqual(linesOf('/name', '/dag/nodes/0/handler', '/dag/nodes/1/id'), [2, 5, 7]);
    assert.deepEqual(linesOf('/dag/nodes/1/config/1/a~1b~0c'), [8]);
  });

  test('is that of the nearest value where the pointer names none', () => {
    assert.deepEqual(linesOf('/dag/nodes/1/handler', '/timeout_seconds', '', '/dag/nodes/9'), [6, 1, 1, 4]);
  });

  test('is each node of a cycle, or the place at which the reader stopped', () => {
    const cycle = new ApiFault(400, 'CYCLIC_DEPENDENCY', 'in a circle', { cycle_nodes: ['b', 'a', 'gone'] });
    assert.deepEqual(
      refusalProblems(TEXT, cycle).map(({ line }) => line),
      [7, 5, 4],
    );
    const unread = new ApiFault(400, 'MALFORMED_JSON', 'no', { position: TEXT.indexOf('"dag"') });
    assert.deepEqual(
      refusalProblems(TEXT, unread).map(({ line }) => line),
      [3],
    );
    const other = new ApiFault(413, 'PAYLOAD_TOO_LARGE', 'too much');
    assert.deepEqual(
      refusalProblems('[', other).map(({ message }) => message),
      ['too much'],
    );
  });

  test('is found before it is sent where it is no JSON', () => {
    assert.deepEqual(syntaxProblems(TEXT), []);
    const [first] = syntaxProblems(TEXT.replace('"echo" },', '"echo" '));
    assert.deepEqual([first?.line, first?.message], [6, 'Comma expected']);
    assert.ok(syntaxProblems('{"a": 1,}').length > 0);
    assert.ok(syntaxProblems('// no\n{}').length > 0);
    assert.ok(syntaxProblems('').length > 0);
  });
});
