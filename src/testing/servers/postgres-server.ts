import { execFileSync } from 'node:child_process';
import { chown, mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { poll } from '../poll.js';
import { findPostgres } from './find-server.js';
import { freePort, type ServerProcess, startServerProcess } from './server-process.js';

export interface PostgresServer {
  readonly url: string;
  readonly port: number;
  readonly directory: string;
  readonly pid: number;
  /** Ends it for good, and removes what it kept. */
  stop(): Promise<void>;
  /** kill -9 of the postmaster; its children end with it. */
  kill(): Promise<void>;
  /** Again, on the same port and the same files. */
  start(): Promise<void>;
  /** As `pg_ctl restart -m fast`. */
  restart(): Promise<void>;
  /** Lets this process end while the server runs; the server ends with it. */
  unref(): void;
}

/** PostgreSQL refuses to run as root. */
function unprivileged(): { readonly uid: number; readonly gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const id = (flag: string): number => Number(execFileSync('id', [flag, 'postgres']).toString());
  return { uid: id('-u'), gid: id('-g') };
}

/** `args`: settings, as `-c name=value`. A PostgreSQL of a test's own, on a free port of the loopback. */
export async function startPostgres(args: readonly string[] = []): Promise<PostgresServer> {
  const user = unprivileged();
  const directory = await mkdtemp(join(tmpdir(), 'millrace-postgres-'));
  if (user) await chown(directory, user.uid, user.gid);
  const data = join(directory, 'data');
  execFileSync(
    findPostgres('initdb'),
    ['-D', data, '-U', 'millrace', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'],
    { ...user, cwd: directory, stdio: 'pipe' },
  );
  const port = await freePort();
  let current: ServerProcess;
  const start = async (): Promise<void> => {
    // What a killed postmaster left would keep the next one from starting where its pid is in use again.
    await rm(join(data, 'postmaster.pid'), { force: true });
    current = startServerProcess({
      command: findPostgres('postgres'),
      args: ['-D', data, '-p', String(port), '-h', '127.0.0.1', '-k', directory, ...args],
      logFile: join(directory, 'log'),
      ...user,
    });
    await poll('PostgreSQL to take sessions', () => accepts(port));
  };
  await start();
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    current.signal(signal);
    await current.exited;
  };
  return {
    url: `postgres://millrace@127.0.0.1:${port}/postgres`,
    port,
    directory,
    get pid() {
      return current.pid;
    },
    start,
    kill: () => end('SIGKILL'),
    unref: () => current.unref(),
    async restart() {
      await end('SIGINT');
      await start();
    },
    async stop() {
      await end('SIGQUIT');
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Whether it takes sessions: the answer to a start-up packet is an authentication request. */
function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    const parameters = Buffer.from('user\0millrace\0database\0postgres\0\0');
    const head = Buffer.alloc(8);
    head.writeInt32BE(8 + parameters.length, 0);
    head.writeInt32BE(196_608, 4);
    socket.setTimeout(1000, () => socket.destroy());
    socket.once('connect', () => socket.write(Buffer.concat([head, parameters])));
    socket.once('data', (data) => {
      socket.destroy();
      resolve(data[0] === 'R'.charCodeAt(0));
    });
    socket.once('error', () => resolve(false));
    socket.once('close', () => resolve(false));
  });
}
