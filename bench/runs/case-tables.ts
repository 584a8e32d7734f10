import { mergeLatencies, TABLE_PERCENTILES, tableFigures } from '../load/latency-curve.js';
import { median, spreadText } from '../report/statistics.js';
import { figure, type Table } from '../report/table.js';
import type { RunResult } from './bench-run.js';
import { type CaseRuns, packedOf } from './case-runs.js';
import type { RunLatencies } from './run-figures.js';
import { nameOfCase } from './run-settings.js';

export function tablesOf(all: readonly CaseRuns[]): Table[] {
  const loaded = all.filter(({ benchCase }) => benchCase.load !== 'alone');
  const alone = all.filter(({ benchCase }) => benchCase.load === 'alone');
  const tables = [throughputTable(loaded), latencyTable(loaded), aloneTable(alone), cpuTable(all)];
  return tables.filter(({ rows }) => rows.length > 0);
}

function throughputTable(cases: readonly CaseRuns[]): Table {
  return {
    title: 'Throughput, closed loop',
    columns: ['case', 'workflows/s', 'nodes/s', 'refused'],
    rows: cases.map(({ benchCase, closed }) => [
      nameOfCase(benchCase),
      spreadText(closed.map((run) => run.workflowsPerSecond)),
      figure(median(closed.map((run) => run.workflowsPerSecond * run.nodesPerExecution))),
      figure(closed.reduce((sum, run) => sum + run.refused, 0)),
    ]),
    note: 'Median (least–most) of the runs. Executions count when the record holds their end, the time up to the last of them included; each that was submitted is there once, as COMPLETED.',
  };
}

const SPANS = [
  'submit',
  'trigger',
  'trigger to end',
  'due to end',
] as const satisfies readonly (keyof RunLatencies)[];
const PERCENTILE_COLUMNS = [...TABLE_PERCENTILES.map((each) => `P${each}`), 'max'];

function latencyTable(cases: readonly CaseRuns[]): Table {
  return {
    title: 'Latency at a fixed rate, open loop, in milliseconds',
    columns: ['case', 'a second', 'span', ...PERCENTILE_COLUMNS],
    rows: cases.flatMap(({ benchCase, open }) =>
      SPANS.map((span) => {
        const packed = packedOf(
          open.map(({ result }) => result),
          span,
        );
        return packed.length === 0
          ? []
          : [
              nameOfCase(benchCase),
              figure(median(open.map(({ rate }) => rate))),
              span,
              ...tableFigures(mergeLatencies(packed)).map(figure),
            ];
      }).filter((row) => row.length > 0),
    ),
    note: 'All runs together. "submit" and "due to end" count from when the workflow was due, whether the load was held up or not (coordinated omission corrected); ends are told by the record, in whole milliseconds.',
  };
}

function aloneTable(cases: readonly CaseRuns[]): Table {
  return {
    title: 'One at a time on an idle engine, in milliseconds',
    columns: ['case', 'executions', 'trigger to end', ...PERCENTILE_COLUMNS],
    rows: cases.map(({ benchCase, closed }) => {
      const packed = packedOf(closed, 'trigger to end');
      return [
        nameOfCase(benchCase),
        figure(closed.reduce((sum, run) => sum + run.executions, 0)),
        spreadText(packed.map((each) => mergeLatencies([each]).getValueAtPercentile(50) / 1000)),
        ...tableFigures(mergeLatencies(packed)).map(figure),
      ];
    }),
    note: 'From the sending of the trigger to the answer of a client that waits for the end. Second column: median (least–most) of the medians of the runs. Every run begins with a new process.',
  };
}

const PROCESSES = ['engine', 'redis', 'postgres', 'load'] as const;

function cpuTable(cases: readonly CaseRuns[]): Table {
  return {
    title: 'CPU and memory, closed loop',
    columns: [
      'case',
      ...PROCESSES.map((name) => `${name} µs`),
      'all but load µs',
      'a node µs',
      'engine MiB',
      'redis MiB',
    ],
    rows: cases.map(({ benchCase, closed }) => {
      const of = (name: string): number => median(closed.map(({ cpuMicros }) => cpuMicros[name] ?? 0));
      const sum = median(closed.map(serverMicros));
      const rss = (name: string): number =>
        median(closed.map(({ peakRssMib }) => peakRssMib[name] ?? Number.NaN));
      return [
        nameOfCase(benchCase),
        ...PROCESSES.map((name) => figure(of(name))),
        figure(sum),
        figure(sum / (closed[0]?.nodesPerExecution ?? 1)),
        figure(rss('engine')),
        figure(rss('redis')),
      ];
    }),
    note: 'Microseconds of CPU a workflow, from /proc, medians of the runs; engine with all its threads and hosts, postgres with the processes of its sessions. MiB: the largest resident set.',
  };
}

function serverMicros({ cpuMicros }: RunResult): number {
  const { load = 0, ...servers } = cpuMicros;
  return Object.values(servers).reduce((sum, each) => sum + each, 0);
}
