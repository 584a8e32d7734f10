import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { LeaseRequest, SubmitCommand, SubmitOutcome } from '../model/commands.js';
import { MillraceError } from '../model/errors.js';
import { type ExecutionId, partitionOf } from '../model/ids.js';
import type { StoreReply } from '../store/state-store.js';
import { recordingTelemetry } from '../testing/engine-doubles.js';
import { HOST, NO_PARAMS } from '../testing/machine-fixture.js';
import { chainOf } from '../testing/plan-fixtures.js';
import { SimulatedClock } from '../testing/simulated-clock.js';
import { Submitter } from './submitter.js';

const PLAN = chainOf(2);
const SUBMISSION = { plan: PLAN, params: NO_PARAMS, trigger: false };
const REQUEST: LeaseRequest = { owner: HOST, leaseMs: 1000, lanes: undefined, total: 5, quarantined: 1 };
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

function createSubmitter(options: {
  readonly backlog?: number;
  readonly maxBacklog?: number;
  readonly outcomeOf?: (command: SubmitCommand) => SubmitOutcome;
  readonly fault?: Error;
}) {
  const batches: (readonly SubmitCommand[])[] = [];
  const taken: boolean[] = [];
  const { telemetry, told } = recordingTelemetry();
  const answer = <T>(outcomes: readonly T[]): StoreReply<T> => ({
    outcomes,
    tasks: [],
    durable: Promise.resolve(),
  });
  const store = {
    backlog: options.backlog ?? 0,
    async submit(commands: readonly SubmitCommand[], request?: LeaseRequest) {
      assert.equal(request, REQUEST);
      batches.push(commands);
      if (options.fault) throw options.fault;
      store.backlog += commands.length;
      return answer(commands.map(options.outcomeOf ?? (() => ({ kind: 'accepted' }) as const)));
    },
    start: async () => answer(['started' as const]),
  };
  const submitter = new Submitter({
    store,
    dispatcher: { request: () => REQUEST, take: (_request, reply) => void taken.push(reply !== undefined) },
    clock: new SimulatedClock(),
    telemetry,
    partitions: 4,
    maxBacklog: options.maxBacklog ?? 100,
    idempotencyTtlMs: 5000,
  });
  return { submitter, store, batches, taken, told };
}

const codeOf = (error: unknown) => (error instanceof MillraceError ? error.code : 'none');

describe('submissions', () => {
  test('of one turn are one call, in one partition', async () => {
    const { submitter, batches, told } = createSubmitter({});
    const submitted = await Promise.all([submitter.submit(SUBMISSION), submitter.submit(SUBMISSION)]);
    await submitter.submit(SUBMISSION);
    assert.deepEqual(
      batches.map((batch) => batch.length),
      [2, 1],
    );
    const ids = submitted.map((each) => each.executionId);
    assert.deepEqual(
      ids,
      batches[0]?.map((command) => command.executionId),
    );
    assert.equal(new Set(ids).size, 2);
    assert.equal(partitionOf(ids[0] as ExecutionId), partitionOf(ids[1] as ExecutionId));
    await turn();
    assert.deepEqual(told, ['submitted 2', 'submitted 1']);
  });

  test('past the backlog are refused, those of one turn counted together', async () => {
    const { submitter, store } = createSubmitter({ backlog: 8, maxBacklog: 10 });
    const outcomes = await Promise.all(
      Array.from({ length: 4 }, () => submitter.submit(SUBMISSION).then(() => 'accepted', codeOf)),
    );
    assert.deepEqual(outcomes, ['accepted', 'accepted', 'OVERLOADED', 'OVERLOADED']);
    store.backlog = 9;
    await submitter.submit(SUBMISSION);
    await assert.rejects(submitter.submit(SUBMISSION), (error) => codeOf(error) === 'OVERLOADED');
  });

  test('that the store refuses leave their room to others, and their lease is given up', async () => {
    const { submitter, taken } = createSubmitter({ maxBacklog: 1, fault: new Error('away') });
    for (let attempt = 0; attempt < 3; attempt++) await assert.rejects(submitter.submit(SUBMISSION), /away/);
    assert.deepEqual(taken, [false, false, false]);
  });

  test('with a key that is known get the first answer, or a refusal', async () => {
    const first = { executionId: 'first', workflowId: 'known' } as unknown as Extract<
      SubmitOutcome,
      { kind: 'duplicate' }
    >;
    const duplicate = createSubmitter({ outcomeOf: () => ({ ...first, kind: 'duplicate' }) });
    const { executionId, workflowId } = await duplicate.submitter.submit(SUBMISSION);
    assert.deepEqual([executionId, workflowId], ['first', 'known']);
    await turn();
    assert.deepEqual(duplicate.told, ['submitted 0']);
    const reused = createSubmitter({ outcomeOf: () => ({ kind: 'key_reused' }) });
    await assert.rejects(reused.submitter.submit(SUBMISSION), (error) => {
      return codeOf(error) === 'IDEMPOTENCY_KEY_REUSED';
    });
  });

  test('keep the keys of different clients apart', async () => {
    const { submitter, batches } = createSubmitter({});
    for (const [client, key] of [
      ['a', 'b"c'],
      ['a"b', 'c'],
    ] as const) {
      await submitter.submit({ ...SUBMISSION, idempotency: { client, key, bodyHash: 'hash' } });
    }
    const claims = batches.flat().map((command) => command.idempotency);
    assert.equal(new Set(claims.map((claim) => claim?.key)).size, 2);
    assert.ok(claims.every((claim) => claim?.ttlMs === 5000 && claim.bodyHash === 'hash'));
  });
});
