import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { PlainError, run, runMain } from './project.mjs';

const POSTGRES_HOME = '/usr/lib/postgresql';
/** Debian's packages, and how to see whether what they bring is here. */
const SERVERS = [
  { name: 'redis-server', isPresent: () => isOnPath('redis-server') && isOnPath('redis-cli') },
  { name: 'postgresql', isPresent: () => isOnPath('postgres') || hasDebianPostgres() },
  { name: 'openssl', isPresent: () => isOnPath('openssl') },
  { name: 'chromium', isPresent: () => existsSync('/usr/bin/chromium') },
];

/**
 * Installs the programs of Redis and PostgreSQL where they are missing and apt may install them, and says otherwise how it is done.
 * @param {{ why: string, otherwise?: string }} options what they are needed for, and how to do without
 */
export async function ensureServers({ why, otherwise = '' }) {
  const missing = SERVERS.filter((server) => !server.isPresent()).map((server) => server.name);
  if (missing.length === 0) return;
  if (process.getuid?.() !== 0 || !isOnPath('apt-get')) {
    throw new PlainError(
      `${why} Missing: ${missing.join(', ')}. Install them (Debian, Ubuntu: apt-get install ${missing.join(' ')})${otherwise}.`,
    );
  }
  console.log(`Installing ${missing.join(', ')} …`);
  await run('apt-get', ['update', '-qq']);
  // RUNLEVEL=1 keeps the packages from starting servers of their own.
  const settings = ['DEBIAN_FRONTEND=noninteractive', 'RUNLEVEL=1'];
  await run('env', [...settings, 'apt-get', 'install', '-y', '-qq', '--no-install-recommends', ...missing]);
}

/** @param {string} name */
function isOnPath(name) {
  return spawnSync('sh', ['-c', `command -v ${name}`], { stdio: 'ignore' }).status === 0;
}

function hasDebianPostgres() {
  return (
    existsSync(POSTGRES_HOME) &&
    readdirSync(POSTGRES_HOME).some((version) => existsSync(`${POSTGRES_HOME}/${version}/bin/initdb`))
  );
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  await runMain(async () => {
    if (process.env.SKIP_SERVER_TESTS === '1') return;
    await ensureServers({
      why: 'The tests start a Redis and a PostgreSQL of their own.',
      otherwise: ', or set SKIP_SERVER_TESTS=1 to leave out the tests of the distributed store',
    });
  });
}
