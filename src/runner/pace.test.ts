import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Pace } from './pace.js';

let now = 0;

function paceAfter(count: number, ms: number): Pace {
  const pace = new Pace(10, () => now);
  for (let task = 0; task < count; task++) pace.ran(ms);
  return pace;
}

describe('the pace of tasks', () => {
  test('nothing is taken ahead before it is known', () => {
    assert.equal(new Pace(10, () => now).ahead, 0);
    assert.equal(paceAfter(5, 0).ahead, 0);
  });

  test('quick tasks are taken ahead', () => {
    assert.equal(paceAfter(100, 1).ahead, 30);
  });

  test('slow tasks are not', () => {
    assert.equal(paceAfter(100, 50).ahead, 0);
  });

  test('a single slow task among quick ones is enough to take none ahead for a while', () => {
    const pace = paceAfter(200, 0);
    pace.ran(1000);
    assert.equal(pace.ahead, 0);
    for (let task = 0; task < 100; task++) pace.ran(0);
    assert.equal(pace.ahead, 30);
  });

  test('nothing is taken ahead of tasks that do not end', () => {
    const pace = paceAfter(100, 0);
    now += 51;
    assert.equal(pace.ahead, 0);
    pace.ran(0);
    assert.equal(pace.ahead, 30);
  });
});
