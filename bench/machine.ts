import { availableParallelism, cpus, platform, release, totalmem } from 'node:os';

/** The machine in a line, for the head of a report. */
export function describeMachine(): string {
  const model = cpus()[0]?.model.trim() ?? 'unknown processor';
  const memoryGib = (totalmem() / 2 ** 30).toFixed(1);
  return `${availableParallelism()} cores (${model}), ${memoryGib} GiB, ${platform()} ${release()}, Node ${process.version}`;
}
