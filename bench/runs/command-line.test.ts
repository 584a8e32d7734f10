import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { readBenchOrder, smokeOrder } from './command-line.js';
import { nameOfCase } from './run-settings.js';
import { SCENARIO_NAMES } from './scenarios.js';

function namesOf(...args: string[]): string[] {
  return readBenchOrder(args).cases.map(nameOfCase);
}

describe('command line of the bench', () => {
  test('makes a case of each combination, and none twice', () => {
    assert.deepEqual(
      namesOf(
        '--scenario',
        'two-node,five-node',
        '--hosts',
        '1,2',
        '--load',
        'batch',
        '--fsync',
        'always,off',
      ),
      ['two-node', 'five-node'].flatMap((name) => [
        `${name}, embedded, batch`,
        `${name}, distributed (always), batch`,
        `${name}, distributed (off), batch`,
        `${name}, distributed ×2 (always), batch`,
        `${name}, distributed ×2 (off), batch`,
      ]),
    );
  });

  test('measures large workflows and a single node alone', () => {
    assert.deepEqual(namesOf('--scenario', 'chain-10000,one-node', '--mode', 'embedded'), [
      'chain-10000, embedded, alone',
      'one-node, embedded, alone',
    ]);
  });

  test('refuses what it does not know', () => {
    assert.throws(() => readBenchOrder(['--scenario', 'three-node']), /three-node/);
    assert.throws(() => readBenchOrder(['--mode', 'cluster']), /cluster.*embedded/);
    assert.throws(() => readBenchOrder(['--runs', '0']), /--runs/);
    assert.throws(() => readBenchOrder(['--speed', '1']), /--speed/);
  });

  test('runs every scenario on both stores and every load in a smoke', () => {
    const { cases } = smokeOrder([]);
    assert.deepEqual([...new Set(cases.map(({ scenario }) => scenario))].sort(), [...SCENARIO_NAMES].sort());
    assert.equal(cases.length, 2 * SCENARIO_NAMES.length);
    assert.deepEqual([...new Set(cases.map(({ load }) => load))].sort(), [
      'alone',
      'batch',
      'rest',
      'single',
    ]);
  });
});
