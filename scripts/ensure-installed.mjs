import { readFile } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';
import { inRoot, run, runMain } from './project.mjs';

/** Installs the packages of the lockfile, unless exactly these stand in node_modules already. */
export async function ensureInstalled() {
  if (await isInstalled()) return;
  console.log('Installing the packages of package-lock.json …');
  await run('npm', ['ci', '--include=dev', '--no-audit', '--no-fund']);
}

/** npm writes what it installed to node_modules/.package-lock.json once it has finished. */
async function isInstalled() {
  const [wanted, present] = await Promise.all([
    readPackages('package-lock.json'),
    readPackages('node_modules/.package-lock.json'),
  ]);
  if (!wanted || !present) return false;
  return Object.entries(wanted).every(([place, entry]) => {
    if (place === '') return true;
    const found = present[place];
    if (!found) return Boolean(entry.optional || entry.devOptional);
    return found.version === entry.version && found.integrity === entry.integrity;
  });
}

/** @param {string} lockfile */
async function readPackages(lockfile) {
  try {
    return JSON.parse(await readFile(inRoot(lockfile), 'utf8')).packages;
  } catch {
    return undefined;
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await runMain(ensureInstalled);
