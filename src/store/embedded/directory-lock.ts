import { createHash } from 'node:crypto';
import { realpathSync, rmSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MillraceError } from '../../model/errors.js';

/** The longest path that a Unix socket's address holds on every system (macOS: 104 bytes with its end). */
const LONGEST_SOCKET_PATH = 100;

export interface DirectoryLock {
  release(): Promise<void>;
}

/**
 * Makes the directory this process's own until it releases it or ends, however it ends. Rejects with STORE_IN_USE.
 *
 * What holds it are bound sockets, which the kernel closes with the process. On Linux one in the abstract namespace,
 * which cannot be stale; and everywhere one in the directory itself, which processes in other containers see too.
 */
export async function lockDirectory(directory: string): Promise<DirectoryLock> {
  await mkdir(directory, { recursive: true });
  const path = realpathSync(directory);
  const digest = createHash('sha256').update(path).digest('hex').slice(0, 32);
  const servers: Server[] = [];
  const release = async (): Promise<void> => {
    await Promise.all(servers.map((server) => new Promise<void>((done) => server.close(() => done()))));
  };
  try {
    if (process.platform === 'linux') servers.push(await bind(`\0millrace-${digest}`, directory));
    servers.push(await bindFile(socketPath(path, digest), directory));
  } catch (error) {
    await release();
    throw error;
  }
  return { release };
}

function socketPath(directory: string, digest: string): string {
  if (process.platform === 'win32') return `\\\\.\\pipe\\millrace-${digest}`;
  const inside = join(directory, 'lock.sock');
  return Buffer.byteLength(inside) <= LONGEST_SOCKET_PATH
    ? inside
    : join(tmpdir(), `millrace-${digest}.sock`);
}

/** As `bind`, but a socket file that nobody listens on any more is taken away first. */
async function bindFile(path: string, directory: string): Promise<Server> {
  try {
    return await bind(path, directory);
  } catch (error) {
    if ((await askHolder(path)) !== undefined) throw error;
    rmSync(path, { force: true });
    return await bind(path, directory);
  }
}

function bind(address: string, directory: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.end(String(process.pid));
    });
    server.unref();
    server.once('error', (cause: NodeJS.ErrnoException) => {
      if (cause.code !== 'EADDRINUSE') {
        reject(new MillraceError('STORE_IN_USE', `cannot lock ${directory}: ${cause.message}`, { cause }));
        return;
      }
      void askHolder(address).then((pid) => {
        const who = pid ? `process ${pid}` : 'another process';
        const what = `${directory} is in use by ${who}. Stop it, or choose another DATA_DIR`;
        reject(new MillraceError('STORE_IN_USE', what, { cause }));
      });
    });
    server.listen(address, () => resolve(server));
  });
}

/** The process id that the socket's holder tells; '' where it tells none in time; undefined where nobody listens. */
function askHolder(address: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect(address);
    let text = '';
    socket.setTimeout(1000, () => {
      socket.destroy();
      resolve(text);
    });
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
    });
    socket.once('end', () => resolve(text));
    socket.once('error', () => resolve(undefined));
  });
}
