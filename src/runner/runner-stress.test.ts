import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { RunnerOutcome, RunnerTask } from './task-runner.js';
import { FAULT_HANDLERS } from './testing/fault-handlers.js';
import { outputOf, type RunnerFixture, startRunner } from './testing/runner-fixture.js';

const KINDS = ['echo', 'wait', 'spin', 'loop', 'late_loop', 'hang', 'exit', 'stray', 'uncaught'] as const;
type Kind = (typeof KINDS)[number];

interface Step {
  readonly kind: Kind;
  readonly alone: boolean;
  readonly aborted: boolean;
}

/** Mostly tasks that do well: each fault costs a thread. */
const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.oneof(
    { weight: 12, arbitrary: fc.constantFrom<Kind>('echo', 'wait', 'spin') },
    { weight: 1, arbitrary: fc.constantFrom(...KINDS) },
  ),
  alone: fc.oneof({ weight: 20, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
  aborted: fc.oneof(
    { weight: 15, arbitrary: fc.constant(false) },
    { weight: 1, arbitrary: fc.constant(true) },
  ),
});

const MAX_ROUNDS = 10;

function taskOf(fixture: RunnerFixture, { kind, alone }: Step): RunnerTask {
  const timeoutMs = kind === 'echo' || kind === 'wait' || kind === 'spin' ? 20_000 : 150;
  return fixture.task({ definition: { handler: kind, config: { ms: 3 } }, alone, timeoutMs });
}

/** Runs what crashed again, alone, as the engine does. */
async function settle(
  fixture: RunnerFixture,
  tasks: readonly RunnerTask[],
): Promise<Map<RunnerTask, RunnerOutcome>> {
  const settled = new Map<RunnerTask, RunnerOutcome>();
  let open = tasks.map((task) => ({ origin: task, task }));
  for (let round = 0; open.length > 0; round++) {
    assert.ok(round < MAX_ROUNDS, 'tasks crash again and again');
    await fixture.outcomes(open.map(({ task }) => task));
    const again: typeof open = [];
    for (const { origin, task } of open) {
      const outcome = fixture.outcomeOf(task.key);
      if (outcome.kind !== 'crashed' || outcome.alone) settled.set(origin, outcome);
      else again.push({ origin, task: { ...task, alone: true, key: fixture.task({}).key } });
    }
    fixture.runner.run(again.map(({ task }) => task));
    open = again;
  }
  return settled;
}

function isAsExpected(kind: Kind, outcome: RunnerOutcome): boolean {
  switch (kind) {
    case 'echo':
    case 'wait':
    case 'spin':
      return outcome.kind === 'completed' && outputOf(outcome) !== undefined;
    case 'loop':
    case 'late_loop':
    case 'hang':
      return outcome.kind === 'failed' && outcome.fault.code === 'NODE_TIMEOUT';
    default:
      return outcome.kind === 'crashed';
  }
}

describe('under random faults', () => {
  for (const threads of [1, 2]) {
    test(`every task is answered once, and rightly: ${threads} threads`, async (t) => {
      const options = { threads, concurrency: 8, abortGraceMs: 50, files: { 'faults.mjs': FAULT_HANDLERS } };
      const fixture = await startRunner(t, options);
      const property = fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 40 }), async (steps) => {
        const all = steps.map((each) => ({ step: each, task: taskOf(fixture, each) }));
        fixture.answers.clear();
        fixture.runner.run(all.map(({ task }) => task));
        fixture.runner.abort(all.filter((each) => each.step.aborted).map(({ task }) => task.key));
        const kept = all.filter((each) => !each.step.aborted);
        const outcomes = await settle(
          fixture,
          kept.map(({ task }) => task),
        );
        for (const { step: each, task } of kept) {
          const outcome = outcomes.get(task);
          assert.ok(
            outcome !== undefined && isAsExpected(each.kind, outcome),
            `${each.kind}: ${JSON.stringify(outcome)}`,
          );
        }
        for (const [key, results] of fixture.answers) assert.equal(results.length, 1, `task ${key}`);
        assert.equal(fixture.runner.stats().running, 0);
      });
      await fc.assert(property, { numRuns: 12, endOnFailure: true });
      await fixture.run(fixture.task({}));
    });
  }
});
