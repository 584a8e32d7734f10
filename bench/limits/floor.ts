/** Something that bounds an engine, driven alone for a while. */
export interface FloorResult {
  /** Units done a second. */
  readonly perSecond: number;
  /** Microseconds of CPU a unit, by process. */
  readonly cpuMicros: Readonly<Record<string, number>>;
}

export interface Floor {
  /** As `store loop: five-node`. */
  readonly name: string;
  /** What is counted. */
  readonly unit: string;
  run(seconds: number): Promise<FloorResult>;
}

/** Counts what `step` does, called again and again for so long. It answers how many units it has done. */
export async function countFor(seconds: number, step: () => Promise<number>): Promise<FloorResult> {
  const cpuBefore = process.cpuUsage();
  const startedAt = performance.now();
  let done = 0;
  while (performance.now() - startedAt < seconds * 1000) done += await step();
  const elapsed = performance.now() - startedAt;
  const { user, system } = process.cpuUsage(cpuBefore);
  return { perSecond: (done * 1000) / elapsed, cpuMicros: { client: (user + system) / done } };
}
