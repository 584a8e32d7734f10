import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { MillraceError } from '../../model/errors.js';
import { lockDirectory } from './directory-lock.js';

const MODULE = new URL('./directory-lock.ts', import.meta.url).href;
const HOLD = `import { lockDirectory } from ${JSON.stringify(MODULE)};
await lockDirectory(process.argv[1]);
process.stdout.write('held');
setInterval(() => undefined, 1000);`;

async function withDirectory(run: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(path.join(tmpdir(), 'millrace-lock-'));
  try {
    await run(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** A process that holds the directory until it is killed. */
async function holdElsewhere(directory: string) {
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', HOLD, directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
    cwd: fileURLToPath(new URL('../../../', import.meta.url)),
  });
  const exited = new Promise((resolve) => child.once('exit', resolve));
  await new Promise<void>((resolve, reject) => {
    child.stdout.once('data', () => resolve());
    child.once('exit', (code) => reject(new Error(`the holder ended with ${code}`)));
  });
  return {
    pid: child.pid,
    kill: async () => {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

function isInUse(pid: number | undefined) {
  return (error: unknown): boolean =>
    error instanceof MillraceError && error.code === 'STORE_IN_USE' && error.message.includes(String(pid));
}

describe('the lock of a data directory', () => {
  test('a second taker in the same process is refused until the first releases it', async () => {
    await withDirectory(async (directory) => {
      const lock = await lockDirectory(directory);
      await assert.rejects(lockDirectory(directory), isInUse(process.pid));
      await lock.release();
      await (await lockDirectory(directory)).release();
    });
  });

  test('another process is refused with the pid of the holder, and takes over once that is killed', async () => {
    await withDirectory(async (directory) => {
      const holder = await holdElsewhere(directory);
      try {
        await assert.rejects(lockDirectory(directory), isInUse(holder.pid));
      } finally {
        await holder.kill();
      }
      assert.ok(existsSync(path.join(directory, 'lock.sock')), 'the socket file of a killed holder stays');
      await (await lockDirectory(directory)).release();
    });
  });

  test('the same directory by another path is the same directory', async () => {
    await withDirectory(async (directory) => {
      const lock = await lockDirectory(directory);
      await assert.rejects(
        lockDirectory(path.join(directory, '..', path.basename(directory))),
        isInUse(process.pid),
      );
      await lock.release();
    });
  });

  test('a path that is too long for a socket is locked too', async () => {
    await withDirectory(async (directory) => {
      const long = path.join(directory, 'd'.repeat(120));
      const lock = await lockDirectory(long);
      await assert.rejects(lockDirectory(long), isInUse(process.pid));
      await lock.release();
    });
  });
});
