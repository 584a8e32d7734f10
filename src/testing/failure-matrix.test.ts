import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = new URL('../../', import.meta.url);

test('every row of the failure matrix names proofs that exist', () => {
  const text = readFileSync(new URL('docs/failure-matrix.md', ROOT), 'utf8');
  const rows = text.split('\n').filter((line) => line.startsWith('| ') && !/^\| (fault|---) /.test(line));
  assert.ok(rows.length > 20);
  for (const row of rows) {
    const cells = row.split('|').map((cell) => cell.trim());
    const named = [...(cells.at(-2) ?? '').matchAll(/`([^`]+)`/g)].map(([, file]) => file ?? '');
    assert.ok(named.length > 0, row);
    for (const file of named) assert.ok(existsSync(fileURLToPath(new URL(file, ROOT))), `${file}: ${row}`);
  }
});
