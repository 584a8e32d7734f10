import type { Table } from './table.js';

/** A line chart. On a `percentile` axis x runs from 0 to 100 and every further nine takes the same room. */
export interface Plot {
  readonly title: string;
  readonly xScale: 'linear' | 'percentile';
  readonly xLabel: string;
  readonly yLabel: string;
  readonly series: readonly PlotSeries[];
}

export interface PlotSeries {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

/** All that a bench found out, as it lies in JSON. */
export interface BenchReport {
  readonly title: string;
  /** ISO 8601. */
  readonly at: string;
  /** What was measured and how, by name: the head of every report. */
  readonly facts: Readonly<Record<string, string>>;
  readonly tables: readonly Table[];
  readonly plots: readonly Plot[];
  /** The single runs that the tables sum up. */
  readonly runs: readonly unknown[];
}
