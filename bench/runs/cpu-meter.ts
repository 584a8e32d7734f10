import { readdirSync, readFileSync } from 'node:fs';

/** Linux counts CPU time in ticks of this length for every architecture that Node.js runs on (USER_HZ, proc(5)). */
const TICK_US = 10_000;
const PAGE_BYTES = 4096;

/** CPU time in microseconds that some processes used so far, their children of now and before included. */
export type CpuTotals = Readonly<Record<string, number>>;

export interface CpuSample {
  /** Milliseconds since the meter was made. */
  readonly atMs: number;
  readonly totals: CpuTotals;
}

export interface CpuMeter {
  /** Microseconds by group since the meter was made. */
  used(): CpuTotals;
  /** Largest resident set of each group so far, in bytes. */
  readonly peakRss: Readonly<Record<string, number>>;
  readonly samples: readonly CpuSample[];
  stop(): void;
}

const SAMPLE_MS = 500;

/** Reads /proc for these groups of processes, twice a second and when it is asked. */
export function startCpuMeter(groups: Readonly<Record<string, readonly number[]>>): CpuMeter {
  const startedAt = performance.now();
  const before = readTotals(groups);
  const peakRss: Record<string, number> = {};
  const samples: CpuSample[] = [];
  const used = (): CpuTotals => {
    const now = readTotals(groups);
    return Object.fromEntries(
      Object.keys(groups).map((name) => [name, (now[name] ?? 0) - (before[name] ?? 0)]),
    );
  };
  const sample = (): void => {
    samples.push({ atMs: performance.now() - startedAt, totals: used() });
    for (const [name, pids] of Object.entries(groups)) {
      const bytes = pids.reduce((sum, pid) => sum + residentBytes(pid), 0);
      peakRss[name] = Math.max(peakRss[name] ?? 0, bytes);
    }
  };
  sample();
  const timer = setInterval(sample, SAMPLE_MS);
  return {
    used,
    peakRss,
    samples,
    stop() {
      clearInterval(timer);
      sample();
    },
  };
}

/** CPU time of these processes and their children so far, in microseconds. */
export function cpuUsed(pids: readonly number[]): number {
  return readTotals({ pids }).pids ?? 0;
}

function readTotals(groups: Readonly<Record<string, readonly number[]>>): CpuTotals {
  const children = readChildren();
  const totals = Object.entries(groups).map(([name, pids]) => {
    const all = pids.flatMap((pid) => [pid, ...(children.get(pid) ?? [])]);
    return [name, all.reduce((sum, pid) => sum + usedBy(pid), 0)] as const;
  });
  return Object.fromEntries(totals);
}

/** Running children by their parent. A PostgreSQL serves each session by a child. */
function readChildren(): ReadonlyMap<number, readonly number[]> {
  const children = new Map<number, number[]>();
  for (const entry of readdirSync('/proc')) {
    const pid = Number(entry);
    if (!Number.isInteger(pid)) continue;
    const parent = Number(statOf(pid)?.[1]);
    const siblings = children.get(parent);
    if (siblings) siblings.push(pid);
    else children.set(parent, [pid]);
  }
  return children;
}

/** utime, stime, and of children that ended cutime and cstime: fields 14 to 17 of proc(5). */
function usedBy(pid: number): number {
  const fields = statOf(pid);
  if (!fields) return 0;
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks) * TICK_US, 0);
}

/** Fields of /proc/PID/stat from the third, since the second may hold blanks; undefined where the process is gone. */
function statOf(pid: number): string[] | undefined {
  const text = readProc(`/proc/${pid}/stat`);
  return text?.slice(text.lastIndexOf(')') + 2).split(' ');
}

function residentBytes(pid: number): number {
  return Number(readProc(`/proc/${pid}/statm`)?.split(' ')[1] ?? 0) * PAGE_BYTES;
}

function readProc(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
