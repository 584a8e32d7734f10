import type { Plot } from './bench-report.js';
import { figure } from './table.js';

const WIDTH = 720;
const HEIGHT = 300;
const MARGIN = { top: 12, right: 16, bottom: 44, left: 64 };
const PLOT_WIDTH = WIDTH - MARGIN.left - MARGIN.right;
const PLOT_HEIGHT = HEIGHT - MARGIN.top - MARGIN.bottom;
/** Told apart by people who see few colours too; more series than that repeat them, dashed. */
const COLOURS = ['#2a78d6', '#d1642c', '#178a66', '#7a52c7', '#a88400', '#c2447f', '#4b5a68'];
const PERCENTILE_TICKS = [0, 50, 90, 99, 99.9, 99.99, 99.999];

/** How far a value lies along an axis of length 1. */
type Scale = (value: number) => number;

interface Axis {
  readonly scale: Scale;
  readonly ticks: readonly number[];
}

export function colourOf(index: number): string {
  return COLOURS[index % COLOURS.length] ?? '#000';
}

export function isDashed(index: number): boolean {
  return index >= COLOURS.length;
}

/** An `svg` element; empty where there is nothing to draw. */
export function lineChart(plot: Plot): string {
  const points = plot.series.flatMap((series) => series.points);
  if (points.length === 0) return '';
  const x =
    plot.xScale === 'percentile'
      ? percentileAxis(points.map(([at]) => at))
      : linearAxis(points.map(([at]) => at));
  const y = linearAxis(points.map(([, at]) => at));
  const left = (value: number): number => MARGIN.left + x.scale(value) * PLOT_WIDTH;
  const top = (value: number): number => MARGIN.top + (1 - y.scale(value)) * PLOT_HEIGHT;
  const lines = plot.series.map(({ points: each }, index) => {
    const path = each.map(([at, value]) => `${left(at).toFixed(1)},${top(value).toFixed(1)}`).join(' ');
    const dash = isDashed(index) ? ' stroke-dasharray="5 3"' : '';
    return `<polyline fill="none" stroke="${colourOf(index)}" stroke-width="1.6"${dash} points="${path}"/>`;
  });
  return [
    `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${plot.xLabel}, ${plot.yLabel}">`,
    ...y.ticks.map((tick) => horizontal(top(tick), figure(tick))),
    ...x.ticks.map((tick) => vertical(left(tick), plot.xScale === 'percentile' ? `${tick}` : figure(tick))),
    ...lines,
    `<text class="label" x="${MARGIN.left + PLOT_WIDTH / 2}" y="${HEIGHT - 6}">${plot.xLabel}</text>`,
    `<text class="label" transform="translate(14 ${MARGIN.top + PLOT_HEIGHT / 2}) rotate(-90)">${plot.yLabel}</text>`,
    '</svg>',
  ].join('\n');
}

function horizontal(top: number, label: string): string {
  const right = MARGIN.left + PLOT_WIDTH;
  return `<line class="grid" x1="${MARGIN.left}" x2="${right}" y1="${top}" y2="${top}"/><text class="y" x="${MARGIN.left - 6}" y="${top + 4}">${label}</text>`;
}

function vertical(left: number, label: string): string {
  const bottom = MARGIN.top + PLOT_HEIGHT;
  return `<line class="grid" x1="${left}" x2="${left}" y1="${MARGIN.top}" y2="${bottom}"/><text class="x" x="${left}" y="${bottom + 16}">${label}</text>`;
}

/** From 0 to a round number above the largest value. */
function linearAxis(values: readonly number[]): Axis {
  const most = Math.max(...values, 1e-9);
  const step = roundUp(most / 5);
  const count = Math.ceil(most / step);
  return {
    scale: (value) => value / (step * count),
    ticks: Array.from({ length: count + 1 }, (_, index) => index * step),
  };
}

function roundUp(value: number): number {
  const unit = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 5, 10].find((factor) => factor * unit >= value * 0.9999) ?? 10) * unit;
}

/** The axis of HdrHistogram's plots: x is log10(1 / (1 - percentile / 100)). */
function percentileAxis(values: readonly number[]): Axis {
  const nines = (percentile: number): number => -Math.log10(Math.max(1e-9, 1 - percentile / 100));
  const most = Math.max(nines(Math.max(...values)), 1);
  return {
    scale: (value) => nines(value) / most,
    ticks: PERCENTILE_TICKS.filter((tick) => nines(tick) <= most),
  };
}
