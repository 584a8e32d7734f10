import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { settingRows } from '../config.js';

/** The checkout's directory. */
export const CHECKOUT = fileURLToPath(new URL('../../', import.meta.url));

/** What a program that was run to its end left. */
export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A directory outside the checkout whose packages are those of the checkout, and this one; removed when the test ends. */
export async function createScratchProject(
  context: TestContext,
  packages: readonly string[],
): Promise<string> {
  const directory = await mkdtemp(path.join(tmpdir(), 'millrace-project-'));
  context.after(() => rm(directory, { recursive: true, force: true }));
  await linkPackage(directory, 'millrace', CHECKOUT);
  for (const name of packages) await linkPackage(directory, name, path.join(CHECKOUT, 'node_modules', name));
  return directory;
}

export async function linkPackage(project: string, name: string, target: string): Promise<void> {
  const link = path.join(project, 'node_modules', name);
  await mkdir(path.dirname(link), { recursive: true });
  await symlink(target, link, 'dir');
}

/** Runs Node.js to its end, without settings of the environment. Killed after two minutes: then the code is -1. */
export function runNode(
  args: readonly string[],
  options: {
    readonly cwd: string;
    readonly env?: Readonly<Record<string, string>>;
    readonly input?: string;
  },
): Promise<Finished> {
  const env = { ...process.env };
  for (const [name] of settingRows()) delete env[name];
  // A test runner that finds this in its environment reports to the one that started it.
  delete env.NODE_TEST_CONTEXT;
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      args,
      { cwd: options.cwd, env: { ...env, ...options.env }, maxBuffer: 64 << 20, timeout: 120_000 },
      (error, stdout, stderr) => resolve({ code: error ? (child.exitCode ?? -1) : 0, stdout, stderr }),
    );
    // A program that ends before it has read its input is no fault of the test.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(options.input ?? '');
  });
}
