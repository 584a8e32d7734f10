export interface PlotSize {
  readonly slots: number;
  readonly width: number;
  readonly height: number;
}

/** The next 1, 2 or 5 times a power of ten that is not below `most`; 1 for nothing. */
export function roundScale(most: number): number {
  if (most <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(most));
  return ([1, 2, 5, 10].find((factor) => factor * power >= most) ?? 10) * power;
}

/** A path by all values, of which the newest is at the right edge and `slots` fill the width; 0 is the bottom, `top` the top. */
export function plotLine(values: readonly number[], top: number, { slots, width, height }: PlotSize): string {
  const first = slots - values.length;
  const points = values.map((value, index) => {
    const x = ((first + index) / (slots - 1)) * width;
    const y = height - (Math.min(value, top) / top) * (height - 2) - 1;
    return `${x.toFixed(1)} ${y.toFixed(1)}`;
  });
  if (points.length === 0) return `M0 ${height}`;
  return `M${points.join('L')}`;
}
