import { Engine } from '../../engine/engine.js';
import type { Logger } from '../../engine/logger.js';
import type { Telemetry } from '../../engine/telemetry.js';
import type { LeaseRef, StoreSignal } from '../../model/commands.js';
import type { HostId } from '../../model/ids.js';
import type { RetryPolicy } from '../../model/retry-policy.js';
import { FaultyHistory, FaultyStore } from '../faulty-store.js';
import { HostClock } from './host-clock.js';
import type { SharedStore } from './shared-store.js';
import { type LineFaults, type Server, SimulatedLine } from './simulated-line.js';
import type { SimulatedRecord } from './simulated-record.js';
import { SimulatedRunner } from './simulated-runner.js';
import { StoreConnection } from './store-connection.js';
import type { Witness } from './witness.js';
import { Process, type World } from './world.js';

export interface HostSettings {
  readonly leaseMs: number;
  readonly maxDeliveries: number;
  readonly nodeTimeoutMs: number;
  readonly retryDefaults: RetryPolicy;
  /** Tasks at a time. */
  readonly capacity: number;
  readonly queues: ReadonlyMap<string, number> | undefined;
  readonly works: boolean;
}

export interface SimulatedHostOptions {
  readonly world: World;
  readonly witness: Witness;
  readonly name: string;
  readonly settings: HostSettings;
  readonly shared: SharedStore;
  readonly record: SimulatedRecord;
  readonly storeServer: Server;
  readonly recordServer: Server;
  readonly faults: () => LineFaults;
  /** Share of attempts that go wrong. */
  readonly trouble: () => number;
}

const SWEEP_MS = 1000;
const RECONCILE_MS = 1500;
const RETENTION_MS = 60_000;
const ARCHIVE_MS = 20;
const WATCH_MS = 1000;
const IDEMPOTENCY_TTL_MS = 86_400_000;

/** One life of a host: the engine as it is, with a clock, a runner and two lines of the world. */
export class SimulatedHost {
  readonly process: Process;
  readonly clock: HostClock;
  readonly runner: SimulatedRunner;
  readonly engine: Engine;
  readonly lines: readonly SimulatedLine[];
  readonly settings: HostSettings;
  readonly #world: World;
  readonly #shared: SharedStore;
  readonly #id: HostId;
  #mourners: (() => void)[] = [];

  constructor(options: SimulatedHostOptions) {
    const { world, witness, name, settings, shared, record, faults } = options;
    this.#world = world;
    this.#shared = shared;
    this.settings = settings;
    this.#id = name as HostId;
    this.process = new Process(name);
    this.clock = new HostClock(world, this.process);
    const crash = (why: string): void => this.crash(why);
    const lineTo = (server: Server) =>
      new SimulatedLine({ world, host: this.process, server, faults, crash });
    const storeLine = lineTo(options.storeServer);
    const recordLine = lineTo(options.recordServer);
    this.lines = [storeLine, recordLine];
    const random = world.fork();
    const connection = new StoreConnection(shared, () => random.chance(faults().unconfirmed));
    this.runner = new SimulatedRunner({
      ...{ world, witness, crash, process: this.process, capacity: settings.capacity },
      trouble: options.trouble,
      leaseOf: (task) => {
        const lease = shared.leaseByInputs.get(task.inputs);
        if (!lease) throw new Error(`${name} runs a task that was never leased`);
        return lease;
      },
    });
    this.engine = new Engine({
      ...settings,
      store: new WatchedStore(connection, storeLine, {
        runner: this.runner,
        witness,
        world,
        host: this.process,
      }),
      history: new FaultyHistory(record, recordLine),
      runner: this.runner,
      clock: this.clock,
      log: loggerOf(world, name),
      telemetry: telemetryOf(witness),
      host: this.#id,
      mode: 'distributed',
      onCircuitOpen: 'wait',
      durability: 'simulated',
      dependencies: () => ({}),
      needs: [],
      partitions: 4,
      maxBacklog: 10_000,
      maxInputBytes: 1 << 20,
      idempotencyTtlMs: IDEMPOTENCY_TTL_MS,
      planCacheBytes: 1 << 20,
      reconcileMs: RECONCILE_MS,
      sweepMs: RETENTION_MS,
      archiveIntervalMs: ARCHIVE_MS,
      watchIntervalMs: WATCH_MS,
      hosts: { living: async () => [] },
      checkOverride: () => undefined,
    });
    shared.join(this.#id, connection);
    this.engine.start();
    this.#sweepLater(connection, storeLine);
    world.tell(name, 'starts');
  }

  /** As the distributed store does for its host: it beats, and looks for what messages may have missed. */
  #sweepLater(connection: StoreConnection, line: SimulatedLine): void {
    this.#world.after(this.process, SWEEP_MS, () => {
      const next = (): void => this.#sweepLater(connection, line);
      line.call('sweep', () => connection.sweep(this.#id)).then(next, next);
    });
  }

  get isDead(): boolean {
    return this.process.state === 'dead';
  }

  crash(why: string): void {
    if (this.isDead) return;
    this.#world.tell(this.process.name, `dies ${why}`);
    this.#world.kill(this.process);
    this.#shared.leave(this.#id);
    for (const mourn of this.#mourners) mourn();
    this.#mourners = [];
  }

  /** Called once, when it dies. */
  onDeath(mourn: () => void): void {
    if (this.isDead) mourn();
    else this.#mourners.push(mourn);
  }
}

interface Watch {
  readonly runner: SimulatedRunner;
  readonly witness: Witness;
  readonly world: World;
  readonly host: Process;
}

/** Holds what the engine believes that it runs against what its runner does. */
class WatchedStore extends FaultyStore {
  readonly #watch: Watch;

  constructor(store: StoreConnection, line: SimulatedLine, watch: Watch) {
    super(store, line);
    this.#watch = watch;
  }

  override async heartbeat(owner: HostId, leases: readonly LeaseRef[]) {
    const { runner, witness, world, host } = this.#watch;
    const believed = leases.map(nameOf).sort().join(' ');
    const running = runner.leases().map(nameOf).sort().join(' ');
    witness.expect(believed === running, () => `${owner} keeps [${believed}] and runs [${running}]`);
    const outcomes = await super.heartbeat(owner, leases);
    world.soon(host, () => this.#isAborted(leases.filter((_, index) => outcomes[index] !== 'kept')));
    return outcomes;
  }

  override onSignals(listener: (signals: readonly StoreSignal[]) => void): void {
    super.onSignals((signals) => {
      listener(signals);
      for (const signal of signals) if (signal.kind === 'abort') this.#isAborted(signal.leases);
    });
  }

  #isAborted(leases: readonly LeaseRef[]): void {
    const { runner, witness, host } = this.#watch;
    for (const lease of leases) {
      witness.expect(!runner.runs(lease), () => `${host.name} still runs ${nameOf(lease)}, which is void`);
    }
  }
}

function nameOf({ executionId, node, fence }: LeaseRef): string {
  return `${executionId}/${node}:${fence}`;
}

function telemetryOf(witness: Witness): Telemetry {
  return {
    submitted: () => undefined,
    ended: () => undefined,
    queueWaited: () => undefined,
    nodeEnded: () => undefined,
    slept: () => undefined,
    calledBack: () => undefined,
    reconciled: (count) =>
      witness.expect(count === 0, () => `the reconciler found ${count} executions that nothing would wake`),
  };
}

function loggerOf(world: World, name: string): Logger {
  const tell = (message: string, fields?: Readonly<Record<string, unknown>>): void => {
    const error = fields?.error;
    world.tell(name, `logs: ${message}${error instanceof Error ? ` (${error.message})` : ''}`);
  };
  const log: Logger = { debug: tell, info: tell, warn: tell, error: tell, child: () => log };
  return log;
}
