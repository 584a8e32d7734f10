import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import {
  createExecutionIdSource,
  parseExecutionId,
  parseWorkflowId,
  partitionOf,
  timeOfExecutionId,
  uuidFromBytes,
  uuidToBytes,
  workflowIdFromDigest,
} from './ids.js';

const RFC_9562 = /^[0-9a-f]{8}-[0-9a-f]{4}-([0-9a-f])[0-9a-f]{3}-([0-9a-f])[0-9a-f]{3}-[0-9a-f]{12}$/;

/** The version and the two bits of the variant. */
function shapeOf(id: string): readonly [version: string, variant: number] {
  const match = RFC_9562.exec(id);
  assert.ok(match, `${id} has the shape of a UUID`);
  return [match[1] ?? '', Number.parseInt(match[2] ?? '', 16) >> 2];
}

describe('execution ids', () => {
  test('are of version 7, carry time and partition, and grow, whatever the clock does', () => {
    const ticks = fc.array(fc.integer({ min: -3, max: 5 }), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(ticks, fc.nat(0xffff), fc.nat(0xff), (steps, partition, fill) => {
        let now = 1_700_000_000_000;
        const source = createExecutionIdSource(
          () => now,
          (count) => new Uint8Array(count).fill(fill),
        );
        let last = '';
        for (const step of steps) {
          now += step;
          const id = source.next(partition);
          assert.deepEqual(shapeOf(id), ['7', 0b10]);
          assert.ok(id > last, `${id} follows ${last}`);
          assert.equal(partitionOf(id), partition);
          assert.equal(parseExecutionId(id), id);
          assert.ok(timeOfExecutionId(id) >= now);
          last = id;
        }
      }),
    );
  });

  test('carry the time of the clock, and borrow from the next millisecond after 4096 in one', () => {
    const now = 1_700_000_000_123;
    const source = createExecutionIdSource(
      () => now,
      (count) => new Uint8Array(count),
    );
    const seen = Array.from({ length: 5000 }, () => source.next(0));
    assert.equal(new Set(seen).size, 5000);
    assert.deepEqual([...seen].sort(), seen);
    assert.deepEqual(
      [0, 4095, 4096, 4999].map((index) => timeOfExecutionId(seen[index] ?? source.next(0))),
      [now, now, now + 1, now + 1],
    );
  });
});

test('workflow ids are of version 8 and keep the rest of the digest', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (digest) => {
      const id = workflowIdFromDigest(digest);
      assert.deepEqual(shapeOf(id), ['8', 0b10]);
      const bytes = uuidToBytes(id);
      assert.deepEqual([...bytes.subarray(0, 6)], [...digest.subarray(0, 6)]);
      assert.deepEqual([...bytes.subarray(9)], [...digest.subarray(9, 16)]);
      assert.equal((bytes[6] ?? 0) & 0x0f, (digest[6] ?? 0) & 0x0f);
      assert.equal((bytes[8] ?? 0) & 0x3f, (digest[8] ?? 0) & 0x3f);
    }),
  );
});

test('bytes and text of a UUID belong together, also as a view into other bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 20, maxLength: 20 }), fc.nat(4), (bytes, at) => {
      const view = bytes.subarray(at, at + 16);
      assert.deepEqual([...uuidToBytes(uuidFromBytes(view))], [...view]);
    }),
  );
});

test('ids are read in any case, and nothing else is read as one', () => {
  const id = '018f5c3e-0000-7000-8000-0123456789ab';
  for (const parse of [parseExecutionId, parseWorkflowId]) {
    assert.equal(parse(id), id);
    assert.equal(parse(id.toUpperCase()), id);
    for (const text of [
      '',
      'x',
      id.slice(1),
      `${id}0`,
      ` ${id}`,
      `${id}\n`,
      id.replaceAll('-', ''),
      id.replace('0', 'g'),
    ]) {
      assert.equal(parse(text), undefined, JSON.stringify(text));
    }
  }
});
