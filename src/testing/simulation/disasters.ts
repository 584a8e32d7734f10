import type { SeededRandom } from '../seeded-random.js';
import type { Cluster } from './cluster.js';
import type { SimulatedHost } from './simulated-host.js';
import type { LineFaults } from './simulated-line.js';
import type { Process, World } from './world.js';

const KINDS = [
  'crash',
  'crash',
  'freeze',
  'freeze',
  'stop',
  'clock jump',
  'store clock jump',
  'store away',
  'record away',
  'line cut',
] as const;

const LONGEST_FREEZE_MS = 8000;
const LONGEST_DRAIN_MS = 2000;
const LONGEST_OUTAGE_MS = 4000;
const LONGEST_CUT_MS = 5000;
const HOST_JUMP_MS = 3_600_000;
const STORE_JUMP_MS = 3000;

/** How bad the lines are in this run. */
export function randomFaults(random: SeededRandom): LineFaults {
  const share = (most: number): number => (random.chance(0.5) ? 0 : random.next() * most);
  return {
    lost: share(0.06),
    doubled: share(0.06),
    late: share(0.08),
    crashing: share(0.008),
    unconfirmed: share(0.04),
    lateMs: random.pick([50, 500, 3000]),
  };
}

/** Sets off some disasters at random times within `withinMs`; `cluster.calm` ends what then still lasts. */
export function setOffDisasters(options: {
  readonly world: World;
  readonly cluster: Cluster;
  readonly random: SeededRandom;
  /** Whose happenings they are. */
  readonly process: Process;
  readonly count: number;
  readonly withinMs: number;
}): void {
  const { world, cluster, random, process, count, withinMs } = options;
  for (let each = 0; each < count; each++) {
    const kind = random.pick(KINDS);
    const fate = createFate(random);
    world.after(process, random.integer(0, withinMs), () => {
      const host = cluster.pick(fate.which);
      if (host) STRIKES[kind]({ cluster, host, fate });
    });
  }
}

interface Fate {
  /** Picks the host. */
  readonly which: number;
  /** 0..1: how bad. */
  readonly extent: number;
  readonly sign: 1 | -1;
}

function createFate(random: SeededRandom): Fate {
  return { which: random.integer(0, 1_000_000), extent: random.next(), sign: random.pick([1, -1]) };
}

type Strike = (at: { readonly cluster: Cluster; readonly host: SimulatedHost; readonly fate: Fate }) => void;

const STRIKES: Readonly<Record<(typeof KINDS)[number], Strike>> = {
  crash: ({ host }) => host.crash('of itself'),
  freeze: ({ cluster, host, fate }) => cluster.freeze(host, partOf(LONGEST_FREEZE_MS, fate)),
  stop: ({ cluster, host, fate }) => cluster.stop(host, partOf(LONGEST_DRAIN_MS, fate)),
  'clock jump': ({ host, fate }) => host.clock.jump(fate.sign * partOf(HOST_JUMP_MS, fate)),
  'line cut': ({ cluster, host, fate }) => cluster.cut(host, partOf(LONGEST_CUT_MS, fate)),
  'store clock jump': ({ cluster, fate }) => cluster.shared.jump(fate.sign * partOf(STORE_JUMP_MS, fate)),
  'store away': ({ cluster, fate }) => cluster.takeAway('store', partOf(LONGEST_OUTAGE_MS, fate)),
  'record away': ({ cluster, fate }) => cluster.takeAway('record', partOf(LONGEST_OUTAGE_MS, fate)),
};

function partOf(mostMs: number, { extent }: Fate): number {
  return Math.round(mostMs * extent);
}
