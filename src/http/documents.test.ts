import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, test } from 'node:test';
import { settingRows } from '../config.js';
import { ERRORS } from '../model/errors.js';

/** The cells of every table row whose first cell is a name in backquotes. */
async function rowsOf(document: string): Promise<string[][]> {
  const text = await readFile(new URL(`../../docs/${document}`, import.meta.url), 'utf8');
  const lines = text.split('\n').filter((line) => line.startsWith('| `'));
  return lines.map((line) => line.slice(2, -2).replaceAll('\\|', '/').split(' | '));
}

describe('documents', () => {
  test('docs/errors.md lists every error of the code and no other', async () => {
    const documented = await rowsOf('errors.md');
    const expected = Object.entries(ERRORS).map(([code, { status, retryable, meaning }]) => {
      const again = retryable ? 'yes' : 'no';
      return status === 0 ? [`\`${code}\``, again, meaning] : [`\`${code}\``, String(status), again, meaning];
    });
    assert.deepEqual(documented.map(String).sort(), expected.map(String).sort());
  });

  test('docs/settings.md lists every setting of the code and no other', async () => {
    const documented = await rowsOf('settings.md');
    const expected = settingRows().map(([name, fallback, meaning]) => [
      `\`${name}\``,
      fallback === '' ? 'empty' : `\`${fallback}\``,
      meaning.replaceAll('|', '/'),
    ]);
    assert.deepEqual(documented, expected);
  });
});
