import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { ERROR_CATEGORIES, MillraceError, type NodeError } from '../../model/errors.js';
import { recordFromSnapshot, snapshotExecution } from '../../model/execution-record.js';
import type { ExecutionId, WorkflowId } from '../../model/ids.js';
import type { DeadLetter, ExecutionSnapshot, NodeSnapshot } from '../../model/snapshot.js';
import { EXECUTION_STATES, NODE_STATES } from '../../model/states.js';
import { rowOf } from '../../testing/plan-fixtures.js';
import { crc32, crc32InScript } from './checksum.js';
import {
  decodeDeadLetter,
  decodeHead,
  decodeIdempotency,
  decodeNodeChanges,
  decodeRecord,
  decodeSummary,
  decodeText,
  encodeDeadLetter,
  encodeHead,
  encodeIdempotency,
  encodeNodeChanges,
  encodeRecord,
  encodeSummary,
  encodeText,
} from './row-codec.js';

const NODES = 4;
const plan = rowOf(NODES, { name: 'rows' });

const text = fc.string({ unit: 'binary', maxLength: 20 });
const instant = fc.integer({ min: 0, max: 2 ** 48 });
const count = fc.nat(100_000);
const payload = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes));
const executionId = fc.uuid() as fc.Arbitrary<string> as fc.Arbitrary<ExecutionId>;
const workflowId = fc.uuid() as fc.Arbitrary<string> as fc.Arbitrary<WorkflowId>;

/** Some of the keys, all others absent, as `exactOptionalPropertyTypes` has it. */
function shape<T, K extends keyof T>(model: { [P in keyof T]: fc.Arbitrary<T[P]> }, requiredKeys: K[]) {
  return fc.record(model, { requiredKeys, noNullPrototype: true }) as fc.Arbitrary<Pick<T, K> & Partial<T>>;
}

const error = shape(
  { code: text, message: text, category: fc.constantFrom(...ERROR_CATEGORIES), tracebackHash: text },
  ['code', 'message', 'category'],
) as fc.Arbitrary<NodeError>;

const failure = fc.record(
  { attempt: count, host: text, startedAt: instant, finishedAt: instant, error },
  { noNullPrototype: true },
);

const node = shape(
  {
    state: fc.constantFrom(...NODE_STATES),
    fence: count,
    attempt: count,
    deliveries: count,
    sleeping: fc.constant(true),
    alone: fc.constant(true),
    host: text,
    queuedAt: instant,
    firstQueuedAt: instant,
    startedAt: instant,
    finishedAt: instant,
    dueAt: instant,
    error,
    output: payload,
    failures: fc.array(failure, { maxLength: 3 }),
    configOverride: payload,
  },
  ['state', 'fence', 'attempt', 'deliveries'],
) as fc.Arbitrary<NodeSnapshot>;

const execution = shape(
  {
    executionId,
    workflowId: fc.constant(plan.workflowId),
    name: fc.constant(plan.name),
    state: fc.constantFrom(...EXECUTION_STATES),
    revision: count,
    createdAt: instant,
    startedAt: instant,
    finishedAt: instant,
    deadlineAt: instant,
    error,
    params: payload,
    nodes: fc.array(node, { minLength: NODES, maxLength: NODES }),
  },
  ['executionId', 'workflowId', 'name', 'state', 'revision', 'createdAt', 'params', 'nodes'],
) as fc.Arbitrary<ExecutionSnapshot>;

const letter = fc.record(
  {
    id: text,
    executionId,
    workflowId,
    node: count,
    nodeId: text,
    handler: text,
    error,
    attempts: count,
    queuedAt: instant,
    failedAt: instant,
    config: text,
  },
  {
    noNullPrototype: true,
    requiredKeys: [
      ...(['id', 'executionId', 'workflowId', 'node', 'nodeId', 'handler', 'error'] as const),
      ...(['attempts', 'queuedAt', 'failedAt'] as const),
    ],
  },
) as fc.Arbitrary<DeadLetter>;

describe('a row is read back as it was written', () => {
  test('records', () =>
    fc.assert(
      fc.property(execution, (snapshot) => {
        const row = encodeRecord(recordFromSnapshot(snapshot, plan));
        assert.deepEqual(decodeRecord(snapshot.executionId, row), snapshot);
      }),
    ));

  test('heads and changes of nodes, any of them', () =>
    fc.assert(
      fc.property(execution, fc.uniqueArray(fc.nat(NODES - 1)), (snapshot, indices) => {
        const record = recordFromSnapshot(snapshot, plan);
        const { nodes, ...head } = snapshot;
        assert.deepEqual(decodeHead(snapshot.executionId, encodeHead(record)), head);
        const changes: [number, NodeSnapshot][] = [];
        decodeNodeChanges(encodeNodeChanges(record, indices), (index, each) => changes.push([index, each]));
        assert.deepEqual(
          changes,
          indices.map((index) => [index, nodes[index]]),
        );
      }),
    ));

  test('what the machine makes of a record is what was recorded', () =>
    fc.assert(
      fc.property(execution, (snapshot) => {
        assert.deepEqual(snapshotExecution(recordFromSnapshot(snapshot, plan)), snapshot);
      }),
    ));

  test('summaries', () =>
    fc.assert(
      fc.property(
        execution,
        ({ params: _params, nodes: _nodes, revision: _revision, deadlineAt: _deadlineAt, ...summary }) => {
          assert.deepEqual(decodeSummary(summary.executionId, encodeSummary(summary)), summary);
        },
      ),
    ));

  test('dead letters, first answers and texts', () =>
    fc.assert(
      fc.property(letter, workflowId, text, instant, (dead, id, words, expiresAt) => {
        assert.deepEqual(decodeDeadLetter(dead.id, encodeDeadLetter(dead)), dead);
        const answer = { executionId: dead.executionId, workflowId: id, bodyHash: words, expiresAt };
        assert.deepEqual(decodeIdempotency(encodeIdempotency(answer)), answer);
        assert.equal(decodeText(encodeText(words)), words);
      }),
    ));
});

test('a row with any byte changed, or cut short, is refused', () =>
  fc.assert(
    fc.property(text, fc.nat(), fc.integer({ min: 1, max: 255 }), (words, place, flip) => {
      const row = encodeText(words);
      const damaged = Buffer.from(row);
      damaged.writeUInt8(damaged.readUInt8(place % row.length) ^ flip, place % row.length);
      const isDamaged = (fault: unknown) => fault instanceof MillraceError && fault.code === 'STORE_DAMAGED';
      assert.throws(() => decodeText(damaged), isDamaged);
      assert.throws(() => decodeText(row.subarray(0, place % row.length)), isDamaged);
    }),
  ));

test('the checksum is that of RFC 1952, whichever code counts it', () => {
  assert.equal(crc32InScript(Buffer.from('123456789')), 0xcbf43926);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      assert.equal(crc32(bytes), crc32InScript(bytes));
    }),
  );
});
