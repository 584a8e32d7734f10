import { createHash } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { luaVocabulary } from '../src/store/redis/vocabulary.js';

/**
 * Joins the scripts of src/store/redis/lua with their fragments and the vocabulary of the model into one module. With --check it
 * writes nothing and fails where the module is out of date.
 */
const HOME = fileURLToPath(new URL('../src/store/redis/', import.meta.url));

async function main(): Promise<void> {
  const names = (await readdir(`${HOME}lua`)).filter((name) => name.endsWith('.lua')).sort();
  const rows: string[] = [];
  for (const name of names) rows.push(await row(name.slice(0, -'.lua'.length)));
  const text = `// Made from src/store/redis/lua by scripts/generate-lua.ts; do not edit.
export const SCRIPTS = {
${rows.join('\n')}
} as const;
`;
  const path = `${HOME}generated/scripts.ts`;
  if (!process.argv.includes('--check')) return writeFile(path, text);
  if ((await readFile(path, 'utf8').catch(() => '')) === text) return;
  console.error('src/store/redis/generated/scripts.ts is out of date: run npm run generate');
  process.exitCode = 1;
}

async function row(name: string): Promise<string> {
  const own = await readFile(`${HOME}lua/${name}.lua`, 'utf8');
  const parts: string[] = [];
  for (const line of own.split('\n')) {
    const include = /^--- include (\S+)$/.exec(line)?.[1];
    parts.push(include ? await readFile(`${HOME}lua/lib/${include}.lua`, 'utf8') : line);
  }
  // Comments stay in the files: the server has no use for them.
  const body = parts
    .join('\n')
    .split('\n')
    .filter((line) => !/^\s*--/.test(line) && line.trim() !== '')
    .join('\n');
  const source = `#!lua\n-- ${name}\n${luaVocabulary(body)}\n${body}\n`;
  const sha = createHash('sha1').update(source).digest('hex');
  return `  '${name}': {\n    sha: '${sha}',\n    source: ${JSON.stringify(source)},\n  },`;
}

await main();
