import { spawn } from 'node:child_process';
import { mkdir, open, readFile } from 'node:fs/promises';
import { findInstance, forgetInstance, logFileOf, poll, probe, recordInstance } from './engine-instance.mjs';
import { listenerOf } from './process-identity.mjs';
import { inRoot, PlainError, ROOT } from './project.mjs';

const START_TIMEOUT_MS = 60_000;
const LOG_LINES_SHOWN = 30;

/**
 * Starts the built engine in the background; resolves with what /health says once it is healthy.
 * @param {{ dataDir: string, baseUrl: string }} settings
 * @param {Record<string, string>} [environment] settings of the engine beside those of this process
 */
export async function startEngine({ dataDir, baseUrl }, environment = {}) {
  await mkdir(dataDir, { recursive: true });
  const log = await open(logFileOf(dataDir), 'a');
  const child = spawn(process.execPath, [inRoot('dist/src/main.js')], {
    cwd: ROOT,
    env: { ...process.env, ...environment, DATA_DIR: dataDir },
    detached: true,
    stdio: ['ignore', log.fd, log.fd],
  });
  /** @type {string | undefined} */
  let failure;
  child.once('error', (error) => {
    failure = error.message;
  });
  child.once('exit', (code, signal) => {
    failure = `it ended at once (${signal ?? `exit code ${code}`})`;
  });
  await log.close();
  if (child.pid !== undefined) await recordInstance({ dataDir, pid: child.pid, baseUrl });
  const outcome = await untilHealthy(baseUrl, () => failure);
  if (typeof outcome === 'object') {
    child.unref();
    return outcome;
  }
  child.kill('SIGTERM');
  await forgetInstance(dataDir);
  throw new PlainError(
    `The engine did not start: ${outcome}. The end of ${logFileOf(dataDir)}:\n${await endOfLog(dataDir)}`,
  );
}

/**
 * The running engine of this data directory once it is healthy, or undefined where none runs.
 * @param {{ dataDir: string }} settings
 */
export async function findRunningEngine({ dataDir }) {
  const running = await findInstance(dataDir);
  if (!running) return undefined;
  const health = await untilHealthy(running.baseUrl);
  if (typeof health === 'string') {
    throw new PlainError(
      `The engine that runs as pid ${running.pid} does not answer as healthy at ${running.baseUrl}: ${health}. ` +
        `See ${logFileOf(dataDir)}; scripts/stop.sh stops it.`,
    );
  }
  return { ...running, health };
}

/**
 * What /health says once it is healthy; else, in words, why it is not.
 * @param {string} baseUrl
 * @param {() => string | undefined} [failure] why to wait no longer
 */
async function untilHealthy(baseUrl, failure = () => undefined) {
  const outcome = await poll(async () => {
    const answer = await probe(baseUrl);
    return answer.kind === 'healthy' ? answer.health : failure();
  }, START_TIMEOUT_MS);
  return outcome ?? `it was not healthy within ${START_TIMEOUT_MS / 1000} seconds`;
}

/**
 * Leaves with a clear sentence where something answers on the port already.
 * @param {{ port: number, baseUrl: string }} settings
 */
export async function refuseTakenPort({ port, baseUrl }) {
  const answer = await probe(baseUrl);
  if (answer.kind === 'none') return;
  const what =
    answer.kind === 'foreign' ? 'another program' : 'an engine that this script did not start here';
  const pid = await listenerOf(port);
  throw new PlainError(
    `Port ${port} is taken by ${what}${pid ? ` (pid ${pid})` : ''}. ` +
      `Stop it, or choose another port: PORT=${port + 1} scripts/init.sh`,
  );
}

/** @param {string} dataDir */
async function endOfLog(dataDir) {
  const text = await readFile(logFileOf(dataDir), 'utf8').catch(() => '');
  return text.trimEnd().split('\n').slice(-LOG_LINES_SHOWN).join('\n');
}
