import { setTimeout as pause } from 'node:timers/promises';
import type { SeededRandom } from '../seeded-random.js';
import { FLEET_LEASE_MS, type Fleet, type FleetHost } from './fleet.js';

/** Something that happens to a fleet and is over when it resolves: as many hosts run as before, and both servers. */
type Fault = (fleet: Fleet, random: SeededRandom) => Promise<void>;

/** Longer than hosts take to give up a silent connection at times, shorter at others. */
const LONGEST_CUT_MS = 8000;
const LONGEST_OUTAGE_MS = 1500;
/** Of what a host told that did not exit as it should. */
const LAST_LINES = 20;

/** Raised where a host that was asked to stop does not exit as it should. */
export class BadExit extends Error {
  override readonly name = 'BadExit';
}

export const FAULTS = {
  'kill-host': async (fleet, random) => {
    const victim = fleet.anyHost();
    await victim.host.kill();
    await fleet.forget(victim);
    await pause(random.integer(0, LONGEST_OUTAGE_MS));
    await fleet.addHost();
  },
  'stop-host': async (fleet) => {
    await stopHost(fleet, fleet.anyHost());
    await fleet.addHost();
  },
  'join-host': async (fleet) => {
    const [oldest] = fleet.hosts;
    await fleet.addHost();
    if (oldest) await stopHost(fleet, oldest);
  },
  'freeze-host': async (fleet, random) => {
    const { host } = fleet.anyHost();
    host.freeze();
    await pause(random.integer(FLEET_LEASE_MS / 10, FLEET_LEASE_MS * 2.5));
    host.thaw();
  },
  'kill-redis': async ({ redis }, random) => {
    await redis.kill();
    await pause(random.integer(0, LONGEST_OUTAGE_MS));
    await redis.start();
  },
  'freeze-redis': async ({ redis }, random) => {
    redis.freeze();
    await pause(random.integer(100, 2 * LONGEST_OUTAGE_MS));
    redis.thaw();
  },
  'kill-postgres': async ({ postgres }, random) => {
    await postgres.kill();
    await pause(random.integer(0, LONGEST_OUTAGE_MS));
    await postgres.start();
  },
  'restart-postgres': ({ postgres }) => postgres.restart(),
  'cut-redis': async (fleet, random) => cut(fleet.anyHost(), 'redis', random),
  'cut-postgres': async (fleet, random) => cut(fleet.anyHost(), 'postgres', random),
  'lose-replies': async (fleet) => fleet.anyHost().ways.redis.cutReplies(),
} as const satisfies Record<string, Fault>;

export type FaultName = keyof typeof FAULTS;

/** Throws where a name is unknown. */
export function parseFaults(text: string): readonly FaultName[] {
  const known = Object.keys(FAULTS) as FaultName[];
  if (text === 'all') return known;
  return text.split(',').map((name) => {
    const found = known.find((each) => each === name);
    if (!found) throw new Error(`no fault is called ${name}: ${known.join(', ')}`);
    return found;
  });
}

async function stopHost(fleet: Fleet, each: FleetHost): Promise<void> {
  const { process } = each.host;
  const { code, signal } = await process.stop();
  await fleet.forget(each);
  if (code === 0) return;
  const last = process.output().trimEnd().split('\n').slice(-LAST_LINES).join('\n    ');
  throw new BadExit(
    `a host that was asked to stop ended with ${code ?? signal}, and its last lines were\n    ${last}`,
  );
}

async function cut({ ways }: FleetHost, way: keyof FleetHost['ways'], random: SeededRandom): Promise<void> {
  ways[way].cut();
  await pause(random.integer(500, LONGEST_CUT_MS));
  ways[way].mend();
}
