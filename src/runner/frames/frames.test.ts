import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { ERROR_CATEGORIES } from '../../model/errors.js';
import { CALL_ENDS } from './circuit-protocol.js';
import { ResultFrameWriter, readResultFrame, type ThreadOutcome } from './result-frame.js';
import {
  ABORT_REASONS,
  type ProgramSource,
  readTaskFrame,
  TaskFrameWriter,
  type TaskOrder,
} from './task-frame.js';

const bytes = fc.uint8Array({ maxLength: 300 });
const int = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const index = fc.nat();
const text = fc.string({ unit: 'grapheme' });

const plain = { noNullPrototype: true } as const;

const order: fc.Arbitrary<TaskOrder> = fc.record(
  {
    slot: index,
    ticket: int,
    programId: index,
    attempt: fc.integer({ min: 1 }),
    executionId: fc.uuid(),
    idempotencyKey: text,
    params: bytes,
    inputs: fc.array(fc.record({ node: index, output: bytes }, plain), { maxLength: 5 }),
    configOverride: fc.option(bytes, { nil: undefined }),
  },
  plain,
);

const source: fc.Arbitrary<ProgramSource> = fc.record(
  {
    handler: text,
    nodeId: text,
    workflowName: text,
    config: fc.jsonValue().map((value) => JSON.parse(JSON.stringify(value)) as unknown),
    condition: fc.option(text),
    inputs: fc.array(fc.tuple(index, text), { maxLength: 4 }),
    dependencies: fc.array(index, { maxLength: 4 }),
  },
  plain,
);

const outcome: fc.Arbitrary<ThreadOutcome> = fc.oneof(
  fc.constant<ThreadOutcome>({ kind: 'skipped' }),
  fc.constant<ThreadOutcome>({ kind: 'completed' }),
  fc
    .tuple(text, fc.nat())
    .map(([circuit, retryInMs]): ThreadOutcome => ({ kind: 'refused', circuit, retryInMs })),
  bytes.map((output): ThreadOutcome => ({ kind: 'completed', output })),
  fc.nat().map((delayMs): ThreadOutcome => ({ kind: 'sleep', delayMs })),
  fc.tuple(fc.nat(), bytes).map(([delayMs, output]): ThreadOutcome => ({ kind: 'sleep', delayMs, output })),
  fc
    .record(
      {
        code: text,
        message: text,
        category: fc.constantFrom(...ERROR_CATEGORIES),
        retryable: fc.boolean(),
        tracebackHash: fc.string({ minLength: 1 }),
        retryAfterMs: fc.nat(),
      },
      { requiredKeys: ['code', 'message', 'category', 'retryable'] },
    )
    .map((fault): ThreadOutcome => ({ kind: 'failed', fault: { ...fault } })),
);

/** As structured clone hands it on: plain bytes, not a Buffer. */
function received(frame: Buffer): Uint8Array {
  return new Uint8Array(frame.buffer, frame.byteOffset, frame.byteLength);
}

describe('frames', () => {
  test('of tasks come out as they went in', () => {
    const content = fc.record(
      {
        tasks: fc.array(order, { maxLength: 20 }),
        programs: fc.array(fc.record({ id: index, source }, plain), { maxLength: 5 }),
        aborts: fc.array(
          fc.record({ slot: index, ticket: int, reason: fc.constantFrom(...ABORT_REASONS) }, plain),
          {
            maxLength: 5,
          },
        ),
        forgottenPrograms: fc.array(index, { maxLength: 5 }),
        ping: fc.nat(),
      },
      plain,
    );
    fc.assert(
      fc.property(content, (frame) => {
        const writer = new TaskFrameWriter();
        for (const { id, source: program } of frame.programs)
          writer.addProgram(id, Buffer.from(JSON.stringify(program)));
        for (const task of frame.tasks) writer.addTask(task);
        for (const { slot, ticket, reason } of frame.aborts) writer.addAbort(slot, ticket, reason);
        for (const id of frame.forgottenPrograms) writer.forgetProgram(id);
        writer.askForAnswer(frame.ping);
        assert.deepEqual(readTaskFrame(received(writer.take())), frame);
        assert.ok(writer.isEmpty && writer.taskCount === 0);
      }),
    );
  });

  test('of results come out as they went in', () => {
    const call = fc.record(
      { circuit: fc.string(), end: fc.constantFrom(...CALL_ENDS), trial: fc.nat() },
      plain,
    );
    const result = fc.record(
      { slot: index, ticket: int, runMs: fc.double({ noNaN: true, min: 0 }), outcome },
      plain,
    );
    fc.assert(
      fc.property(fc.array(result, { maxLength: 20 }), fc.nat(), fc.array(call), (results, pong, calls) => {
        const writer = new ResultFrameWriter();
        for (const each of results) writer.add(each);
        writer.answer(pong);
        for (const each of calls) writer.addCall(each);
        assert.deepEqual(readResultFrame(received(writer.take())), { results, pong, calls });
        assert.ok(writer.isEmpty);
      }),
    );
  });
});
