import { mergeLatencies, type PackedLatency, tableFigures } from '../load/latency-curve.js';
import { printFacts, publish, readFacts } from '../report/publish.js';
import { figure } from '../report/table.js';
import { type HostSource, type RunResult, runBench } from './bench-run.js';
import { plotsOf } from './case-plots.js';
import type { CaseRuns } from './case-runs.js';
import { tablesOf } from './case-tables.js';
import type { BenchOrder } from './command-line.js';
import { ENGINE_SETTINGS } from './engine-group.js';
import { freshHosts, shareHosts } from './host-source.js';
import { nameOfCase } from './run-settings.js';
import { readScenario } from './scenarios.js';

/** `npm run bench`: rounds over all cases, so that a machine which drifts does so for all of them. */
export async function benchScenarios(order: BenchOrder, command: string): Promise<void> {
  const facts = factsOf(order, command);
  printFacts(facts);
  const all: CaseRuns[] = order.cases.map((benchCase) => ({ benchCase, closed: [], open: [] }));
  const shared = order.sharesHosts ? shareHosts(mergedSettings(order)) : undefined;
  try {
    for (let round = 1; round <= order.runs; round += 1) {
      for (const [index, each] of all.entries()) {
        const place = `round ${round}/${order.runs}, case ${index + 1}/${all.length}: ${nameOfCase(each.benchCase)}`;
        await runCase(each, { order, source: shared ?? freshHosts, place });
      }
    }
  } finally {
    await shared?.stop();
  }
  await publish('scenarios', {
    title: 'Millrace: throughput and latency',
    facts,
    tables: tablesOf(all),
    plots: plotsOf(all),
    runs: all,
  });
}

function factsOf(
  { settings, runs, latencyShare, rate }: BenchOrder,
  command: string,
): Record<string, string> {
  const described = Object.entries(settings).map(([name, value]) => `${name}=${value}`);
  return {
    ...readFacts(command),
    runs: `${runs} of each case, in rounds; ${described.join(' ')}`,
    'latency at': rate === undefined ? `${latencyShare} of the closed loop's throughput` : `${rate} a second`,
    durability:
      'embedded: an answer follows the sync of its LMDB commit; distributed: appendfsync as each case says, PostgreSQL with its defaults',
    'settings beside the defaults': Object.entries(ENGINE_SETTINGS)
      .map((pair) => pair.join('='))
      .join(' '),
  };
}

/** What hosts need that serve every case. */
function mergedSettings({ cases, settings: { seed } }: BenchOrder): Record<string, string> {
  const scenarios = cases.map(({ scenario, payload }) => readScenario(scenario, { payload, seed }));
  return Object.assign({}, ...scenarios.map(({ settings }) => settings));
}

interface CaseRunOptions {
  readonly order: BenchOrder;
  readonly source: HostSource;
  /** For progress lines. */
  readonly place: string;
}

async function runCase(
  { benchCase, closed, open }: CaseRuns,
  { order, source, place }: CaseRunOptions,
): Promise<void> {
  const { settings, latencyShare } = order;
  const report = (what: string): void => console.error(`${place}: ${what}`);
  const onProgress = ({ executions, elapsedMs }: { executions: number; elapsedMs: number }): void =>
    report(`${(elapsedMs / 1000).toFixed(0)} s, ${executions} submitted`);
  const result = await runBench(source, { benchCase, settings, rate: 0, onProgress });
  closed.push(result);
  report(describeRun(result));
  if (benchCase.load === 'alone' || (latencyShare === 0 && order.rate === undefined)) return;
  const rate = order.rate ?? Math.max(1, Math.round(result.workflowsPerSecond * latencyShare));
  const paced = await runBench(source, { benchCase, settings, rate, onProgress });
  open.push({ rate, result: paced });
  report(`at ${rate} a second: ${describeEnd([paced.latencies['trigger to end']])}`);
}

function describeRun({ workflowsPerSecond, executions, latencies }: RunResult): string {
  const count = `${executions} completed, each recorded once`;
  return `${figure(workflowsPerSecond)} workflows/s (${count}), ${describeEnd([latencies['trigger to end']])}`;
}

function describeEnd(packed: readonly PackedLatency[]): string {
  const [p50 = 0, , , p99 = 0] = tableFigures(mergeLatencies(packed));
  return `trigger to end p50 ${figure(p50)} ms, p99 ${figure(p99)} ms`;
}
