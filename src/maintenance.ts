import { existsSync } from 'node:fs';
import { access, constants, readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import { createRunner } from './composition/worker-threads.js';
import type { Config } from './config.js';
import { checkBindPolicy } from './http/access.js';
import { createSubmissionParser, type SubmissionParser } from './model/parse-submission.js';
import { lockDirectory } from './store/embedded/directory-lock.js';
import { openToRead } from './store/embedded/verify-store.js';
import type { Finding } from './store/finding.js';
import { inspectPostgres } from './store/postgres/inspect-postgres.js';
import { inspectRedis } from './store/redis/inspect-redis.js';
import { createLogger } from './telemetry/log.js';

/** What works on the parts of an engine without serving: the command line's own composition. */
export { type BackupManifest, backUp, restoreBackup } from './store/embedded/backup.js';
export type { Finding };

const LEAST_NODE = 20;
/** A host has a file open for each connection of a client. */
const LEAST_OPEN_FILES = 4096;

/** The parser of the engine, with its handlers and those of HANDLERS_DIR. Rejects where a file of them is broken. */
export async function openParser(
  config: Config,
): Promise<{ readonly parser: SubmissionParser; close(): Promise<void> }> {
  const runner = createRunner({ ...config, WORKER_THREADS: 1 }, createLogger({ level: 'silent' }));
  try {
    await runner.start();
  } catch (error) {
    await runner.close();
    throw error;
  }
  const limits = { maxNodes: config.MAX_NODES, maxParamsBytes: config.MAX_PARAMS_BYTES };
  const parser = createSubmissionParser({
    limits,
    refusalOfCallback: () => undefined,
    catalog: () => runner.handlers,
  });
  return { parser, close: () => runner.close() };
}

/** Looks at everything that a start with these settings needs, one after the other, and changes nothing. */
export async function inspectHost(config: Config, now: () => number): Promise<readonly Finding[]> {
  return [
    nodeFinding(),
    bindFinding(config),
    await portFinding(config),
    await httpFinding(config),
    await openFilesFinding(),
    await handlersFinding(config),
    ...(config.isDistributed ? await distributedFindings(config, now) : [await dataDirFinding(config)]),
  ];
}

async function distributedFindings(config: Config, now: () => number): Promise<readonly Finding[]> {
  const [redis, postgres] = await Promise.all([
    inspectRedis({
      ...{ url: config.REDIS_URL, partitions: config.PARTITIONS, now },
      waitReplicas: config.REDIS_WAIT_REPLICAS,
    }),
    inspectPostgres(config.DATABASE_URL),
  ]);
  return [...redis, ...postgres];
}

function nodeFinding(): Finding {
  const check = 'Node.js';
  const detail = `${process.version}, ${process.platform} ${process.arch}`;
  if (Number(process.versions.node.split('.')[0]) >= LEAST_NODE) return { check, status: 'ok', detail };
  return { check, status: 'failed', detail, advice: `install Node.js ${LEAST_NODE} or newer` };
}

function bindFinding(config: Config): Finding {
  const check = 'access';
  try {
    checkBindPolicy(config);
    const detail = config.API_KEYS ? 'API keys are set' : 'no API keys; the loopback, or ALLOW_ANONYMOUS';
    return { check, status: 'ok', detail };
  } catch (error) {
    const advice = 'set API_KEYS=name:scope:key, or ALLOW_ANONYMOUS=true';
    return { check, status: 'failed', detail: messageOf(error), advice };
  }
}

async function portFinding({ HOST, PORT }: Config): Promise<Finding> {
  const check = 'port';
  const host = HOST || '127.0.0.1';
  const problem = await new Promise<string | undefined>((done) => {
    const server = createServer();
    server.once('error', (error) => done(error.message));
    server.listen(PORT, host, () => server.close(() => done(undefined)));
  });
  if (problem === undefined) return { check, status: 'ok', detail: `${host}:${PORT} is free` };
  const advice = 'stop what listens there (an engine that runs already?), or choose another PORT or HOST';
  return { check, status: 'failed', detail: `${host}:${PORT}: ${problem}`, advice };
}

async function httpFinding({ HTTP_BACKEND }: Config): Promise<Finding> {
  const check = 'HTTP server';
  if (HTTP_BACKEND === 'node') return { check, status: 'ok', detail: 'node:http, as HTTP_BACKEND says' };
  try {
    await import('uWebSockets.js');
    return { check, status: 'ok', detail: 'uWebSockets.js loads' };
  } catch (error) {
    const detail = `uWebSockets.js does not load: ${messageOf(error).split('\n')[0]}`;
    if (HTTP_BACKEND === 'uws')
      return { check, status: 'failed', detail, advice: 'set HTTP_BACKEND=auto, which takes node:http' };
    const advice =
      'none needed: node:http serves the same at a lower rate; Node.js 20 has binaries for glibc 2.36';
    return { check, status: 'warning', detail, advice };
  }
}

async function openFilesFinding(): Promise<Finding> {
  const check = 'open files';
  const limits = await readFile('/proc/self/limits', 'utf8').catch(() => '');
  const [, text] = /^Max open files\s+(\S+)/m.exec(limits) ?? [];
  if (text === undefined) return { check, status: 'skipped', detail: 'this system does not tell its limit' };
  const limit = text === 'unlimited' ? Number.POSITIVE_INFINITY : Number(text);
  if (limit >= LEAST_OPEN_FILES) return { check, status: 'ok', detail: `up to ${text}` };
  const advice = `ulimit -n 65536, or LimitNOFILE=65536 of the service`;
  return { check, status: 'warning', detail: `up to ${text}: so many clients can be connected`, advice };
}

async function handlersFinding(config: Config): Promise<Finding> {
  const check = 'handlers';
  if (!config.HANDLERS_DIR)
    return { check, status: 'ok', detail: 'the built-in ones; HANDLERS_DIR is empty' };
  try {
    const { close } = await openParser(config);
    await close();
    return { check, status: 'ok', detail: `those in ${resolve(config.HANDLERS_DIR)} load` };
  } catch (error) {
    return {
      check,
      status: 'failed',
      detail: messageOf(error),
      advice: 'correct the file, see docs/handlers.md',
    };
  }
}

async function dataDirFinding({ DATA_DIR }: Config): Promise<Finding> {
  const check = 'DATA_DIR';
  const directory = resolve(DATA_DIR);
  try {
    await access(existsSync(directory) ? directory : dirname(directory), constants.W_OK);
  } catch {
    const advice = 'create it, or let the user of the engine write to it';
    return { check, status: 'failed', detail: `${directory} cannot be written`, advice };
  }
  if (!existsSync(directory)) return { check, status: 'ok', detail: `${directory} will be made` };
  try {
    const lock = await lockDirectory(directory);
    await lock.release();
    if (!existsSync(join(directory, 'store')))
      return { check, status: 'ok', detail: `${directory} has no store yet` };
    const { root, description } = await openToRead(join(directory, 'store'));
    await root.close();
    return {
      check,
      status: 'ok',
      detail: `${directory}, a store of ${description.createdAt}, format ${description.format}`,
    };
  } catch (error) {
    const advice =
      'stop the engine that runs on it, choose another DATA_DIR, or restore a backup of a damaged one';
    return { check, status: 'failed', detail: messageOf(error), advice };
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
