import type { SeededRandom } from '../seeded-random.js';
import { SharedStore } from './shared-store.js';
import { type HostSettings, SimulatedHost } from './simulated-host.js';
import { type LineFaults, NO_FAULTS, type Server } from './simulated-line.js';
import { SimulatedRecord } from './simulated-record.js';
import type { Witness } from './witness.js';
import { Process, type World } from './world.js';

export interface ClusterOptions {
  readonly world: World;
  readonly witness: Witness;
  readonly faults: LineFaults;
  /** Share of attempts that go wrong, 0..1. */
  readonly trouble: number;
  /** Of each host. */
  readonly settings: readonly HostSettings[];
  readonly graceMs: number;
  readonly parkAfterMs: number;
}

const LONGEST_REST_MS = 1500;

/** Hosts, the two servers that they share, and what may befall them. A host that has died starts again after a while. */
export class Cluster {
  readonly shared: SharedStore;
  readonly record: SimulatedRecord;
  readonly #options: ClusterOptions;
  readonly #random: SeededRandom;
  readonly #operator = new Process('operator');
  readonly #servers: { readonly store: Server; readonly record: Server };
  readonly #hosts = new Map<number, SimulatedHost>();
  readonly #stopping = new Set<SimulatedHost>();
  readonly #ends: (() => void)[] = [];
  #lives = 0;
  #isCalm = false;

  constructor(options: ClusterOptions) {
    const { world, witness, graceMs, parkAfterMs, settings } = options;
    const [first] = settings;
    if (!first) throw new RangeError('a cluster has hosts');
    this.#options = options;
    this.#random = world.fork();
    const store: Server = { process: new Process('store'), isAway: false };
    this.#servers = { store, record: { process: new Process('record'), isAway: false } };
    const { leaseMs, maxDeliveries } = first;
    this.shared = new SharedStore({
      ...{ world, witness, leaseMs, maxDeliveries, graceMs, parkAfterMs, process: store.process },
    });
    this.record = new SimulatedRecord((id) => this.shared.machine.read(id));
    this.shared.record = this.record;
    for (const [place, each] of settings.entries()) this.#start(place, each);
  }

  /** Living hosts, the frozen ones among them. */
  hosts(): readonly SimulatedHost[] {
    return [...this.#hosts.values()].filter((host) => !host.isDead);
  }

  pick(which: number): SimulatedHost | undefined {
    const hosts = this.hosts();
    return hosts[which % Math.max(1, hosts.length)];
  }

  /** Whether every host is there to stay. */
  isWhole(): boolean {
    const hosts = this.hosts();
    return hosts.length === this.#options.settings.length && !hosts.some((host) => this.#stopping.has(host));
  }

  #start(place: number, settings: HostSettings): void {
    const { world, witness, faults, trouble } = this.#options;
    const name = `${String.fromCharCode(97 + place)}${++this.#lives}`;
    const host = new SimulatedHost({
      ...{ world, witness, name, settings, shared: this.shared, record: this.record },
      storeServer: this.#servers.store,
      recordServer: this.#servers.record,
      faults: () => (this.#isCalm ? NO_FAULTS : faults),
      trouble: () => trouble,
    });
    this.#hosts.set(place, host);
    witness.count('host started');
    host.onDeath(() => this.#restart(place, settings));
  }

  #restart(place: number, settings: HostSettings): void {
    const { world } = this.#options;
    world.after(this.#operator, this.#random.integer(100, LONGEST_REST_MS), () =>
      this.#start(place, settings),
    );
  }

  freeze(host: SimulatedHost, ms: number): void {
    const { world } = this.#options;
    world.tell(host.process.name, `freezes for ${ms} ms`);
    world.freeze(host.process);
    this.#endsAfter(ms, () => world.thaw(host.process));
  }

  cut(host: SimulatedHost, ms: number): void {
    this.#options.world.tell(host.process.name, `is cut off for ${ms} ms`);
    for (const line of host.lines) line.isCut = true;
    this.#endsAfter(ms, () => {
      for (const line of host.lines) line.isCut = false;
    });
  }

  /** As SIGTERM does: it finishes what it can within `drainMs` and is gone. */
  stop(host: SimulatedHost, drainMs: number): void {
    const { world, witness } = this.#options;
    this.#stopping.add(host);
    world.after(host.process, 0, () => {
      world.tell(host.process.name, 'is asked to stop');
      host.engine.drain(drainMs).then(
        () => {
          witness.stopped(host.process.name);
          host.crash('once it has stopped');
        },
        (error) => {
          world.tell(host.process.name, `could not hand back: ${error}`);
          host.crash('while it stopped');
        },
      );
    });
  }

  takeAway(which: 'store' | 'record', ms: number): void {
    const server = this.#servers[which];
    this.#options.world.tell(which, `is away for ${ms} ms`);
    server.isAway = true;
    this.#endsAfter(ms, () => {
      if (!server.isAway) return;
      server.isAway = false;
      this.#options.world.tell(which, 'is back');
      if (which === 'store') this.shared.returned();
    });
  }

  /** After its time, or when calm is restored. */
  #endsAfter(ms: number, end: () => void): void {
    this.#ends.push(end);
    this.#options.world.after(this.#operator, ms, end);
  }

  /** From now on nothing is broken on purpose, but by the tasks themselves. */
  calm(): void {
    this.#options.world.tell('world', 'calms down');
    this.#isCalm = true;
    for (const end of this.#ends) end();
    this.#options.witness.calmSince = this.shared.now();
  }
}
