import { curveOf, mergeLatencies } from '../load/latency-curve.js';
import type { Plot, PlotSeries } from '../report/bench-report.js';
import { type CaseRuns, packedOf } from './case-runs.js';
import { nameOfCase } from './run-settings.js';

export function plotsOf(all: readonly CaseRuns[]): Plot[] {
  const latency = all.map(({ benchCase, closed, open }): PlotSeries => {
    const runs = open.length > 0 ? open.map(({ result }) => result) : closed;
    const curve = curveOf(mergeLatencies(packedOf(runs, 'trigger to end')));
    return { name: nameOfCase(benchCase), points: curve.map(({ percentile, ms }) => [percentile, ms]) };
  });
  const isLarge = ({ closed }: CaseRuns): boolean => (closed[0]?.executions ?? 0) <= 1;
  const curves = groupByScenario(all, latency, (each) => !isLarge(each));
  return [
    ...curves.map(
      ([scenario, series]): Plot => ({
        title: `Trigger to end by percentile: ${scenario}`,
        xScale: 'percentile',
        ...{ xLabel: 'percentile', yLabel: 'ms', series },
      }),
    ),
    ...all.filter((each) => !isLarge(each)).flatMap(timelinesOf),
  ];
}

function groupByScenario(
  all: readonly CaseRuns[],
  series: readonly PlotSeries[],
  isShown: (each: CaseRuns) => boolean,
): [string, PlotSeries[]][] {
  const groups = new Map<string, PlotSeries[]>();
  for (const [index, each] of all.entries()) {
    const one = series[index];
    if (!one || !isShown(each)) continue;
    const { scenario } = each.benchCase;
    groups.set(scenario, [...(groups.get(scenario) ?? []), one]);
  }
  return [...groups];
}

function timelinesOf({ benchCase, closed }: CaseRuns): Plot[] {
  const name = nameOfCase(benchCase);
  const [first] = closed;
  return [
    {
      title: `Throughput over time: ${name}`,
      xScale: 'linear',
      ...{ xLabel: 'seconds', yLabel: 'executions ended a second' },
      series: closed.map(({ throughput }, run) => ({
        name: `run ${run + 1}`,
        points: throughput.map(({ atMs, value }) => [atMs / 1000, value]),
      })),
    },
    {
      title: `CPU by process, run 1: ${name}`,
      xScale: 'linear',
      ...{ xLabel: 'seconds', yLabel: 'cores' },
      series: Object.entries(first?.cores ?? {}).map(([process, points]) => ({
        name: process,
        points: points.map(({ atMs, value }) => [atMs / 1000, value]),
      })),
    },
  ];
}
