import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { poll } from '../poll.js';
import { type ImageFiles, makeImageFiles } from './image-files.js';
import { LocalTopology } from './local-topology.js';

/**
 * What docker-compose.yml and the Dockerfile describe, run without a Docker engine: the files of the image are made by following the
 * Dockerfile, and the services started from them as processes. Then the black-box checks, more workers, a worker that is killed, the
 * cluster profile, and a stop in the time that the file allows. What only an engine can show (the base images, the users and limits of
 * containers, the published ports) is left to the workflow of .github.
 */
const CHECKOUT = fileURLToPath(new URL('../../../', import.meta.url));
const API_KEY = 'a-key-of-this-run';
const VARIABLES = { REDIS_PASSWORD: 'of-redis', POSTGRES_PASSWORD: 'of-postgres', MILLRACE_API_KEY: API_KEY };
const HEADERS = { authorization: `Bearer ${API_KEY}`, 'content-type': 'application/json' };
/**
 * The lease is shortened so that the work of a killed worker is taken over sooner, and no shorter, because a host that a busy machine keeps
 * from its heartbeats counts as dead. Containers call no private address unless it is allowed; here they are bound to the loopback, so it
 * is said.
 */
const SETTINGS = {
  LEASE_MS: '10000',
  LOG_LEVEL: 'warn',
  HTTP_ALLOW_PRIVATE: 'false',
  HTTP_ALLOW_HOSTS: '127.0.0.1',
};
const SLEEPERS = 12;

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

interface Answer {
  readonly execution_id: string;
  readonly status: string;
  readonly hosts: readonly {
    readonly id: string;
    readonly roles: readonly string[];
    readonly running_tasks: number;
  }[];
}

async function call(base: string, method: string, where: string, body?: unknown): Promise<Answer> {
  const response = await fetch(base + where, {
    method,
    headers: HEADERS,
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  assert.ok(response.ok, `${method} ${where}: ${response.status} ${await response.clone().text()}`);
  return (await response.json()) as Answer;
}

async function blackBox(base: string): Promise<void> {
  const run = spawn('bash', ['scripts/test_api.sh', base], {
    cwd: CHECKOUT,
    env: { ...process.env, API_KEY },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const [code] = await once(run, 'exit');
  assert.equal(code, 0, 'scripts/test_api.sh');
}

/** Tasks that hold a worker for seconds, so that one of them dies with its worker. */
function submitSleepers(base: string): Promise<string[]> {
  const config = { prompt: 'slowly', simulate: { latency_ms: [6000, 7000] } };
  const body = { name: 'sleeper', trigger: true, dag: { nodes: [{ id: 'a', handler: 'call_llm', config }] } };
  return Promise.all(
    Array.from(
      { length: SLEEPERS },
      async () => (await call(base, 'POST', '/api/v1/workflow', body)).execution_id,
    ),
  );
}

async function allComplete(base: string, ids: readonly string[]): Promise<void> {
  for (const id of ids) {
    const { status } = await call(base, 'GET', `/api/v1/workflow/${id}?wait=60`);
    assert.equal(status, 'COMPLETED', id);
  }
}

async function killAWorker(topology: LocalTopology): Promise<void> {
  const base = topology.engines('api')[1]?.baseUrl ?? '';
  const ids = await submitSleepers(base);
  const victim = await poll('a worker to run tasks', async () => {
    const { hosts } = await call(base, 'GET', '/api/v1/admin/stats');
    const busy = hosts.filter((host) => host.running_tasks > 0);
    return topology.engines('worker').find(({ pid }) => busy.some(({ id }) => id.includes(`-${pid}-`)));
  });
  victim.kill();
  await allComplete(base, ids);
  await poll('the killed worker to be started again', async () => {
    const answer = await fetch(`${victim.baseUrl}/readyz`).catch(() => undefined);
    return victim.restarts === 1 && answer?.ok;
  });
}

async function workersSeen(topology: LocalTopology): Promise<number> {
  const { hosts } = await call(topology.engines('api')[0]?.baseUrl ?? '', 'GET', '/api/v1/admin/stats');
  return hosts.filter((host) => host.roles.join() === 'worker').length;
}

async function proveDefault(image: ImageFiles): Promise<void> {
  const file = path.join(CHECKOUT, 'docker-compose.yml');
  const topology = await LocalTopology.up({
    ...{ file, checkout: CHECKOUT, image, variables: VARIABLES, settings: SETTINGS },
  });
  try {
    assert.equal(topology.engines('api').length, 2);
    await blackBox(topology.engines('api')[0]?.baseUrl ?? '');
    await topology.scale('worker', 4);
    await poll('four workers', async () => (await workersSeen(topology)) === 4);
    say('docker compose up --scale worker=4: four workers');
    await killAWorker(topology);
    say('a worker was killed: its work was taken over and it was started again');
  } catch (error) {
    for (const name of ['api', 'worker'])
      for (const engine of topology.engines(name)) say(`${name}:\n${engine.output()}`);
    throw error;
  } finally {
    await topology.down();
  }
  say('every host has stopped by itself, in time, with 0');
}

async function proveCluster(image: ImageFiles): Promise<void> {
  const topology = await LocalTopology.up({
    ...{ file: path.join(CHECKOUT, 'docker-compose.yml'), checkout: CHECKOUT, image, settings: SETTINGS },
    variables: { ...VARIABLES, REDIS_CLUSTER: 'yes' },
    profiles: ['cluster'],
  });
  try {
    const base = topology.engines('api')[0]?.baseUrl ?? '';
    await allComplete(base, await submitSleepers(base));
    say('profile cluster: workflows complete on three masters');
  } finally {
    await topology.down();
  }
}

const into = await mkdtemp(path.join(tmpdir(), 'millrace-image-'));
try {
  const image = await makeImageFiles(CHECKOUT, into);
  say(`The files of the image, in ${image.directory}; not carried out here:\n  ${image.left.join('\n  ')}`);
  await proveDefault(image);
  await proveCluster(image);
} finally {
  await rm(into, { recursive: true, force: true });
}
