import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { compileProgram } from '../../workers/program.js';
import { readTaskFrame, TaskFrameWriter } from './frames/task-frame.js';
import { PlanNumbers, ProgramBook } from './program-book.js';
import { outputOf, planOf, startRunner } from './testing/runner-fixture.js';

const WIDE = planOf(
  ...Array.from({ length: 30 }, (_, n) => ({ id: `n${n}`, handler: 'echo', config: { n } })),
);
const LARGE_LIMIT = 1 << 20;

describe('the programs of a thread', () => {
  test('are sent once, and only those of the nodes that run', () => {
    const book = new ProgramBook(new PlanNumbers(), { maxPrograms: 100, maxBytes: LARGE_LIMIT });
    const writer = new TaskFrameWriter();
    const ids = [3, 3, 7, 3].map((node) => book.idFor(WIDE, node, writer));
    const { programs } = readTaskFrame(writer.take());
    assert.deepEqual(ids, [1, 1, 2, 1]);
    assert.deepEqual(
      programs.map(({ source }) => source.config),
      [{ n: 3 }, { n: 7 }],
    );
  });

  test('both sides agree on what the thread has, whatever is asked for', () => {
    const frames = fc.array(fc.array(fc.integer({ min: 0, max: 29 }), { minLength: 1, maxLength: 12 }), {
      maxLength: 30,
    });
    const limits = fc.oneof(
      fc.record({ maxPrograms: fc.integer({ min: 1, max: 8 }), maxBytes: fc.constant(LARGE_LIMIT) }),
      fc.record({ maxPrograms: fc.constant(1000), maxBytes: fc.integer({ min: 1, max: 1500 }) }),
    );
    fc.assert(
      fc.property(frames, limits, (asked, limit) => {
        const book = new ProgramBook(new PlanNumbers(), limit);
        const thread = new Map<number, number>();
        for (const nodes of asked) {
          const writer = new TaskFrameWriter();
          const ids = nodes.map((node) => book.idFor(WIDE, node, writer));
          const frame = readTaskFrame(writer.take());
          for (const { id, source } of frame.programs) thread.set(id, (source.config as { n: number }).n);
          assert.deepEqual(
            ids.map((id) => thread.get(id)),
            nodes,
          );
          for (const id of frame.forgottenPrograms) assert.ok(thread.delete(id));
          assert.ok(thread.size <= limit.maxPrograms);
        }
      }),
    );
  });

  test('what is in use stays longer than what was used once', () => {
    const book = new ProgramBook(new PlanNumbers(), { maxPrograms: 3, maxBytes: LARGE_LIMIT });
    const writer = new TaskFrameWriter();
    const kept = book.idFor(WIDE, 0, writer);
    for (let node = 1; node < 20; node++) {
      book.idFor(WIDE, node, writer);
      assert.equal(book.idFor(WIDE, 0, writer), kept);
    }
  });

  test('do not grow with the plan: one task of a wide plan is a small frame', () => {
    const plan = planOf(...Array.from({ length: 10_000 }, (_, n) => ({ id: `n${n}`, handler: 'echo' })));
    const book = new ProgramBook(new PlanNumbers(), { maxPrograms: 100, maxBytes: LARGE_LIMIT });
    const writer = new TaskFrameWriter();
    book.idFor(plan, 5000, writer);
    assert.ok(writer.take().length < 1000);
  });

  test('that cannot be compiled fail their tasks only', () => {
    let config: unknown = 'deep';
    for (let depth = 0; depth < 20_000; depth++) config = [config];
    const source = { handler: 'echo', nodeId: 'a', workflowName: 'w', inputs: [], dependencies: [] };
    const broken = compileProgram({ ...source, config, condition: null });
    assert.equal(broken.fault?.code, 'INVALID_CONFIG');
  });

  test('of different nodes and plans are kept apart in one thread', async (t) => {
    const fixture = await startRunner(t);
    const other = planOf({ id: 'n0', handler: 'echo', config: { other: true } });
    const tasks = [
      ...WIDE.nodes.map(({ index }) => fixture.task({ plan: WIDE, node: index })),
      fixture.task({ plan: other }),
      ...WIDE.nodes.map(({ index }) => fixture.task({ plan: WIDE, node: index })),
    ];
    const outputs = (await fixture.run(...tasks)).map(outputOf);
    const wide = WIDE.nodes.map(({ index }) => ({ n: index }));
    assert.deepEqual(outputs, [...wide, { other: true }, ...wide]);
  });
});
