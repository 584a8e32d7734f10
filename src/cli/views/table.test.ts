import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tableText } from './table.js';

test('columns are as wide as their longest cell', () => {
  const text = tableText(
    ['ID', 'NAME', 'TOOK'],
    [
      ['1', 'daily-report', '2 s'],
      ['22', 'x', '-'],
    ],
  );
  assert.deepEqual(text.split('\n'), [
    'ID  NAME          TOOK',
    '1   daily-report  2 s',
    '22  x             -',
  ]);
});

test('a very long name moves its own row only, and is whole', () => {
  const long = 'W'.repeat(255);
  const text = tableText(
    ['NAME', 'TOOK'],
    [
      [long, '1 s'],
      ['daily-report', '2 s'],
    ],
  );
  assert.deepEqual(text.split('\n'), ['NAME          TOOK', `${long}  1 s`, 'daily-report  2 s']);
});

test('a name cannot command the terminal, turn what follows or hide, and emoji stay whole', () => {
  const family = '\u{1f469}\u200d\u{1f467}';
  const text = tableText(['NAME'], [['a\u001b[2Jb'], ['\u202egnp.exe'], ['\u2066x\u200by'], [family]]);
  assert.deepEqual(text.split('\n'), ['NAME', 'a\ufffd[2Jb', '\ufffdgnp.exe', '\ufffdx\ufffdy', family]);
});
