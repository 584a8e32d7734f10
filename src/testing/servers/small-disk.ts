import { execFileSync } from 'node:child_process';
import { chownSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface SmallDisk {
  readonly directory: string;
  remove(): void;
}

/** A file system of `bytes` in memory that belongs to whom `like` belongs to. undefined: this process may not mount one. */
export function mountSmallDisk(bytes: number, like: string): SmallDisk | undefined {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', directory], { stdio: 'pipe' });
  } catch {
    rmSync(directory, { recursive: true });
    return undefined;
  }
  const { uid, gid } = statSync(like);
  chownSync(directory, uid, gid);
  return {
    directory,
    remove() {
      // A server that still holds files there lets go of them in its own time.
      execFileSync('umount', ['-l', directory]);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
