import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { chmod, chown, mkdir, open, readFile, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import path from 'node:path';
import { findInstance, forgetInstance, poll, recordInstance } from './engine-instance.mjs';
import { PlainError } from './project.mjs';

const POSTGRES_HOME = '/usr/lib/postgresql';
const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 60_000;

/**
 * A Redis below `directory` in the background, with each write synced, on `port` or, where that is taken, a free one; the one that runs
 * already, if there is one. Answers its URL.
 * @param {{ directory: string, port: number }} options
 */
export async function ensureRedis({ directory, port: wanted }) {
  const secret = await secretOf(directory);
  const running = await findInstance(directory);
  if (running) return { ...running, url: running.baseUrl.replace('//', `//:${secret}@`) };
  const port = await freePort(wanted);
  const configuration = path.join(directory, 'redis.conf');
  const lines = [
    ...['bind 127.0.0.1', `port ${port}`, `dir ${directory}`, `requirepass ${secret}`],
    ...['appendonly yes', 'appendfsync always', 'maxmemory-policy noeviction', 'daemonize no'],
    'stream-node-max-entries 16',
  ];
  await writeFile(configuration, `${lines.join('\n')}\n`, { mode: 0o600 });
  const pid = await startInBackground('redis-server', [configuration], { directory, name: 'Redis', port });
  const baseUrl = `redis://127.0.0.1:${port}`;
  await recordInstance({ dataDir: directory, pid, baseUrl });
  return { pid, baseUrl, url: `redis://:${secret}@127.0.0.1:${port}` };
}

/**
 * The same for PostgreSQL: its cluster is made where it is missing, its user and database are millrace.
 * @param {{ directory: string, port: number }} options
 */
export async function ensurePostgres({ directory, port: wanted }) {
  const secret = await secretOf(directory);
  const running = await findInstance(directory);
  const urlOf = (/** @type {string} */ baseUrl) =>
    `${baseUrl.replace('//', `//millrace:${secret}@`)}/postgres`;
  if (running) return { ...running, url: urlOf(running.baseUrl) };
  const user = postgresUser();
  const data = path.join(directory, 'data');
  if (user) await handOver(directory, user);
  if (!existsSync(path.join(data, 'PG_VERSION'))) {
    const settings = ['-U', 'millrace', '-A', 'scram-sha-256', '-E', 'UTF8', '--locale=C'];
    execFileSync(postgresProgram('initdb'), ['-D', data, ...settings, `--pwfile=${secretFile(directory)}`], {
      ...user,
      cwd: directory,
      stdio: 'pipe',
    });
  }
  const port = await freePort(wanted);
  const args = ['-D', data, '-p', String(port), '-h', '127.0.0.1', '-k', directory];
  const pid = await startInBackground(postgresProgram('postgres'), args, {
    ...{ directory, name: 'PostgreSQL', port, user },
  });
  const baseUrl = `postgres://127.0.0.1:${port}`;
  await recordInstance({ dataDir: directory, pid, baseUrl });
  return { pid, baseUrl, url: urlOf(baseUrl) };
}

/**
 * Ends a server that was started here; resolves with false where none runs.
 * @param {string} directory
 * @param {NodeJS.Signals} signal
 */
export async function stopServer(directory, signal) {
  const running = await findInstance(directory);
  if (running) {
    process.kill(running.pid, signal);
    const gone = await poll(
      async () => ((await findInstance(directory)) ? undefined : true),
      STOP_TIMEOUT_MS,
    );
    if (!gone) throw new PlainError(`pid ${running.pid} has not ended within ${STOP_TIMEOUT_MS / 1000} s.`);
  }
  await forgetInstance(directory);
  return running !== undefined;
}

/**
 * `wanted` where nobody listens on it, else a port that the system picks.
 * @param {number} wanted
 * @returns {Promise<number>}
 */
export function freePort(wanted) {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error) => (wanted === 0 ? reject(error) : resolve(freePort(0))));
    server.listen(wanted, '127.0.0.1', () => {
      const address = /** @type {import('node:net').AddressInfo} */ (server.address());
      server.close(() => resolve(address.port));
    });
  });
}

/** @param {string} directory */
const secretFile = (directory) => path.join(directory, 'password');

/**
 * The password of the server in this directory, made up at the first call.
 * @param {string} directory
 */
async function secretOf(directory) {
  await mkdir(directory, { recursive: true });
  const present = await readFile(secretFile(directory), 'utf8').catch(() => '');
  if (present) return present.trim();
  const secret = randomBytes(24).toString('hex');
  await writeFile(secretFile(directory), `${secret}\n`, { mode: 0o600 });
  return secret;
}

/**
 * @param {string} command
 * @param {string[]} args
 * @param {{ directory: string, name: string, port: number, user?: { uid: number, gid: number } | undefined }} options
 */
async function startInBackground(command, args, { directory, name, port, user }) {
  const logFile = path.join(directory, 'server.log');
  const log = await open(logFile, 'a');
  const child = spawn(command, args, {
    ...user,
    cwd: directory,
    detached: true,
    stdio: ['ignore', log.fd, log.fd],
  });
  await log.close();
  /** @type {string | undefined} */
  let failure;
  child.once('error', (error) => {
    failure = error.message;
  });
  child.once('exit', (code, signal) => {
    failure = `it ended at once (${signal ?? `exit code ${code}`})`;
  });
  const outcome = await poll(
    async () => failure ?? ((await listens(port)) ? true : undefined),
    START_TIMEOUT_MS,
  );
  if (outcome !== true || child.pid === undefined) {
    child.kill('SIGKILL');
    throw new PlainError(`${name} did not start: ${outcome ?? 'it does not listen'}; see ${logFile}`);
  }
  child.unref();
  return child.pid;
}

/** @param {number} port */
function listens(port) {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

/** PostgreSQL refuses to run as root; its package brings a user. */
function postgresUser() {
  if (process.getuid?.() !== 0) return undefined;
  const id = (/** @type {string} */ flag) => Number(execFileSync('id', [flag, 'postgres']).toString());
  return { uid: id('-u'), gid: id('-g') };
}

/**
 * @param {string} directory
 * @param {{ uid: number, gid: number }} user
 */
async function handOver(directory, user) {
  for (const place of [directory, secretFile(directory)]) await chown(place, user.uid, user.gid);
  await chmod(directory, 0o700);
  try {
    execFileSync('test', ['-x', directory], { ...user, cwd: '/' });
  } catch {
    throw new PlainError(
      `PostgreSQL runs as the user postgres, who may not enter ${directory}. Name a directory that everybody may enter, ` +
        'as DATA_DIR=/var/lib/millrace scripts/init.sh --distributed',
    );
  }
}

/** @param {'initdb' | 'postgres'} name */
function postgresProgram(name) {
  const versions = existsSync(POSTGRES_HOME) ? readdirSync(POSTGRES_HOME) : [];
  for (const version of versions.sort((a, b) => Number(b) - Number(a))) {
    const candidate = path.join(POSTGRES_HOME, version, 'bin', name);
    if (existsSync(candidate)) return candidate;
  }
  return name;
}
