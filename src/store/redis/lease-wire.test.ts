import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Packr } from 'msgpackr';
import { planOf } from '../../testing/plan-fixtures.js';
import { decodeLeased, leasedTask } from './lease-wire.js';

const ID = '019a0000-0000-7000-8000-000000000000';
const INSTANT = 1_764_028_800_000;

/** As cmsgpack writes it: an instant is a 64-bit integer there. */
function packedLikeLua(row: readonly unknown[]): Buffer {
  return new Packr({ useRecords: false }).pack([row.map((each) => (each === INSTANT ? BigInt(each) : each))]);
}

test('an instant of a leased task is a number, and its payloads are its own', () => {
  const params = Buffer.from('{"a":1}');
  const output = Buffer.from('{"b":2}');
  const lengths = new Packr().pack([params.length, -1, output.length]);
  const packed = packedLikeLua([ID, 1, 3, 1, 0, 0, INSTANT, 'w', '0:default:', '5-0', 0, 3]);
  const [row] = decodeLeased([packed, [lengths, Buffer.concat([params, output])]]);
  const plan = planOf({ nodes: [{ id: 'a' }, { id: 'b', on: ['a'] }] });
  assert.ok(row);
  const task = leasedTask(row, plan);
  assert.equal(task.queuedAt, INSTANT);
  assert.deepEqual(task.params, params);
  assert.deepEqual(task.inputs, [{ node: 0, output }]);
  assert.equal(task.configOverride, undefined);
});

test('a call that leased nothing tells so by nothing', () => {
  assert.deepEqual(decodeLeased([]), []);
});
