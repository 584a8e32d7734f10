import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { createCaller } from './call-engine.mjs';
import { ensureHost, startStack, stopStack } from './distributed-stack.mjs';
import { ensureBuilt } from './ensure-built.mjs';
import { ensureInstalled } from './ensure-installed.mjs';
import { ensureServers } from './ensure-servers.mjs';
import { createNarrator } from './narrator.mjs';
import { PlainError, runMain } from './project.mjs';

const WORKFLOWS = 20;
/** Short, so that nobody has to wait for the default of 15 s. */
const LEASE_MS = 5000;
const ENVIRONMENT = { LEASE_MS: String(LEASE_MS), WORKER_THREADS: '1', LOG_LEVEL: 'info', API_KEYS: '' };
const TIMEOUT_MS = 120_000;
const DRAIN_MS = 30_000;

/** @typedef {Awaited<ReturnType<typeof startStack>>} Stack */

const say = createNarrator(process.stdout);

await runMain(async () => {
  await ensureInstalled();
  await ensureServers({ why: 'The demonstration runs two hosts on a Redis and a PostgreSQL.' });
  await ensureBuilt();
  const dataDir = await mkdtemp(path.join(tmpdir(), 'millrace-demo-'));
  await chmod(dataDir, 0o755);
  const leave = async () => {
    await stopStack({ dataDir, drainMs: DRAIN_MS });
    await rm(dataDir, { recursive: true, force: true });
  };
  process.once('SIGINT', () => void leave().finally(() => process.exit(130)));
  try {
    await demonstrate(dataDir);
  } finally {
    say.step('Cleaning up');
    await leave();
    say.line('Everything is stopped and removed.');
  }
});

/** @param {string} dataDir */
async function demonstrate(dataDir) {
  say.step('Two hosts, one store');
  const stack = await startStack({ dataDir, port: 0, environment: ENVIRONMENT });
  const [first, second] = stack.hosts;
  if (!first || !second) throw new PlainError('The hosts did not start.');
  for (const { name, pid, baseUrl } of stack.hosts) say.fact(name, `pid ${pid}, ${baseUrl}`);
  say.fact('durability', first.health.durability);

  say.step(`${WORKFLOWS} workflows of three nodes; the node in the middle takes four seconds`);
  const ask = createCaller({ baseUrl: second.baseUrl, apiKey: undefined });
  const ids = await submitMany(first.baseUrl);
  const running = await untilBothWork(ask, stack);
  say.fact('running', running.map(({ name, tasks }) => `${tasks} tasks on ${name}`).join(', '));

  say.step(`kill -9 ${first.pid}: host-1 is gone in the middle of its work`);
  process.kill(first.pid, 'SIGKILL');
  const killedAt = Date.now();
  say.line(`Its leases run out within ${LEASE_MS / 1000} s; then host-2 takes over what it held.`);
  const { moved, seconds } = await watchRecovery({ ask, ids, killedAt, dead: `-${first.pid}-` });
  say.good(`All ${WORKFLOWS} are COMPLETED, ${seconds} s after the kill. Nothing was lost.`);

  say.step('A node that fails for good becomes a dead letter');
  const { redriven } = await redriveADeadLetter(ask);
  say.good(`${redriven} went on from the node that had failed, and is COMPLETED.`);

  say.step('host-1 comes back');
  const { REDIS_URL, DATABASE_URL } = { REDIS_URL: stack.redis.url, DATABASE_URL: stack.postgres.url };
  const environment = { ...ENVIRONMENT, REDIS_URL, DATABASE_URL };
  const back = await ensureHost({ dataDir, name: 'host-1', port: 0, environment });
  say.fact('host-1', `pid ${back.pid}, ${back.baseUrl}: takes work again`);

  say.step('Summed up');
  say.fact('acknowledged', `${WORKFLOWS + 1} workflows`);
  say.fact('completed', `${WORKFLOWS + 1} workflows`);
  say.fact('taken over', `${moved} nodes that the killed host ran were run again by the other`);
  say.fact('redriven', '1 dead letter');
}

/** @param {string} baseUrl */
async function submitMany(baseUrl) {
  const call = createCaller({ baseUrl, apiKey: undefined });
  const nodes = [
    { id: 'read', handler: 'input', config: { text: 'a long report' } },
    {
      ...{ id: 'think', handler: 'call_llm', dependencies: ['read'] },
      config: { prompt: 'Sum up {{ read.text }}', simulate: { latency_ms: [4000, 4000] } },
    },
    { id: 'answer', handler: 'output', dependencies: ['think'], config: { is: '{{ think.response }}' } },
  ];
  const body = JSON.stringify({ name: 'demo', trigger: true, dag: { nodes } });
  return Promise.all(
    Array.from(
      { length: WORKFLOWS },
      async () => (await call('POST', '/api/v1/workflow', body)).execution_id,
    ),
  );
}

/**
 * Resolves once host-1 runs tasks.
 * @param {ReturnType<typeof createCaller>} ask
 * @param {Stack} stack
 */
async function untilBothWork(ask, stack) {
  return until('host-1 to run tasks', async () => {
    const { hosts } = await ask('GET', '/api/v1/admin/stats');
    const running = stack.hosts.map(({ name, pid }) => ({
      name,
      tasks: hosts.find((/** @type {any} */ host) => host.id.includes(`-${pid}-`))?.running_tasks ?? 0,
    }));
    return running[0] && running[0].tasks > 0 ? running : undefined;
  });
}

/**
 * Tells how far the executions are, each second, until all of them have ended.
 * @param {{ ask: ReturnType<typeof createCaller>, ids: string[], killedAt: number, dead: string }} options
 */
async function watchRecovery({ ask, ids, killedAt, dead }) {
  const ran = new Set();
  let told = '';
  await until('every execution to end', async () => {
    const seen = await Promise.all(ids.map((id) => ask('GET', `/api/v1/workflow/${id}?detail=nodes`)));
    for (const { execution_id: id, nodes } of seen) if (nodes.think?.host?.includes(dead)) ran.add(id);
    const held = seen.filter(
      ({ status, nodes }) => status === 'RUNNING' && nodes.think?.host?.includes(dead),
    );
    const completed = seen.filter(({ status }) => status === 'COMPLETED').length;
    const text = `${completed} of ${ids.length} completed, ${held.length} still leased to the dead host`;
    if (text !== told) say.line(`${((Date.now() - killedAt) / 1000).toFixed(1).padStart(5)} s  ${text}`);
    told = text;
    return completed === ids.length ? true : undefined;
  });
  return { moved: ran.size, seconds: ((Date.now() - killedAt) / 1000).toFixed(1) };
}

/** @param {ReturnType<typeof createCaller>} ask */
async function redriveADeadLetter(ask) {
  const config = { url: 'http://service.invalid/', simulate: { latency_ms: [10, 20] } };
  const retry = { max_attempts: 3, initial_interval_ms: 200 };
  const nodes = [
    { id: 'charge', handler: 'call_external_service', retry, config: { ...config, simulate_failure: true } },
    {
      id: 'receipt',
      handler: 'output',
      dependencies: ['charge'],
      config: { of: '{{ charge.status_code }}' },
    },
  ];
  const body = JSON.stringify({ name: 'checkout', trigger: true, dag: { nodes } });
  const { execution_id: id } = await ask('POST', '/api/v1/workflow', body);
  const { status, node_statuses: states } = await ask('GET', `/api/v1/workflow/${id}?wait=60`);
  say.fact('execution', `${status}; charge ${states.charge}, receipt ${states.receipt}`);
  const letter = await until('the dead letter', async () => {
    const { entries } = await ask('GET', '/api/v1/admin/dlq?limit=100');
    return entries.find((/** @type {any} */ entry) => entry.execution_id === id);
  });
  say.fact('dead letter', `${letter.error_message} (${letter.retry_count + 1} attempts)`);
  say.line('The cause is mended, so it is retried, with a config that works:');
  await ask('POST', `/api/v1/admin/dlq/${letter.id}/retry`, JSON.stringify({ config }));
  const after = await ask('GET', `/api/v1/workflow/${id}?wait=60`);
  if (after.status !== 'COMPLETED') throw new PlainError(`The redriven execution ended ${after.status}.`);
  return { redriven: after.name };
}

/**
 * @template T
 * @param {string} what
 * @param {() => Promise<T | undefined>} probe
 * @returns {Promise<T>}
 */
async function until(what, probe) {
  const deadline = Date.now() + TIMEOUT_MS;
  for (;;) {
    const found = await probe();
    if (found !== undefined) return found;
    if (Date.now() > deadline) throw new PlainError(`Waited ${TIMEOUT_MS / 1000} s in vain for ${what}.`);
    await pause(250);
  }
}
