import { execFile } from 'node:child_process';
import { readdir, readFile, readlink } from 'node:fs/promises';
import { promisify } from 'node:util';

/**
 * A text that no other process, before or after, has: the boot and the process's start. A pid alone is given out again.
 * Undefined where no process has the pid.
 * @param {number} pid
 * @returns {Promise<string | undefined>}
 */
export async function identityOf(pid) {
  return (await identityFromProc(pid)) ?? (await identityFromPs(pid));
}

/** @param {number} pid */
async function identityFromProc(pid) {
  try {
    const [boot, stat] = await Promise.all([
      readFile('/proc/sys/kernel/random/boot_id', 'utf8'),
      readFile(`/proc/${pid}/stat`, 'utf8'),
    ]);
    // The command's name (field 2) may hold blanks and brackets; state and start time are fields 3 and 22.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : `${boot.trim()} ${fields[19]}`;
  } catch {
    return undefined;
  }
}

/** @param {number} pid */
async function identityFromPs(pid) {
  try {
    const { stdout } = await promisify(execFile)('ps', ['-o', 'lstart=', '-p', String(pid)]);
    return stdout.trim() || undefined;
  } catch {
    return undefined;
  }
}

/**
 * The process that listens on a TCP port, as far as this user may see it; Linux only.
 * @param {number} port
 * @returns {Promise<number | undefined>}
 */
export async function listenerOf(port) {
  const sockets = await listeningSockets(port);
  if (sockets.size === 0) return undefined;
  const processes = await readdir('/proc').catch(() => []);
  for (const pid of processes.filter((name) => /^\d+$/.test(name))) {
    const descriptors = await readdir(`/proc/${pid}/fd`).catch(() => []);
    for (const descriptor of descriptors) {
      const target = await readlink(`/proc/${pid}/fd/${descriptor}`).catch(() => '');
      if (sockets.has(target)) return Number(pid);
    }
  }
  return undefined;
}

/**
 * The sockets, as /proc spells them, that listen on the port.
 * @param {number} port
 */
async function listeningSockets(port) {
  const LISTEN = '0A';
  const tables = await Promise.all(
    ['/proc/net/tcp', '/proc/net/tcp6'].map((table) => readFile(table, 'utf8').catch(() => '')),
  );
  const sockets = new Set();
  for (const line of tables.join('\n').split('\n')) {
    const [, local, , state, , , , , , inode] = line.trim().split(/\s+/);
    if (state === LISTEN && Number.parseInt(local?.split(':')[1] ?? '', 16) === port)
      sockets.add(`socket:[${inode}]`);
  }
  return sockets;
}
