import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import {
  createThreadMemory,
  currentSlot,
  hasStarted,
  mapThreadMemory,
  offerTask,
  setCurrentSlot,
  startTask,
  withdrawTask,
} from './thread-memory.js';

describe('claims', () => {
  test('have one winner for each offer, whoever comes first and however late', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('start', 'withdraw', 'offer'), { maxLength: 60 }), (steps) => {
        const main = createThreadMemory(2);
        const thread = mapThreadMemory(main.buffer, 2);
        const won = new Map<number, string>();
        const tickets = [offerTask(main, 1)];
        for (const [now, step] of steps.entries()) {
          const latest = tickets.at(-1) ?? 0;
          if (step === 'offer') {
            if (won.has(latest)) tickets.push(offerTask(main, 1));
            continue;
          }
          for (const ticket of tickets) {
            const hasWon: boolean =
              step === 'start' ? startTask(thread, 1, ticket, now) : withdrawTask(main, 1, ticket);
            assert.equal(hasWon, ticket === latest && !won.has(ticket));
            if (hasWon) won.set(ticket, step);
          }
          assert.equal(hasStarted(main, 1, latest), won.get(latest) === 'start');
        }
        assert.equal(new Set(tickets).size, tickets.length);
      }),
    );
  });

  test('go on when their counter wraps around', () => {
    const memory = createThreadMemory(1);
    Atomics.store(memory.claims, 0, 0x7fffffff);
    const ticket = offerTask(memory, 0);
    assert.ok(startTask(memory, 0, ticket, 5));
    assert.ok(hasStarted(memory, 0, ticket));
    assert.ok(!withdrawTask(memory, 0, ticket));
    assert.equal(memory.startedAt[0], 5);
  });

  test('the current slot is seen by the other side', () => {
    const main = createThreadMemory(3);
    const thread = mapThreadMemory(main.buffer, 3);
    assert.equal(currentSlot(main), undefined);
    setCurrentSlot(thread, 0);
    assert.equal(currentSlot(main), 0);
    setCurrentSlot(thread, undefined);
    assert.equal(currentSlot(main), undefined);
  });
});
