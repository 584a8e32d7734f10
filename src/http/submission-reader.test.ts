import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createSubmissionParser } from '../model/parse-submission.js';
import { createSubmissionReader } from './submission-reader.js';

function countingReader() {
  const parser = createSubmissionParser({
    limits: { maxNodes: 10, maxParamsBytes: 1000 },
    catalog: () => new Map(),
    refusalOfCallback: () => undefined,
  });
  const calls = { count: 0 };
  const reader = createSubmissionReader({
    ...parser,
    parse(body) {
      calls.count += 1;
      return parser.parse(body);
    },
  });
  return { reader, calls };
}

const body = (fields: object) =>
  Buffer.from(JSON.stringify({ name: 'w', dag: { nodes: [{ id: 'a', handler: 'echo' }] }, ...fields }));

describe('submission reader', () => {
  test('parses equal bytes once, and any other bytes anew', () => {
    const { reader, calls } = countingReader();
    const first = reader.read(body({}));
    assert.equal(reader.read(body({})), first);
    assert.equal(calls.count, 1);
    assert.notEqual(reader.read(body({ params: { n: 1 } })), first);
    assert.notEqual(
      reader.read(body({ name: 'é' })).plan.workflowId,
      reader.read(body({ name: 'Ã©' })).plan.workflowId,
    );
    assert.equal(calls.count, 4);
  });

  test('remembers no refusal and no long body', () => {
    const { reader, calls } = countingReader();
    for (let round = 0; round < 2; round += 1) assert.throws(() => reader.read(body({ dag: { nodes: [] } })));
    assert.equal(calls.count, 2);
    const long = body({ ignored: 'x'.repeat(70_000) });
    assert.notEqual(reader.read(long), reader.read(long));
    assert.equal(calls.count, 4);
  });

  test('is not changed by what the caller does with its bytes', () => {
    const { reader } = countingReader();
    const bytes = body({});
    const first = reader.read(bytes);
    bytes.fill(0);
    assert.equal(reader.read(body({})), first);
  });
});
