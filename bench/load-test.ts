import { parseArgs } from 'node:util';
import type { HttpTarget } from './load/http-connection.js';
import {
  mergeLatencies,
  type PackedLatency,
  packLatency,
  TABLE_PERCENTILES,
  tableFigures,
} from './load/latency-curve.js';
import type { LoadReport } from './load/load-order.js';
import { runLoad } from './load/run-load.js';
import { type EndedExecutions, untilEnded } from './load/until-ended.js';
import { figure, tableText } from './report/table.js';
import { chain } from './runs/workloads.js';

/** What scripts/run_load_test.sh runs: a load against an instance that somebody else started, and that may have other work. */
const USAGE =
  'scripts/run_load_test.sh http://host:port [--seconds 10] [--connections 32] [--rate N] [--key KEY]';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: 'string', default: '10' },
    connections: { type: 'string', default: '32' },
    rate: { type: 'string', default: '0' },
    key: { type: 'string' },
  },
});

function readTarget(): HttpTarget {
  const url = URL.canParse(positionals[0] ?? '') ? new URL(positionals[0] ?? '') : undefined;
  if (url?.protocol !== 'http:') throw new Error(USAGE);
  const { hostname: host, port } = url;
  const headers = values.key === undefined ? {} : { headers: `authorization: Bearer ${values.key}\r\n` };
  return { host: host.replace(/^\[|\]$/g, ''), port: Number(port || 80), ...headers };
}

function readNumber(name: 'seconds' | 'connections' | 'rate', least: number): number {
  const value = Number(values[name]);
  if (!(value >= least))
    throw new Error(`--${name} ${values[name]}: expected a number from ${least}\n${USAGE}`);
  return value;
}

function printResult(load: LoadReport, ended: EndedExecutions): number {
  const span = (name: string, packed: PackedLatency | undefined): string[][] =>
    packed === undefined ? [] : [[name, ...tableFigures(mergeLatencies([packed])).map(figure)]];
  const failures = load.failed + ended.failed;
  console.log(`\nworkflows/s: ${figure((ended.completed * 1000) / ended.elapsedMs)}`);
  console.log(`completed:   ${ended.completed} of ${load.executionIds.length} triggered`);
  console.log(`failures:    ${failures}${load.firstFailure ? ` (the first: ${load.firstFailure})` : ''}`);
  console.log(`refused and tried again: ${load.refused}\n`);
  const table = {
    title: 'Latency in milliseconds',
    columns: ['span', ...TABLE_PERCENTILES.map((each) => `P${each}`), 'max'],
    rows: [
      ...span('submit', load.submit),
      ...span('trigger', load.trigger),
      ...span('start to end', packLatency(ended.durations)),
    ],
    note: '"submit" and "trigger": from when the request was due to its answer. "start to end": as the instance tells it.',
  };
  console.log(tableText(table));
  return failures;
}

/** Whether all went well. */
async function main(): Promise<boolean> {
  const target = readTarget();
  const [seconds, connections, rate] = [
    readNumber('seconds', 0.1),
    readNumber('connections', 1),
    readNumber('rate', 0),
  ];
  const definition = chain(2);
  console.log(
    `two-node workflows for ${seconds} s on ${connections} connections, submit and trigger as two requests, ` +
      (rate > 0 ? `${rate} a second (open loop)` : 'closed loop'),
  );
  const startedAt = performance.now();
  const load = await runLoad(
    {
      ...{ connections, seconds, rate },
      targets: [target],
      load: 'rest',
      body: JSON.stringify({ ...definition, name: 'load-test' }),
      batchSize: 1,
    },
    ({ executions, failed, elapsedMs }) =>
      console.log(
        `${(elapsedMs / 1000).toFixed(0)} s: ${executions} triggered (${figure((executions * 1000) / elapsedMs)}/s), ${failed} failed`,
      ),
  );
  const ended = await untilEnded(target, { executionIds: load.executionIds, startedAt });
  return printResult(load, ended) === 0 && load.executionIds.length > 0;
}

try {
  process.exitCode = (await main()) ? 0 : 1;
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
