import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { readDocuments } from './markdown.js';

const CHECKOUT = fileURLToPath(new URL('../../../', import.meta.url));
const documents = readDocuments(CHECKOUT);
const byFile = new Map(documents.map((document) => [document.file, document]));

describe('every document', () => {
  test('is among those that are checked', () => {
    assert.ok(documents.length > 20, `${documents.length} documents`);
    assert.ok(byFile.get('README.md')?.anchors.has('a-session'));
    assert.ok(documents.some(({ blocks }) => blocks.some(({ skip }) => skip !== undefined)));
  });

  test('leads to files and headings that exist', () => {
    const broken: string[] = [];
    for (const { file, links } of documents) {
      for (const link of links) {
        if (/^(https?|mailto):/.test(link)) continue;
        const [target = '', anchor] = link.split('#');
        const place = target === '' ? file : path.join(path.dirname(file), decodeURIComponent(target));
        const document = byFile.get(place);
        const isThere = existsSync(path.join(CHECKOUT, place));
        if (!isThere || (anchor !== undefined && document && !document.anchors.has(anchor)))
          broken.push(`${file}: ${link}`);
      }
    }
    assert.deepEqual(broken, []);
  });

  test('names commands that exist', () => {
    const { scripts } = JSON.parse(readFileSync(path.join(CHECKOUT, 'package.json'), 'utf8'));
    const unknown: string[] = [];
    for (const { file, inlineCode, blocks } of documents) {
      for (const text of [...inlineCode, ...blocks.map((block) => block.text)]) {
        for (const [, name = ''] of text.matchAll(/npm run (?:--silent )?([\w:-]+)/g))
          if (!(name in scripts)) unknown.push(`${file}: npm run ${name}`);
        for (const [, , name = ''] of text.matchAll(
          /(^|[\s`(])((?:scripts|bench|src)\/[\w./-]+\.(?:sh|ts|mjs))/g,
        ))
          if (!existsSync(path.join(CHECKOUT, name))) unknown.push(`${file}: ${name}`);
      }
    }
    assert.deepEqual(unknown, []);
  });

  test('is in the index', () => {
    const index = byFile.get('docs/README.md');
    const named = [...(index?.links ?? []), ...(index?.inlineCode ?? [])];
    const listed = new Set(named.map((name) => path.join('docs', name.split('#')[0] ?? '')));
    const missing = documents
      .map(({ file }) => file)
      .filter((file) => file.startsWith('docs/') && file !== 'docs/README.md' && !listed.has(file));
    assert.deepEqual(missing, []);
  });

  test('marks its shell commands as such, or says why they are not run', () => {
    for (const { file, blocks } of documents) {
      for (const { language, line, skip } of blocks) {
        assert.ok(!['bash', 'shell', 'console'].includes(language), `${file}:${line}: use sh`);
        if (skip !== undefined) assert.equal(language, 'sh', `${file}:${line}`);
      }
    }
  });
});
