import { useState } from 'preact/hooks';
import { plotLine, roundScale } from './plot-scale.js';

export interface Series {
  readonly words: string;
  /** 1 to 4: which of the colours of plots, and which kind of line. */
  readonly style: 1 | 2 | 3 | 4;
  readonly values: readonly number[];
}

interface PlotProps {
  readonly title: string;
  readonly series: readonly Series[];
  readonly times: readonly number[];
  readonly format: (value: number) => string;
}

const WIDTH = 360;
const HEIGHT = 120;
/** What a plot has room for at first; then it takes in more, up to all that is kept. */
const LEAST_SLOTS = 45;
/** Above the highest value. */
const HEADROOM = 1.08;

/** Lines over time. The newest values stand beside the names; what the pointer is over stands there instead. */
export function Plot({ title, series, times, format }: PlotProps) {
  const [hovered, setHovered] = useState<number>();
  const last = times.length - 1;
  const slots = Math.max(LEAST_SLOTS, times.length);
  const size = { slots, width: WIDTH, height: HEIGHT };
  const first = slots - times.length;
  const xOf = (slot: number) => (slot / (slots - 1)) * WIDTH;
  const shown = hovered === undefined ? last : Math.min(hovered, last);
  const top = roundScale(HEADROOM * Math.max(0, ...series.flatMap(({ values }) => values)));
  const hover = (event: PointerEvent) => {
    const box = (event.currentTarget as SVGElement).getBoundingClientRect();
    const slot = Math.round(((event.clientX - box.left) / box.width) * (slots - 1));
    setHovered(Math.max(0, slot - first));
  };
  const told = series.map(({ words, values }) => `${words} ${format(values[shown] ?? 0)}`).join(', ');
  return (
    <figure class="plot">
      <figcaption>{title}</figcaption>
      <svg
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`${title}: ${told}`}
        onPointerMove={hover}
        onPointerLeave={() => setHovered(undefined)}
      >
        {[0.25, 0.5, 0.75].map((part) => (
          <line key={part} class="plot-grid" x1="0" x2={WIDTH} y1={HEIGHT * part} y2={HEIGHT * part} />
        ))}
        {series.map(({ words, style, values }) => (
          <g key={words} class={`plot-series plot-${style}`}>
            {style === 1 && (
              <path class="plot-area" d={`${plotLine(values, top, size)}V${HEIGHT}H${xOf(first)}Z`} />
            )}
            <path class="plot-line" d={plotLine(values, top, size)} />
          </g>
        ))}
        {hovered !== undefined && last > 0 && (
          <line class="plot-cursor" x1={xOf(first + shown)} x2={xOf(first + shown)} y1="0" y2={HEIGHT} />
        )}
      </svg>
      <span class="plot-top" aria-hidden="true">
        {format(top)}
      </span>
      <ul class="plot-legend" aria-hidden="true">
        {series.map(({ words, style, values }) => (
          <li key={words} class={`plot-${style}`}>
            <svg viewBox="0 0 16 8" aria-hidden="true">
              <path class="plot-line" d="M0 4h16" />
            </svg>
            {words} <b>{format(values[shown] ?? 0)}</b>
          </li>
        ))}
      </ul>
    </figure>
  );
}
