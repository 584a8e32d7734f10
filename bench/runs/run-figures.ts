import { createLatency, type PackedLatency, packLatency, recordLatency } from '../load/latency-curve.js';
import type { LoadReport } from '../load/load-order.js';
import type { RecordedTimes } from '../load/recorded-executions.js';
import type { CpuMeter } from './cpu-meter.js';

/** Latencies of one run, by what they span. */
export interface RunLatencies {
  readonly submit: PackedLatency;
  readonly trigger?: PackedLatency;
  /** From when the workflow was due to its end. */
  readonly 'due to end': PackedLatency;
  /** From the trigger's sending (of a submission that triggers: from when it was due) to the end. */
  readonly 'trigger to end': PackedLatency;
}

export interface TimelinePoint {
  readonly atMs: number;
  readonly value: number;
}

const BUCKET_MS = 500;

export function latenciesOf(load: LoadReport, times: ReadonlyMap<string, RecordedTimes>): RunLatencies {
  const [fromDue, fromTrigger] = [createLatency(), createLatency()];
  for (const [index, id] of load.executionIds.entries()) {
    const finishedAt = times.get(id)?.finishedAt ?? Number.NaN;
    const dueAt = load.dueAt[index] ?? Number.NaN;
    recordLatency(fromDue, finishedAt - dueAt);
    recordLatency(fromTrigger, finishedAt - (load.triggeredAt[index] ?? dueAt));
  }
  return {
    submit: load.submit,
    ...(load.trigger !== undefined && { trigger: load.trigger }),
    'due to end': packLatency(fromDue),
    // The client's own clock where it waited for the end, else the instant that the record tells, in whole milliseconds.
    'trigger to end': load.ended ?? packLatency(fromTrigger),
  };
}

export function throughputOf(load: LoadReport, times: ReadonlyMap<string, RecordedTimes>): TimelinePoint[] {
  const first = load.dueAt[0] ?? 0;
  const counts: number[] = [];
  for (const { finishedAt } of times.values()) {
    const bucket = Math.max(0, Math.floor((finishedAt - first) / BUCKET_MS));
    counts[bucket] = (counts[bucket] ?? 0) + 1;
  }
  return Array.from(counts, (count = 0, bucket) => ({
    atMs: (bucket + 0.5) * BUCKET_MS,
    value: (count * 1000) / BUCKET_MS,
  }));
}

export function coresOf({ samples }: CpuMeter): Record<string, TimelinePoint[]> {
  const cores: Record<string, TimelinePoint[]> = {};
  for (const [index, sample] of samples.entries()) {
    const before = samples[index - 1];
    const spanMs = sample.atMs - (before?.atMs ?? 0);
    if (!before || spanMs < BUCKET_MS / 5) continue;
    for (const [name, total] of Object.entries(sample.totals)) {
      cores[name] ??= [];
      const value = (total - (before.totals[name] ?? 0)) / 1000 / spanMs;
      cores[name].push({ atMs: sample.atMs - spanMs / 2, value });
    }
  }
  return cores;
}
