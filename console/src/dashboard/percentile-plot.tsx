import { durationText } from '../parts/time.tsx';
import type { Series } from './plot.tsx';
import { roundScale } from './plot-scale.js';

interface Curve extends Pick<Series, 'words' | 'style'> {
  readonly points: readonly (readonly [percentile: number, ms: number])[];
}

const WIDTH = 360;
const HEIGHT = 150;
/** Where the scale ends: each of these is as far from the next, as HdrHistogram's own plots have it. */
const LAST_NINES = 3;
const MARKS = [0, 90, 99, 99.9] as const;

/** Latency by percentile, the tail drawn out: each step to the right is a tenth as many that took longer. */
export function PercentilePlot({ curves }: { readonly curves: readonly Curve[] }) {
  const most = Math.max(0, ...curves.flatMap(({ points }) => points.map(([, ms]) => ms)));
  const top = roundScale(most);
  const told = curves.map(({ words, points }) => `${words} up to ${durationText(points.at(-1)?.[1] ?? 0)}`);
  return (
    <figure class="plot">
      <figcaption>By percentile</figcaption>
      <svg
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`Latency by percentile: ${told.join(', ')}`}
      >
        {MARKS.map((mark) => (
          <line key={mark} class="plot-grid" x1={xOf(mark)} x2={xOf(mark)} y1="0" y2={HEIGHT} />
        ))}
        {curves.map(({ words, style, points }) => (
          <g key={words} class={`plot-${style}`}>
            <path class="plot-line" d={pathOf(points, top)} />
          </g>
        ))}
      </svg>
      <span class="plot-top" aria-hidden="true">
        {durationText(top)}
      </span>
      <div class="plot-marks" aria-hidden="true">
        {MARKS.map((mark) => (
          <span key={mark}>{mark === 0 ? 'p0' : `p${mark}`}</span>
        ))}
      </div>
      <ul class="plot-legend" aria-hidden="true">
        {curves.map(({ words, style }) => (
          <li key={words} class={`plot-${style}`}>
            <svg viewBox="0 0 16 8" aria-hidden="true">
              <path class="plot-line" d="M0 4h16" />
            </svg>
            {words}
          </li>
        ))}
      </ul>
    </figure>
  );
}

function xOf(percentile: number): number {
  const nines = -Math.log10(Math.max(10 ** -LAST_NINES, 1 - percentile / 100));
  return (nines / LAST_NINES) * WIDTH;
}

function pathOf(points: Curve['points'], top: number): string {
  if (points.length === 0) return '';
  return `M${points.map(([percentile, ms]) => `${xOf(percentile).toFixed(1)} ${(HEIGHT - (ms / top) * (HEIGHT - 2) - 1).toFixed(1)}`).join('L')}`;
}
