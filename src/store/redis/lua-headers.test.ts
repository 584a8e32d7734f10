import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { SCRIPTS } from './generated/scripts.js';
import { PartitionKeys } from './partition-keys.js';
import { SCRIPT_NAMES } from './script-registry.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const LUA = fileURLToPath(new URL('lua/', import.meta.url));
const files = readdirSync(LUA).filter((name) => name.endsWith('.lua'));
const read = (name: string): string => readFileSync(LUA + name, 'utf8');

/** The comment above the first line of code, as one line. */
function headerOf(source: string): string {
  const lines = source.split('\n');
  const end = lines.findIndex((line) => !line.startsWith('--') || line.startsWith('---'));
  const words = lines.slice(0, end).map((line) => line.slice(2).trim());
  return words.join(' ');
}

/**
 * How many arguments a header names, each item once and each count of items too: "a, b; items: c, d". Of "each item: c" an argument
 * before it tells the count.
 */
function argumentsNamed(header: string): number {
  const plain = header.replaceAll(/\([^()]*\)/g, '');
  const list = /\bArguments(?:, after those of the script)?: ([^.]*)\./.exec(plain)?.[1];
  if (list === undefined) return 0;
  let named = 0;
  for (const part of list.split(';')) {
    const [, items, names = part] = /^\s*([a-z ]+): (.*)$/.exec(part) ?? [];
    named +=
      names.split(',').filter((name) => name.trim() !== '').length +
      (items === undefined || items.startsWith('each ') ? 0 : 1);
  }
  return named;
}

function argumentsRead(source: string): number {
  const code = source.replaceAll(/--[^\n]*/g, '').replaceAll(/local function (number_)?argument\(\)/g, '');
  return code.match(/\b(number_)?argument\(\)/g)?.length ?? 0;
}

for (const file of files) {
  test(`the header of ${file} tells what the script does`, () => {
    const source = read(file);
    const header = headerOf(source);
    assert.match(header, /^[A-Z][^.]{10,}[.:]/, 'it begins with the purpose');
    assert.match(header, /\bOutcomes?: /, 'it tells the outcomes');
    assert.match(header, /\bCost: O\(/, 'it tells the cost');
    assert.equal(argumentsNamed(header), argumentsRead(source), 'it names each argument that is read');
  });
}

test('the header of the lease names each argument that it reads', () => {
  const source = read('lib/lease.lua');
  assert.equal(argumentsNamed(headerOf(source)), argumentsRead(source));
});

test('the header of the partition names its keys in the order in which they are declared', () => {
  const source = read('lib/partition.lua');
  const names = new PartitionKeys(3).declared.map((key) => key.slice('mr:{p03}:'.length));
  assert.equal(names.at(-1), '', 'the prefix is the last');
  assert.ok(source.includes(`KEYS 1…${names.length - 1}   ${names.slice(0, -1).join(' ')} (`));
  const assigned = [...source.matchAll(/^local ([A-Z, ]+) = (KEYS[^\n]*)$/gm)].flatMap(
    ([, left = '', right = '']) =>
      left.split(', ').map((name, at) => [name.toLowerCase(), right.split(', ')[at]]),
  );
  const expected = [...names.slice(0, -1), 'prefix'].map((name, at) => [name, `KEYS[${at + 1}]`]);
  assert.deepEqual(assigned, expected);
});

test('each script that is sent says that it is Lua, what it is called, and has the hash that it is called by', () => {
  assert.deepEqual(Object.keys(SCRIPTS).sort(), files.map((file) => file.replace(/\.lua$/, '')).sort());
  for (const [name, { sha, source }] of Object.entries(SCRIPTS)) {
    assert.ok(source.startsWith(`#!lua\n-- ${name}\n`), name);
    assert.equal(createHash('sha1').update(source).digest('hex'), sha);
    assert.equal(SCRIPT_NAMES.get(sha), name);
  }
});

test('the generated module is what the files make', () => {
  execFileSync(process.execPath, ['--import', 'tsx', 'scripts/generate-lua.ts', '--check'], {
    cwd: ROOT,
    stdio: 'pipe',
  });
});

test('hashes in a slow log are named', () => {
  const named = execFileSync(process.execPath, ['--import', 'tsx', 'scripts/redis-scripts.ts', '--names'], {
    cwd: ROOT,
    input: `3) "EVALSHA"\n4) "${SCRIPTS.advance.sha}"\n5) "${'0'.repeat(40)}"\n`,
  });
  assert.equal(String(named), `3) "EVALSHA"\n4) "advance"\n5) "${'0'.repeat(40)}"\n`);
});
