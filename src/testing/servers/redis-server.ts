import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { poll } from '../poll.js';
import { findServer } from './find-server.js';
import { probeRedis } from './resp-probe.js';
import { freePort, type ServerProcess, startServerProcess } from './server-process.js';

export interface RedisServerOptions {
  /** Default: redis-server. */
  readonly program?: 'redis-server' | 'valkey-server';
  /** Default: no persistence. `always`: an AOF that is synced with each write. */
  readonly appendfsync?: 'always' | 'everysec';
  readonly password?: string;
  readonly args?: readonly string[];
}

/** A Redis of a test's own, on a free port of the loopback. */
export interface RedisServer {
  readonly url: string;
  readonly port: number;
  readonly directory: string;
  readonly pid: number;
  /** Ends it for good, and removes what it kept. */
  stop(): Promise<void>;
  /** kill -9. */
  kill(): Promise<void>;
  /** Again, on the same port and the same files. */
  start(): Promise<void>;
  /** Again, on the same port, without anything that it kept. */
  startEmpty(): Promise<void>;
  freeze(): void;
  thaw(): void;
  /** Lets this process end while the server runs; the server ends with it. */
  unref(): void;
}

/**
 * What docker-compose.yml sets beside durability. Entries leave a stream one by one, and each is looked for in its node: of 16 entries that
 * takes a seventh less CPU of Redis for five-node workflows than of 100, its default (npm run bench).
 */
export const SHIPPED_REDIS_SETTINGS = ['--stream-node-max-entries', '16'] as const;

export async function startRedis(options: RedisServerOptions = {}): Promise<RedisServer> {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-redis-'));
  const port = await freePort();
  const { appendfsync, password, args = [], program = 'redis-server' } = options;
  const settings = [
    ...['--port', String(port), '--bind', '127.0.0.1', '--dir', directory, '--save', ''],
    ...(appendfsync ? ['--appendonly', 'yes', '--appendfsync', appendfsync] : []),
    ...(password ? ['--requirepass', password] : []),
    ...args,
  ];
  let current: ServerProcess;
  const start = async (): Promise<void> => {
    current = startServerProcess({
      command: findServer(program),
      args: settings,
      logFile: join(directory, 'log'),
    });
    await poll('Redis to answer', async () => {
      const reply = await probeRedis(port, password ? `AUTH ${password}` : 'PING').catch(() => '');
      return reply.startsWith('+');
    });
  };
  await start();
  return {
    url: `redis://${password ? `:${password}@` : ''}127.0.0.1:${port}`,
    port,
    directory,
    get pid() {
      return current.pid;
    },
    start,
    async startEmpty() {
      await rm(join(directory, 'appendonlydir'), { recursive: true, force: true });
      await start();
    },
    async kill() {
      current.signal('SIGKILL');
      await current.exited;
    },
    async stop() {
      current.signal('SIGKILL');
      await current.exited;
      await rm(directory, { recursive: true, force: true });
    },
    freeze: () => current.signal('SIGSTOP'),
    thaw: () => current.signal('SIGCONT'),
    unref: () => current.unref(),
  };
}
