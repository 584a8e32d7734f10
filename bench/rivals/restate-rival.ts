import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { poll } from '../../src/testing/poll.js';
import {
  freePort,
  type ServerProcess,
  startServerProcess,
} from '../../src/testing/servers/server-process.js';
import { startCpuMeter } from '../runs/cpu-meter.js';
import type { Rival, RivalOrder, RivalResult } from './rival.js';
import { pidOf, type RivalProcess, startRivalProcess } from './rival-process.js';

const CONNECTIONS = 100;
const SERVER = fileURLToPath(
  new URL('node_modules/@restatedev/restate-server-linux-x64/bin/restate-server', import.meta.url),
);

/** Restate: one server, one service process whose handler is the workflow, calls that are answered at its end. */
export const restate: Rival = {
  name: 'Restate',
  settings: `one server with its defaults, one service process; each node a ctx.run, levels together; ${CONNECTIONS} calls under way`,
  run: runCalls,
};

interface RestateServer {
  readonly process: ServerProcess;
  readonly directory: string;
  readonly ingressPort: number;
  readonly adminPort: number;
}

async function runCalls({ parents, warmupSeconds, seconds }: RivalOrder): Promise<RivalResult> {
  const server = await startServer();
  const port = await freePort();
  const service = startRivalProcess('restate-service.mjs', [JSON.stringify({ port, parents })]);
  const order = { port: server.ingressPort, connections: CONNECTIONS };
  const load = startRivalProcess('restate-load.mjs', [JSON.stringify(order)]);
  try {
    await Promise.all([service.next('ready'), load.next('ready')]);
    await register(server.adminPort, port);
    if (warmupSeconds > 0) await call(load, warmupSeconds);
    const groups = { server: [server.process.pid], service: [pidOf(service)], load: [pidOf(load)] };
    const meter = startCpuMeter(groups);
    const { flows, elapsedMs } = await call(load, seconds);
    meter.stop();
    return {
      workflowsPerSecond: (flows * 1000) / elapsedMs,
      cpuMicros: Object.fromEntries(
        Object.entries(meter.used()).map(([name, micros]) => [name, micros / flows]),
      ),
    };
  } finally {
    load.child.kill('SIGKILL');
    service.child.kill('SIGKILL');
    server.process.signal('SIGKILL');
    await server.process.exited;
    await rm(server.directory, { recursive: true, force: true });
  }
}

function call(load: RivalProcess, seconds: number): Promise<{ flows: number; elapsedMs: number }> {
  const done = load.next<{ flows: number; elapsedMs: number }>('flows');
  load.child.send({ seconds });
  return done;
}

async function startServer(): Promise<RestateServer> {
  if (!existsSync(SERVER))
    throw new Error(`${SERVER} is missing: Restate's server is there for Linux on x64 only`);
  const directory = await mkdtemp(join(tmpdir(), 'millrace-restate-'));
  const [ingressPort, adminPort, nodePort] = await Promise.all([freePort(), freePort(), freePort()]);
  const settings = {
    RESTATE_BASE_DIR: directory,
    RESTATE_INGRESS__BIND_ADDRESS: `127.0.0.1:${ingressPort}`,
    RESTATE_ADMIN__BIND_ADDRESS: `127.0.0.1:${adminPort}`,
    RESTATE_BIND_ADDRESS: `127.0.0.1:${nodePort}`,
    RESTATE_ADVERTISED_ADDRESS: `http://127.0.0.1:${nodePort}`,
    RESTATE_LOG_FILTER: 'warn',
    DO_NOT_TRACK: '1',
  };
  const process = startServerProcess({
    command: '/usr/bin/env',
    args: [
      ...Object.entries(settings).map((pair) => pair.join('=')),
      ...[SERVER, '--no-logo', '--listen-mode', 'tcp', '--node-name', 'bench'],
    ],
    logFile: join(directory, 'log'),
  });
  await poll(
    'Restate to answer',
    async () => (await fetch(`http://127.0.0.1:${adminPort}/health`).catch(() => undefined))?.ok,
  );
  return { process, directory, ingressPort, adminPort };
}

async function register(adminPort: number, servicePort: number): Promise<void> {
  const answer = await fetch(`http://127.0.0.1:${adminPort}/deployments`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ uri: `http://127.0.0.1:${servicePort}` }),
  });
  if (!answer.ok) throw new Error(`Restate refused the service (${answer.status}): ${await answer.text()}`);
}
