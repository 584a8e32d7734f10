import { createHash } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { inRoot, run, runMain } from './project.mjs';

const STAMP = 'dist/.source-sha256';
const SOURCES = ['src', 'workers', 'console'];
const BUILD_FILES = ['package.json', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json'];

/** Builds dist, unless it was built from the sources as they are now. */
export async function ensureBuilt() {
  const digest = await sourceDigest();
  if (await isBuiltFrom(digest)) return;
  console.log('Building …');
  await run('npm', ['run', '--silent', 'build']);
  await writeFile(inRoot(STAMP), `${digest}\n`);
}

/** Whether dist was built from the sources as they are now. */
export async function isBuilt() {
  return isBuiltFrom(await sourceDigest());
}

/** @param {string} digest */
async function isBuiltFrom(digest) {
  const stamp = await readFile(inRoot(STAMP), 'utf8').catch(() => '');
  return stamp.trim() === digest;
}

/** SHA-256 over the names and bytes of all that the build reads. */
async function sourceDigest() {
  const hash = createHash('sha256');
  const listed = await Promise.all(
    SOURCES.map(async (directory) => {
      const entries = await readdir(inRoot(directory), { recursive: true, withFileTypes: true });
      return entries
        .filter((entry) => entry.isFile())
        .map((entry) => path.join(entry.parentPath ?? entry.path, entry.name));
    }),
  );
  for (const file of [...BUILD_FILES.map(inRoot), ...listed.flat().sort()]) {
    hash.update(`${path.relative(inRoot('.'), file)}\0`).update(await readFile(file));
  }
  return hash.digest('hex');
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await runMain(ensureBuilt);
