import type { RetryPolicy } from '../../model/retry-policy.js';
import type { SeededRandom } from '../seeded-random.js';
import { Cluster } from './cluster.js';
import { randomFaults, setOffDisasters } from './disasters.js';
import { checkTheEnd, type Finished } from './final-checks.js';
import { SimulatedClients } from './simulated-clients.js';
import type { HostSettings } from './simulated-host.js';
import { randomPlan } from './simulated-plans.js';
import { Witness } from './witness.js';
import { Process, World } from './world.js';

export interface SimulationOptions {
  readonly seed: number;
  /** Whether the lines of the trace are kept. */
  readonly keepsTrace?: boolean;
}

export interface SimulationResult {
  readonly seed: number;
  readonly violations: readonly string[];
  /** Of the whole trace: the same for every run of one seed. */
  readonly hash: string;
  readonly trace: readonly string[];
  /** Things that happened in the world. */
  readonly happened: number;
  readonly simulatedMs: number;
  /** What the run met with, by name. */
  readonly counts: Readonly<Record<string, number>>;
}

const LEASE_MS = 2000;
const MAX_DELIVERIES = 3;
const NODE_TIMEOUT_MS = 12_000;
/** Longer than a doubled call takes to arrive. */
const GRACES_MS = [400, 3000] as const;
const PARK_AFTER_MS = 2000;
const SLICE_MS = 250;
/** By when everything has to have ended, once faults have ceased. */
const END_WITHIN_MS = 600_000;
const DRAIN_MS = 1000;

const RETRIES: RetryPolicy = {
  maxAttempts: 3,
  initialIntervalMs: 100,
  backoffCoefficient: 2,
  maxIntervalMs: 1000,
  jitter: 0.5,
  nonRetryable: [],
};

/**
 * Some hosts, a store and a record, and clients who do at random what the API offers, while hosts die, freeze and stop, calls are
 * lost, doubled and late, clocks jump and servers go away; all of it drawn from the seed. Then faults cease, what is left has its
 * time, dead letters are driven on, every host proves that it still works, and all promises are checked.
 */
export async function simulate({ seed, keepsTrace = false }: SimulationOptions): Promise<SimulationResult> {
  const world = new World({ seed, keepsLines: keepsTrace });
  const witness = new Witness({
    maxDeliveries: MAX_DELIVERIES,
    retryDefaults: RETRIES,
    tell: (line) => world.tell('witness', line),
  });
  const { random } = world;
  const cluster = new Cluster({
    ...{ world, witness, graceMs: random.pick(GRACES_MS), parkAfterMs: PARK_AFTER_MS },
    faults: randomFaults(random),
    trouble: random.pick([0.02, 0.1, 0.3]),
    settings: Array.from({ length: random.integer(1, 3) }, (_, place) => randomHost(random, place)),
  });
  const first = randomPlan(random, 'first');
  const plans = [first, randomPlan(random, 'second'), randomPlan(random, 'third')] as const;
  const clients = new SimulatedClients({ world, witness, plans: [...plans], hosts: () => cluster.hosts() });
  const run = new Run(world, { witness, cluster, clients });
  await run.live(random);
  const { hash, trace } = { hash: world.hash(), trace: world.lines };
  const { violations, counts } = witness;
  return { seed, violations, hash, trace, happened: world.happened, simulatedMs: world.nowMs, counts };
}

/** The first host takes every queue and works, so that all that is made can end. */
function randomHost(random: SeededRandom, place: number): HostSettings {
  const named = new Map([
    ['default', random.integer(1, 3)],
    ['slow', 1],
  ]);
  const partial = new Map([['default', random.integer(1, 3)]]);
  return {
    leaseMs: LEASE_MS,
    maxDeliveries: MAX_DELIVERIES,
    nodeTimeoutMs: NODE_TIMEOUT_MS,
    retryDefaults: RETRIES,
    capacity: random.integer(2, 6),
    queues: random.pick(place === 0 ? [undefined, named] : [undefined, named, partial]),
    works: place === 0 || random.chance(0.85),
  };
}

class Run {
  readonly #world: World;
  readonly #run: Finished;

  constructor(world: World, run: Finished) {
    this.#world = world;
    this.#run = run;
  }

  async live(random: SeededRandom): Promise<void> {
    const { cluster, clients } = this.#run;
    const withinMs = random.integer(2000, 10_000);
    for (let act = random.integer(10, 40); act > 0; act--) clients.actWithin(withinMs);
    setOffDisasters({
      ...{ world: this.#world, cluster, random, withinMs },
      process: new Process('fate'),
      count: random.integer(0, 5),
    });
    await this.#pass(withinMs);
    cluster.calm();
    await this.#untilQuiet('after the faults');
    this.#run.witness.isUndisturbed = true;
    clients.finishUp();
    await this.#pass(random.integer(0, 500));
    const leaving = cluster.pick(random.integer(0, 2));
    if (leaving) cluster.stop(leaving, random.integer(0, 300));
    await this.#untilQuiet('after what was dead was driven on');
    if (this.#isBroken) return;
    for (const host of cluster.hosts()) clients.probe(host);
    await this.#untilQuiet('after a workflow on each host');
    // What was aborted returns.
    await this.#pass(SLICE_MS);
    await this.#stopAll();
    if (!this.#isBroken) checkTheEnd(this.#run);
  }

  get #isBroken(): boolean {
    return this.#run.witness.violations.length > 0;
  }

  /** Stops early where something is wrong already. */
  async #pass(ms: number): Promise<void> {
    for (let left = ms; left > 0 && !this.#isBroken; left -= SLICE_MS)
      await this.#world.pass(Math.min(left, SLICE_MS));
  }

  async #untilQuiet(when: string): Promise<void> {
    const until = this.#world.nowMs + END_WITHIN_MS;
    while (!this.#isBroken && !this.#isQuiet()) {
      if (this.#world.nowMs >= until) {
        this.#run.witness.violate(`${when} it never becomes quiet: ${this.#leftOver()}`);
        return;
      }
      await this.#world.pass(SLICE_MS);
    }
  }

  #isQuiet(): boolean {
    return this.#leftOver() === '';
  }

  /** What is still under way; empty: nothing. */
  #leftOver(): string {
    const { cluster, clients } = this.#run;
    const { machine } = cluster.shared;
    const left: string[] = [];
    if (clients.underWay > 0) left.push(`${clients.underWay} requests`);
    if (!cluster.isWhole()) left.push('hosts that stop or start');
    for (const { executionId, state } of machine.executions())
      if (state === 'running') left.push(executionId);
    if (left.length === 0 && cluster.shared.outbox(1).length > 0) left.push('the outbox');
    return left.join(', ');
  }

  /** Nothing runs any more: each host has nothing to hand back. */
  async #stopAll(): Promise<void> {
    const { cluster, witness } = this.#run;
    for (const host of cluster.hosts()) {
      const { name } = host.process;
      const { capacity } = host.settings;
      witness.expect(host.runner.room() === capacity, () => `${name} has room for ${host.runner.room()}`);
      let handedBack: number | undefined;
      void host.engine.drain(DRAIN_MS).then((drained) => {
        handedBack = drained.handedBack;
      });
      await this.#pass(2 * DRAIN_MS);
      witness.expect(handedBack === 0, () => `${name} stopped and handed back ${handedBack}`);
    }
  }
}
