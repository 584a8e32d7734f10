import { spawn } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { inRoot, PlainError, ROOT, runMain } from './project.mjs';

const DIRECTORIES = ['src', 'workers', 'bench', 'scripts', 'console'];
/** Files under way at a time; many of them start threads and servers of their own. */
const CONCURRENCY = 2;
/** Bound of one file, so that a test that hangs becomes a failure with its name. */
const FILE_TIMEOUT_MS = 300_000;

/** Tests that need a cluster of servers; --cluster runs them and nothing else. */
const CLUSTER_SUFFIX = '.cluster.test.ts';

await runMain(async () => {
  const words = process.argv.slice(2);
  const wantsCluster = words.includes('--cluster');
  const filters = words
    .filter((word) => word !== '--cluster')
    .map((filter) => path.relative(ROOT, path.resolve(ROOT, filter)));
  const files = (await testFiles()).filter(
    (file) =>
      file.endsWith(CLUSTER_SUFFIX) === wantsCluster &&
      (filters.length === 0 || filters.some((part) => file.startsWith(part))),
  );
  if (files.length === 0)
    throw new PlainError(`No test file${filters.length ? ` below ${filters.join(', ')}` : ''}.`);
  const child = spawn(
    process.execPath,
    [
      ...[
        '--import',
        'tsx',
        '--test',
        `--test-concurrency=${CONCURRENCY}`,
        `--test-timeout=${FILE_TIMEOUT_MS}`,
      ],
      ...['--test-reporter', './scripts/compact-reporter.mjs', '--test-reporter-destination', 'stdout'],
      ...files,
    ],
    { cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit'] },
  );
  process.exitCode = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  });
});

/** Every *.test.ts, relative to the checkout, sorted. */
async function testFiles() {
  const found = await Promise.all(
    DIRECTORIES.map(async (directory) => {
      const names = await readdir(inRoot(directory), { recursive: true });
      return names.filter((name) => name.endsWith('.test.ts')).map((name) => path.join(directory, name));
    }),
  );
  return found.flat().sort();
}
