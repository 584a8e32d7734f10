import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmod, cp, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../servers/server-process.js';
import { type Document, readDocuments } from './markdown.js';

/**
 * Runs the commands of the documents: every block marked `sh`, in order, the blocks of one document in one shell, as a reader would who types
 * them. Each document has a copy of the checkout, a data directory and ports of its own; those that the text names (8000 and the next)
 * stand for these. A block that cannot be run here says why in its mark (sh skip="…") and is listed. Names of documents narrow the run.
 */
const CHECKOUT = fileURLToPath(new URL('../../../', import.meta.url));
const TIMEOUT_MS = 300_000;
const NAMED_PORT = 8000;
const PORTS = 4;
const SHOWN_CHARACTERS = 6000;
/** An answer that is an error is no success, and the shell stops where a command fails. */
const PRELUDE = 'set -euo pipefail\ncurl() { command curl --fail-with-body "$@"; }\n';

const wanted = process.argv.slice(2);
const documents = readDocuments(CHECKOUT).filter(
  ({ file, blocks }) =>
    blocks.some(({ language }) => language === 'sh') && (wanted.length === 0 || wanted.includes(file)),
);

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** The files as a clone has them, with the packages and the build of this checkout, so that neither is made anew. */
async function copyCheckout(into: string): Promise<string> {
  const listed = spawnSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: CHECKOUT,
    encoding: 'utf8',
  });
  const files = listed.stdout.split('\0').filter((file) => file !== '');
  const copy = path.join(into, 'millrace');
  for (const file of [...files, 'dist']) {
    // A file that was removed and not yet committed is listed all the same.
    await cp(path.join(CHECKOUT, file), path.join(copy, file), { recursive: true }).catch(() => undefined);
  }
  await symlink(path.join(CHECKOUT, 'node_modules'), path.join(copy, 'node_modules'));
  return copy;
}

async function freePorts(): Promise<number> {
  for (;;) {
    const first = await freePort();
    if (first + PORTS < 65_536) return first;
  }
}

function scriptOf({ file, blocks }: Document, firstPort: number): string {
  const parts = blocks
    .filter(({ language, skip }) => language === 'sh' && skip === undefined)
    .map(({ line, text }) => `echo '--- ${file}:${line}'\n${text}`);
  return (PRELUDE + parts.join('\n')).replace(/\b800([0-3])\b/g, (_, digit: string) =>
    String(firstPort + Number(digit)),
  );
}

/** Runs the document; answers whether every command succeeded. */
async function runDocument(document: Document): Promise<boolean> {
  const into = await mkdtemp(path.join(tmpdir(), 'millrace-document-'));
  await chmod(into, 0o755);
  const copy = await copyCheckout(into);
  const firstPort = await freePorts();
  const environment = {
    ...process.env,
    PORT: String(firstPort + (NAMED_PORT % 10)),
    DATA_DIR: path.join(into, 'data'),
  };
  const shell = spawn('bash', ['-c', scriptOf(document, firstPort)], {
    cwd: copy,
    env: environment,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [shell.stdout, shell.stderr])
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      output += chunk;
    });
  const timer = setTimeout(() => endGroup(shell.pid), TIMEOUT_MS);
  const [code, signal] = await once(shell, 'exit');
  clearTimeout(timer);
  // What a command left in the background goes with its shell, what a script started by the script that stops it.
  endGroup(shell.pid);
  spawnSync('bash', ['scripts/stop.sh'], { cwd: copy, env: environment });
  await rm(into, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  if (code === 0) return true;
  say(`${output.slice(-SHOWN_CHARACTERS)}\nthe shell ended with ${code ?? signal}`);
  return false;
}

function endGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // Nobody of the group is left.
  }
}

// What all copies share has to be as the lockfile and the sources say, so that no script in a copy makes it anew.
for (const script of ['scripts/ensure-installed.mjs', 'scripts/ensure-built.mjs']) {
  const { status } = spawnSync(process.execPath, [script], { cwd: CHECKOUT, stdio: 'inherit' });
  if (status !== 0) process.exit(1);
}

let failed = 0;
for (const document of documents) {
  const shown = document.blocks.filter(({ language }) => language === 'sh');
  const left = shown.filter(({ skip }) => skip !== undefined);
  const began = performance.now();
  const isGood = left.length === shown.length || (await runDocument(document));
  if (!isGood) failed++;
  const seconds = ((performance.now() - began) / 1000).toFixed(0);
  say(`${isGood ? 'ok  ' : 'FAIL'}  ${document.file}: ${shown.length - left.length} blocks in ${seconds} s`);
  for (const { line, skip } of left) say(`        line ${line} not run: ${skip}`);
}
process.exitCode = failed === 0 ? 0 : 1;
