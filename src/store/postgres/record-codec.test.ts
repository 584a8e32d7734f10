import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { ExecutionSnapshot, NodeSnapshot } from '../../model/snapshot.js';
import { NODE_STATES } from '../../model/states.js';
import { faultOf } from '../../testing/machine-fixture.js';
import { eventOf, idAt } from '../../testing/recorded-life.js';
import { decodeRecord, encodeRecord } from './record-codec.js';

const instants = fc.integer({ min: -5, max: 2 ** 48 });
const bytes = fc.uint8Array({ maxLength: 20 }).map((each) => Buffer.from(each));
const error = fc.string().map(faultOf);
const failure = fc.record(
  {
    attempt: fc.nat(),
    host: fc.string(),
    startedAt: instants,
    finishedAt: instants,
    error,
  },
  { noNullPrototype: true },
);

const nodes: fc.Arbitrary<NodeSnapshot> = fc.record(
  {
    state: fc.constantFrom(...NODE_STATES),
    fence: fc.nat(),
    attempt: fc.nat(),
    deliveries: fc.nat(),
    sleeping: fc.constant(true),
    alone: fc.constant(true),
    host: fc.constantFrom('host-a', 'host-b', ''),
    queuedAt: instants,
    firstQueuedAt: instants,
    startedAt: instants,
    finishedAt: instants,
    dueAt: instants,
    error,
    output: bytes,
    failures: fc.array(failure, { maxLength: 3 }),
    configOverride: bytes,
  },
  { requiredKeys: ['state', 'fence', 'attempt', 'deliveries'], noNullPrototype: true },
);

/** As the driver answers the columns beside the record. */
function rowOf(snapshot: ExecutionSnapshot, state: number) {
  const { executionId, workflowId, name, createdAt, startedAt, finishedAt, revision } = snapshot;
  return {
    ...{ execution_id: executionId, workflow_id: workflowId, name, state, created_at: String(createdAt) },
    started_at: startedAt === undefined ? null : String(startedAt),
    finished_at: finishedAt === undefined ? null : String(finishedAt),
    ...{ error: null, revision: String(revision), record: encodeRecord(snapshot) },
  };
}

describe('the form of a record', () => {
  test('holds every field of every node, and what is not there stays away', () => {
    fc.assert(
      fc.property(
        fc.array(nodes),
        fc.option(instants, { nil: undefined }),
        bytes,
        (drawn, deadlineAt, params) => {
          const { snapshot } = eventOf({ executionId: idAt(1_700_000_000_000) }, 'running', 2);
          const whole = {
            ...snapshot,
            params,
            nodes: drawn,
            ...(deadlineAt !== undefined && { deadlineAt }),
          };
          assert.deepEqual(decodeRecord(rowOf(whole, 1)), whole);
        },
      ),
    );
  });

  test('one of a later version is refused, not misread', () => {
    const { snapshot } = eventOf({ executionId: idAt(1) }, 'running', 2);
    const row = rowOf(snapshot, 1);
    row.record[0] = 2;
    assert.throws(() => decodeRecord(row), /format 2 cannot be read/);
  });
});
