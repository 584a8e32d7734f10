import path from 'node:path';
import { PlainError, ROOT } from './project.mjs';

/**
 * The settings that the engine would start with, read by the engine's own code; needs the packages to be installed.
 * `dataDir` is absolute; `baseUrl` is where a client on this machine reaches it.
 */
export async function readSettings() {
  const { tsImport } = await import('tsx/esm/api');
  const { loadConfig } = await tsImport('../src/config.ts', import.meta.url);
  const config = load(loadConfig);
  if (config.PORT === 0) {
    throw new PlainError(
      'PORT=0 takes a free port that scripts cannot know beforehand; name one, as PORT=8001.',
    );
  }
  const host = config.HOST || '127.0.0.1';
  return {
    host,
    port: config.PORT,
    dataDir: path.resolve(ROOT, config.DATA_DIR),
    drainMs: config.DRAIN_MS,
    baseUrl: `http://${reachableHost(host)}:${config.PORT}`,
    apiKey: submittingKey(config.API_KEYS),
  };
}

/** @param {() => any} loadConfig */
function load(loadConfig) {
  try {
    return loadConfig();
  } catch (error) {
    if (error instanceof Error && error.name === 'ConfigError') throw new PlainError(error.message);
    throw error;
  }
}

/** @param {string} host */
function reachableHost(host) {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}

/**
 * The first of API_KEYS (name:scope:key, comma-separated) that may submit.
 * @param {string} keys
 */
function submittingKey(keys) {
  for (const entry of keys.split(',')) {
    const [, scope, ...key] = entry.trim().split(':');
    if (scope === 'submit' || scope === 'admin') return key.join(':');
  }
  return undefined;
}
