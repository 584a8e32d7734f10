import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { runForkedLoad } from '../load/forked-load.js';
import { onLoopback } from '../load/http-connection.js';
import { cpuUsed } from '../runs/cpu-meter.js';
import { chain } from '../runs/workloads.js';
import type { Floor, FloorResult } from './floor.js';

const ENTRY = fileURLToPath(new URL('echo-process.ts', import.meta.url));
const CONNECTIONS = 32;

/** HTTP servers that parse a two-node submission and answer at once, under the load generator of the bench. */
export const echoFloors: readonly Floor[] = [
  {
    name: 'HTTP: uWebSockets.js, the body of a submission',
    unit: 'requests',
    run: (seconds) => echo('uws', seconds),
  },
  {
    name: 'HTTP: node:http, the body of a submission',
    unit: 'requests',
    run: (seconds) => echo('node', seconds),
  },
];

async function echo(backend: 'uws' | 'node', seconds: number): Promise<FloorResult> {
  const child = fork(ENTRY, [backend], { execArgv: ['--import', 'tsx'] });
  try {
    const [port] = (await once(child, 'message')) as [number];
    if (port === 0) throw new Error('the echo server could not listen');
    const before = cpuUsed([child.pid ?? 0]);
    const load = await runForkedLoad({
      targets: [onLoopback(port)],
      ...{ connections: CONNECTIONS, seconds, rate: 0, batchSize: 1 },
      load: 'single',
      body: JSON.stringify(chain(2)),
    });
    const requests = load.executionIds.length;
    if (load.failed > 0) throw new Error(`${load.failed} requests failed: ${load.firstFailure}`);
    return {
      perSecond: (requests * 1000) / load.elapsedMs,
      cpuMicros: {
        server: (cpuUsed([child.pid ?? 0]) - before) / requests,
        load: load.cpuMicros / requests,
      },
    };
  } finally {
    child.disconnect();
  }
}
