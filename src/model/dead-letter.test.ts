import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MachineFixture } from '../testing/machine-fixture.js';
import { rowOf } from '../testing/plan-fixtures.js';
import {
  DEAD_LETTER_KEY_BYTES,
  deadLetterId,
  deadLettersOf,
  encodeDeadLetterKey,
  parseDeadLetterId,
} from './dead-letter.js';
import type { ExecutionId } from './ids.js';

const key = fc.record({
  failedAt: fc.nat(2 ** 47),
  executionId: fc.uuid() as fc.Arbitrary<string> as fc.Arbitrary<ExecutionId>,
  node: fc.nat(2 ** 31 - 1),
});

test('an id is read back to what it was made from', () => {
  fc.assert(
    fc.property(key, (made) => {
      assert.deepEqual(parseDeadLetterId(deadLetterId(made)), { ...made });
    }),
  );
});

test('keys sort by the time of failure', () => {
  fc.assert(
    fc.property(key, key, (one, other) => {
      fc.pre(one.failedAt < other.failedAt);
      assert.ok(Buffer.compare(encodeDeadLetterKey(one), encodeDeadLetterKey(other)) < 0);
    }),
  );
});

test('no other text is an id', () => {
  const valid = Buffer.alloc(DEAD_LETTER_KEY_BYTES, 7).toString('base64url');
  assert.ok(parseDeadLetterId(valid));
  const others = [
    '',
    'x',
    valid.slice(1),
    `${valid}A`,
    `${valid.slice(0, -1)}!`,
    `${valid}=`,
    `${valid.slice(0, -1)}~`,
  ];
  for (const text of others) assert.equal(parseDeadLetterId(text), undefined, text);
  fc.assert(
    fc.property(fc.string(), (text) => {
      fc.pre(Buffer.from(text, 'base64url').length !== DEAD_LETTER_KEY_BYTES);
      assert.equal(parseDeadLetterId(text), undefined);
    }),
  );
});

test('the dead letters of an execution are its dead nodes, and there are none before it has failed', () => {
  const fixture = new MachineFixture();
  const plan = rowOf(3, { timeoutMs: 100 });
  const id = fixture.submit(plan);
  const [one, two] = fixture.lease({ total: 2 });
  assert.ok(one && two);
  fixture.finish(one);
  assert.deepEqual(deadLettersOf(fixture.read(id), plan), []);
  fixture.pass(100);
  const letters = deadLettersOf(fixture.read(id), plan);
  assert.deepEqual(
    letters.map(({ node, nodeId, handler, attempts, failedAt, workflowId }) => [
      node,
      nodeId,
      handler,
      attempts,
      failedAt,
      workflowId,
    ]),
    [
      [1, 'n1', 'work', 1, fixture.now, plan.workflowId],
      [2, 'n2', 'work', 1, fixture.now, plan.workflowId],
    ],
  );
  for (const letter of letters) {
    assert.deepEqual(parseDeadLetterId(letter.id), {
      failedAt: fixture.now,
      executionId: id,
      node: letter.node,
    });
  }
});

test('a dead letter tells when its node first became ready, over all its attempts', () => {
  const fixture = new MachineFixture();
  const plan = rowOf(1);
  const id = fixture.submit(plan);
  const readyAt = fixture.now;
  const error = { code: 'E', message: 'e', category: 'handler' } as const;
  fixture.now += 50;
  fixture.finish(fixture.leaseOne(), { kind: 'retry', delayMs: 100, error, countsAttempt: true });
  fixture.pass(100);
  fixture.fail(fixture.leaseOne());
  assert.deepEqual(
    deadLettersOf(fixture.read(id), plan).map(({ queuedAt, attempts }) => [queuedAt, attempts]),
    [[readyAt, 2]],
  );
});
