import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Dispatcher } from '../../engine/dispatcher.js';
import { ExecutionFlow } from '../../model/execution-flow.js';
import { Machine } from '../../model/transitions.js';
import { simulate } from './simulation.js';

test('every promise holds, whatever befalls the hosts', async () => {
  for (let seed = 1; seed <= 150; seed++) {
    const { violations } = await simulate({ seed });
    assert.deepEqual(violations, [], `npm run simulate -- --seed ${seed} --trace`);
  }
});

test('a seed leaves the same trace each time, and no other seed does', async () => {
  const hashes = new Set<string>();
  for (let seed = 1; seed <= 10; seed++) {
    const [one, other] = [
      await simulate({ seed, keepsTrace: true }),
      await simulate({ seed, keepsTrace: true }),
    ];
    assert.deepEqual(one.trace, other.trace);
    assert.equal(one.hash, other.hash);
    hashes.add(one.hash);
  }
  assert.equal(hashes.size, 10);
});

/** Puts something else in place of a method; answers how to put the method back. */
type Break = () => () => void;

function replacing<T extends object, K extends keyof T>(
  owner: T,
  name: K,
  by: (original: T[K]) => T[K],
): Break {
  return () => {
    const original = owner[name];
    owner[name] = by(original);
    return () => {
      owner[name] = original;
    };
  };
}

const GUARDS: readonly (readonly [guard: string, breakIt: Break, violation: RegExp])[] = [
  [
    'the fence of a result',
    replacing(
      Machine.prototype,
      'advance',
      (original) =>
        function (this: Machine, result, now) {
          const { task } = result;
          const fence = this.find(task.executionId)?.nodes[task.node]?.fence ?? task.fence;
          return original.call(this, { ...result, task: { ...task, fence } }, now);
        },
    ),
    /was recorded without the lease in force/,
  ],
  [
    'that a result counts once',
    replacing(
      Machine.prototype,
      'advance',
      (original) =>
        function (this: Machine, result, now) {
          const node = this.find(result.task.executionId)?.nodes[result.task.node];
          if (node?.state === 'completed') node.state = 'running';
          return original.call(this, result, now);
        },
    ),
    /was recorded without the lease in force/,
  ],
  [
    'the owner and the fence of a heartbeat',
    replacing(
      Machine.prototype,
      'heartbeat',
      (original) =>
        function (this: Machine, owner, lease, leaseMs, now) {
          const node = this.find(lease.executionId)?.nodes[lease.node];
          const fence = node?.fence ?? lease.fence;
          return original.call(this, node?.host ?? owner, { ...lease, fence }, leaseMs, now);
        },
    ),
    /heartbeat of \S+ for lease \d+ answered kept/,
  ],
  [
    'that an arrival counts once',
    replacing(
      ExecutionFlow.prototype,
      'satisfy',
      (original) =>
        function (this: ExecutionFlow, execution, index, state, now) {
          for (const successor of execution.plan.nodes[index]?.successors ?? []) {
            const next = execution.nodes[successor];
            if (next && next.waiting > 1) next.waiting -= 1;
          }
          original.call(this, execution, index, state, now);
        },
    ),
    /went before \d+, which is/,
  ],
  [
    'the deadline after a redrive',
    replacing(
      Machine.prototype,
      'redrive',
      (original) =>
        function (this: Machine, command, now) {
          const outcome = original.call(this, command, now);
          const execution = this.find(command.executionId);
          if (outcome === 'redriven' && execution) execution.deadlineAt = undefined;
          return outcome;
        },
    ),
    /ended \S+ ms after its deadline/,
  ],
  [
    'the revision of an acknowledgement',
    replacing(
      Machine.prototype,
      'acknowledge',
      (original) =>
        function (this: Machine, id, revision) {
          original.call(this, id, this.find(id)?.revision ?? revision);
        },
    ),
    /the record has|came back as of revision|EXECUTION_NOT_FOUND|never becomes quiet/,
  ],
  [
    'the look-up of an idempotency key',
    replacing(
      Machine.prototype,
      'submit',
      (original) =>
        function (this: Machine, { idempotency: _key, ...command }, now) {
          return original.call(this, command, now);
        },
    ),
    /key .* stands for/,
  ],
  [
    'that an abort reaches the runner',
    replacing(Dispatcher.prototype, 'abort', () => () => undefined),
    /still runs .*, which is void/,
  ],
  [
    'that a host which stops hands back',
    replacing(Dispatcher.prototype, 'release', () => async () => undefined),
    /stopped and kept its lease/,
  ],
];

const SEEDS = 600;

describe('a broken guard is found:', () => {
  for (const [guard, breakIt, violation] of GUARDS) {
    test(guard, async () => {
      const mend = breakIt();
      try {
        assert.match(await firstViolation(), violation);
      } finally {
        mend();
      }
    });
  }
});

async function firstViolation(): Promise<string> {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const [first] = (await simulate({ seed })).violations;
    if (first !== undefined) return first;
  }
  return `none in ${SEEDS} seeds`;
}
