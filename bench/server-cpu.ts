import { readdirSync, readFileSync } from 'node:fs';

/** Linux counts the CPU of a process in hundredths of a second. */
const TICK_US = 10_000;

/** CPU that a server and its children have used so far, in microseconds; those that ended count from when they were waited for. */
export function serverCpuUs(pid: number): number {
  let ticks = 0;
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const stat = statOf(entry);
    if (!stat) continue;
    if (Number(entry) === pid) ticks += stat.own + stat.waitedFor;
    else if (stat.parent === pid) ticks += stat.own;
  }
  return ticks * TICK_US;
}

/** Of /proc/PID/stat: the parent, and the ticks of the process and of its children that were waited for. */
function statOf(entry: string): { parent: number; own: number; waitedFor: number } | undefined {
  try {
    const text = readFileSync(`/proc/${entry}/stat`, 'utf8');
    const fields = text
      .slice(text.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number);
    const [, parent = 0] = fields;
    const [user = 0, system = 0, childUser = 0, childSystem = 0] = fields.slice(11);
    return { parent, own: user + system, waitedFor: childUser + childSystem };
  } catch {
    return undefined;
  }
}
