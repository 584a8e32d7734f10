import { readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { identityOf } from './process-identity.mjs';

/** @param {string} dataDir */
export const pidFileOf = (dataDir) => path.join(dataDir, 'millrace.pid');
/** @param {string} dataDir */
export const logFileOf = (dataDir) => path.join(dataDir, 'millrace.log');

/**
 * Notes a process that was started in the background: its pid, then what tells it from a later process of that pid.
 * @param {{ dataDir: string, pid: number, baseUrl: string }} instance
 */
export async function recordInstance({ dataDir, pid, baseUrl }) {
  await writeFile(pidFileOf(dataDir), `${pid}\n${baseUrl}\n${await identityOf(pid)}\n`);
}

/**
 * The engine that was started in the background on this data directory and still runs.
 * @param {string} dataDir
 * @returns {Promise<{ pid: number, baseUrl: string } | undefined>}
 */
export async function findInstance(dataDir) {
  const text = await readFile(pidFileOf(dataDir), 'utf8').catch(() => '');
  const [pidText, baseUrl, identity] = text.split('\n');
  const pid = Number(pidText);
  if (!Number.isInteger(pid) || pid < 1 || !baseUrl || !identity) return undefined;
  return (await identityOf(pid)) === identity ? { pid, baseUrl } : undefined;
}

/** @param {string} dataDir */
export async function forgetInstance(dataDir) {
  await rm(pidFileOf(dataDir), { force: true });
}

/**
 * What answers there: a healthy engine, one that is not (yet) healthy, something else, or nothing.
 * @param {string} baseUrl
 * @returns {Promise<{ kind: 'healthy' | 'unhealthy', health: any } | { kind: 'foreign' | 'none' }>}
 */
export async function probe(baseUrl) {
  let response;
  try {
    response = await fetch(`${baseUrl}/health`, { signal: AbortSignal.timeout(5000) });
  } catch (error) {
    const code = error instanceof Error ? /** @type {any} */ (error.cause)?.code : undefined;
    return { kind: code === 'ECONNREFUSED' ? 'none' : 'foreign' };
  }
  const health = await response.json().catch(() => undefined);
  if (typeof health?.status !== 'string' || typeof health.durability !== 'string') return { kind: 'foreign' };
  return { kind: response.status === 200 && health.status === 'healthy' ? 'healthy' : 'unhealthy', health };
}

/**
 * Asks again and again until the condition gives something; undefined where the time runs out first.
 * @template T
 * @param {() => Promise<T | undefined>} condition
 * @param {number} timeoutMs
 * @returns {Promise<T | undefined>}
 */
export async function poll(condition, timeoutMs) {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const found = await condition();
    if (found !== undefined || Date.now() > deadline) return found;
    await pause(100);
  }
}
