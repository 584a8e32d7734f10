import { existsSync, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Where Debian keeps the binaries of each PostgreSQL version. */
const POSTGRES_HOME = '/usr/lib/postgresql';

function onPath(name: string): string | undefined {
  for (const directory of (process.env.PATH ?? '').split(delimiter)) {
    const candidate = join(directory, name);
    if (directory && existsSync(candidate)) return candidate;
  }
  return undefined;
}

export type RedisProgram = 'redis-server' | 'redis-cli' | 'valkey-server';

export function isInstalled(name: RedisProgram): boolean {
  return onPath(name) !== undefined;
}

/** Throws where the program is not installed, and says how it is. */
export function findServer(name: RedisProgram): string {
  const found = onPath(name);
  if (found) return found;
  throw new Error(`${name} is not installed: apt-get install redis-server (or put it on the PATH)`);
}

/** A program of PostgreSQL, of the newest version there is. */
export function findPostgres(name: 'initdb' | 'postgres'): string {
  const versions = existsSync(POSTGRES_HOME) ? readdirSync(POSTGRES_HOME) : [];
  for (const version of versions.sort((a, b) => Number(b) - Number(a))) {
    const candidate = join(POSTGRES_HOME, version, 'bin', name);
    if (existsSync(candidate)) return candidate;
  }
  const found = onPath(name);
  if (found) return found;
  throw new Error(`${name} of PostgreSQL is not installed: apt-get install postgresql`);
}
