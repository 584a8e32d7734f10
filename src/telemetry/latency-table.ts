import { LATENCY_WINDOWS, type LatencyRecorder, type LatencyWindow, ofEachStage } from './latency.js';
import { curveOf, encodedHistogramOf, figuresOf } from './percentiles.js';

export interface LatencyQuery {
  /** Undefined: all of them. */
  readonly window?: LatencyWindow | undefined;
  /** Whether each stage carries its HdrHistogram, encoded. */
  readonly include?: 'histogram' | undefined;
}

/** Percentiles in milliseconds by window and stage, and the points of their curves. */
export function latencyTable(
  latency: LatencyRecorder,
  { window, include }: LatencyQuery,
): Readonly<Record<string, unknown>> {
  const windows: Record<string, unknown> = {};
  for (const name of window ? [window] : LATENCY_WINDOWS) {
    const { seconds, stages } = latency.view(name);
    windows[name] = {
      seconds,
      stages: ofEachStage((stage) => ({
        ...figuresOf(stages[stage]),
        curve: curveOf(stages[stage]),
        ...(include === 'histogram' && { histogram: encodedHistogramOf(stages[stage]) }),
      })),
    };
  }
  return { unit: 'ms', windows };
}
