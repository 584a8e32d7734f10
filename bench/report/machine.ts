import { execFileSync } from 'node:child_process';
import { availableParallelism, cpus, platform, release, totalmem } from 'node:os';
import { findPostgres, findServer } from '../../src/testing/servers/find-server.js';
import { readVersion } from '../../src/version.js';

/** The machine in a line, for the head of a report. */
export function describeMachine(): string {
  const model = cpus()[0]?.model.trim() ?? 'unknown processor';
  const memoryGib = (totalmem() / 2 ** 30).toFixed(1);
  return `${availableParallelism()} cores (${model}), ${memoryGib} GiB, ${platform()} ${release()}`;
}

/** Of all that takes part, in a line. */
export function readVersions(): string {
  const ask = (find: () => string): string => {
    try {
      return execFileSync(find(), ['--version'], { encoding: 'utf8' }).trim().split('\n')[0] ?? '';
    } catch {
      return '';
    }
  };
  const redis = /v=([\d.]+)/.exec(ask(() => findServer('redis-server')))?.[1];
  const postgres = /([\d.]+)/.exec(ask(() => findPostgres('postgres')))?.[1];
  const parts = [`Millrace ${readVersion()}`, `Node.js ${process.versions.node}`];
  return [...parts, `Redis ${redis ?? 'absent'}`, `PostgreSQL ${postgres ?? 'absent'}`].join(', ');
}
