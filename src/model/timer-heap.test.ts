import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { TimerHeap } from './timer-heap.js';

interface Entry {
  readonly dueAt: number;
  readonly name: number;
}

const times = fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 80 });

function heapOf(dueTimes: readonly number[]): { heap: TimerHeap<Entry>; entries: Entry[] } {
  const heap = new TimerHeap<Entry>();
  const entries = dueTimes.map((dueAt, name) => ({ dueAt, name }));
  for (const entry of entries) heap.push(entry.dueAt, entry);
  return { heap, entries };
}

function popAll(heap: TimerHeap<Entry>, now: number): Entry[] {
  const popped: Entry[] = [];
  for (let entry = heap.popDue(now); entry; entry = heap.popDue(now)) popped.push(entry);
  return popped;
}

function names(entries: readonly Entry[]): number[] {
  return entries.map((entry) => entry.name).sort((a, b) => a - b);
}

test('gives out what is due, all of it, the earliest first', () => {
  fc.assert(
    fc.property(times, fc.array(fc.integer({ min: 0, max: 60 }), { maxLength: 5 }), (dueTimes, instants) => {
      const { heap, entries } = heapOf(dueTimes);
      let left = entries;
      for (const now of instants) {
        const popped = popAll(heap, now);
        const dues = popped.map((entry) => entry.dueAt);
        assert.deepEqual(
          dues,
          [...dues].sort((a, b) => a - b),
        );
        assert.deepEqual(names(popped), names(left.filter((entry) => entry.dueAt <= now)));
        left = left.filter((entry) => entry.dueAt > now);
        assert.equal(heap.size, left.length);
        assert.equal(
          heap.nextDueAt(),
          left.length > 0 ? Math.min(...left.map((entry) => entry.dueAt)) : undefined,
        );
      }
    }),
  );
});

test('takes new entries between those that it gives out', () => {
  fc.assert(
    fc.property(times, times, fc.integer({ min: 0, max: 50 }), (before, after, now) => {
      const { heap } = heapOf(before);
      const first = popAll(heap, now);
      for (const [index, dueAt] of after.entries()) heap.push(dueAt, { dueAt, name: 1000 + index });
      const rest = popAll(heap, 50);
      assert.equal(first.length + rest.length, before.length + after.length);
      assert.deepEqual(
        rest.map((entry) => entry.dueAt),
        [...before.filter((dueAt) => dueAt > now), ...after].sort((a, b) => a - b),
      );
    }),
  );
});

test('retains what is wanted, in order', () => {
  fc.assert(
    fc.property(times, fc.integer({ min: 2, max: 4 }), (dueTimes, divisor) => {
      const { heap, entries } = heapOf(dueTimes);
      const isWanted = (entry: Entry): boolean => entry.name % divisor === 0;
      heap.retain(isWanted);
      const wanted = entries.filter(isWanted);
      assert.equal(heap.size, wanted.length);
      const popped = popAll(heap, 50);
      assert.deepEqual(names(popped), names(wanted));
      assert.deepEqual(
        popped.map((entry) => entry.dueAt),
        wanted.map((entry) => entry.dueAt).sort((a, b) => a - b),
      );
    }),
  );
});
