import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { findInstance } from './engine-instance.mjs';
import { ensurePostgres, ensureRedis, freePort, stopServer } from './local-servers.mjs';
import { findRunningEngine, startEngine } from './start-engine.mjs';
import { stopEngine } from './stop-engine.mjs';

const HOSTS = ['host-1', 'host-2'];
const REDIS_PORT = 6379;
const POSTGRES_PORT = 5432;

/**
 * @typedef {object} StackHost
 * @property {string} name
 * @property {number} pid
 * @property {string} baseUrl
 * @property {string} dataDir
 * @property {any} health
 */

/** @param {string} dataDir */
export const settingsFileOf = (dataDir) => path.join(dataDir, 'distributed.env');

/**
 * A Redis, a PostgreSQL and two hosts on them, all below `dataDir` and in the background; what runs already is left as it is.
 * @param {{ dataDir: string, port: number, environment?: Record<string, string> }} options `port`: of the first host, the second takes the next; 0: free ones
 */
export async function startStack({ dataDir, port, environment = {} }) {
  const [redis, postgres] = await Promise.all([
    ensureRedis({ directory: path.join(dataDir, 'redis'), port: REDIS_PORT }),
    ensurePostgres({ directory: path.join(dataDir, 'postgres'), port: POSTGRES_PORT }),
  ]);
  const store = { REDIS_URL: redis.url, DATABASE_URL: postgres.url };
  const lines = Object.entries(store).map(([name, value]) => `${name}=${value}\n`);
  await writeFile(settingsFileOf(dataDir), lines.join(''), { mode: 0o600 });
  /** @type {StackHost[]} */
  const hosts = [];
  for (const [index, name] of HOSTS.entries()) {
    hosts.push(
      await ensureHost({
        dataDir,
        name,
        port: port === 0 ? 0 : port + index,
        environment: { ...environment, ...store },
      }),
    );
  }
  return { redis, postgres, hosts };
}

/**
 * @param {{ dataDir: string, name: string, port: number, environment: Record<string, string> }} options
 * @returns {Promise<StackHost>}
 */
export async function ensureHost({ dataDir, name, port: wanted, environment }) {
  const directory = path.join(dataDir, name);
  const running = await findRunningEngine({ dataDir: directory });
  if (running) return { name, dataDir: directory, ...running };
  const port = await freePort(wanted);
  const settings = { dataDir: directory, baseUrl: `http://127.0.0.1:${port}` };
  const health = await startEngine(settings, { ...environment, HOST: '127.0.0.1', PORT: String(port) });
  const instance = await findInstance(directory);
  return { name, dataDir: directory, baseUrl: settings.baseUrl, pid: instance?.pid ?? 0, health };
}

/**
 * Ends what `startStack` started: the hosts, which finish what runs, then the servers. Answers the names of what ran.
 * @param {{ dataDir: string, drainMs: number }} options
 */
export async function stopStack({ dataDir, drainMs }) {
  const hosts = await Promise.all(
    HOSTS.map(async (name) =>
      (await stopEngine({ dataDir: path.join(dataDir, name), drainMs })) ? name : '',
    ),
  );
  const redis = await stopServer(path.join(dataDir, 'redis'), 'SIGTERM');
  // SIGINT: sessions are ended, and what was committed is written.
  const postgres = await stopServer(path.join(dataDir, 'postgres'), 'SIGINT');
  return [...hosts, redis ? 'Redis' : '', postgres ? 'PostgreSQL' : ''].filter((name) => name !== '');
}
