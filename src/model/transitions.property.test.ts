import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { MachineWalk } from '../testing/machine-walk.js';
import { plansArbitrary, stepArbitrary } from '../testing/walk-steps.js';

const steps = fc.array(stepArbitrary, { minLength: 10, maxLength: 90, size: 'max' });

describe('the machine, whatever is done to it', () => {
  test('agrees with the rules told a second time, after every step', () => {
    fc.assert(
      fc.property(plansArbitrary, steps, (plans, walk) => {
        const machine = new MachineWalk(plans);
        for (const step of walk) machine.take(step);
      }),
      { numRuns: 1500 },
    );
  });

  test('gives the same answers and states for the same calls', () => {
    fc.assert(
      fc.property(plansArbitrary, steps, (plans, walk) => {
        const one = new MachineWalk(plans);
        const other = new MachineWalk(plans);
        for (const step of walk) {
          one.take(step);
          other.take(step);
        }
        assert.deepEqual(one.answers, other.answers);
        assert.deepEqual(one.snapshots(), other.snapshots());
      }),
      { numRuns: 60 },
    );
  });
});
