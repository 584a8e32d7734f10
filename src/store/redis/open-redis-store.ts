import type { Clock, Timer } from '../../model/clock.js';
import type { WorkflowDefinition } from '../../model/definition.js';
import type { ExecutionId, HostId, WorkflowId } from '../../model/ids.js';
import type { ExecutionSnapshot, ExecutionSummary } from '../../model/snapshot.js';
import type { HostInfo } from '../host-registry.js';
import type { RateStore } from '../rate-store.js';
import type { StateStore } from '../state-store.js';
import { openConnection, type RedisConnection } from './connection.js';
import { type EpochRecord, joinStore } from './epoch.js';
import { PartitionClient } from './partition-client.js';
import { unpackFromLua } from './plan-wire.js';
import { RecordComparison, type RecordComparisonOptions } from './record-comparison.js';
import { RedisHostRegistry } from './redis-host-registry.js';
import { createRedisRateStore } from './redis-rate-store.js';
import { RedisStateStore } from './redis-state-store.js';
import { checkLayout, checkServer, durabilityOf, readServerFacts, type ServerFacts } from './start-checks.js';
import type { DeadLetterRecord } from './store-context.js';
import { unavailable } from './unavailable.js';
import { CHANNEL } from './vocabulary.js';

export interface RedisStoreOptions {
  /** As `REDIS_URL`; see `parseRedisUrl`. */
  readonly url: string;
  readonly partitions: number;
  readonly host: HostId;
  readonly clock: Clock;
  readonly leaseMs: number;
  readonly maxDeliveries: number;
  readonly maxExecutionBytes: number;
  readonly planCacheBytes: number;
  readonly hotGraceMs: number;
  readonly parkAfterMs: number;
  readonly outboxMaxBytes: number;
  readonly waitReplicas: number;
  readonly unknownHandlerGraceMs: number;
  readonly recover: 'auto' | 'never';
  /** Whether this host runs tasks. */
  readonly works: boolean;
  /** What this host says of itself; `handlers`: the user's own ones. */
  readonly self: () => Omit<HostInfo, 'lastSeenAt' | 'host'>;
  readonly record: {
    readonly deadLetters: DeadLetterRecord;
    readonly epoch: EpochRecord;
    unfinished(after: ExecutionId | undefined, limit: number): Promise<readonly ExecutionSnapshot[]>;
  } & RecordComparisonOptions['record'];
  readonly log: (
    level: 'info' | 'warn' | 'error',
    message: string,
    fields?: Readonly<Record<string, unknown>>,
  ) => void;
  /** An execution of the hot store makes no sense; once for each. */
  readonly onUnreadable: (executionId: ExecutionId, error: unknown) => void;
  readonly onScript?: (name: string, ms: number) => void;
}

export interface OpenRedisStore {
  readonly store: StateStore;
  readonly registry: RedisHostRegistry;
  readonly rates: RateStore;
  readonly durability: string;
  healthy(): boolean;
  summaries(ids: readonly ExecutionId[]): Promise<readonly (ExecutionSummary | undefined)[]>;
  /** Of workflows that this host has lately seen. */
  definition(workflowId: WorkflowId): WorkflowDefinition | undefined;
  close(): Promise<void>;
}

/** Entries that one execution may have in a lane at once, and successors that one call readies: `npm run bench -- --scenario fan-out-10000,chain-10000`. */
const WINDOW = 256;
const FAN_OUT_CHUNK = 256;
const MAX_FAILURES_KEPT = 50;
const MOST_SWEEP_MS = 1000;
const LEAST_SWEEP_MS = 100;
/**
 * Sweeps, and with them signs of life, within one lease; and the share of a lease after which a silent host counts as dead. A lease is
 * extended at each third of it, so it runs out two thirds after its owner's death at the earliest. By then the silence must have been
 * noticed (one sweep) and must be long enough: 1/6 + 2/5 < 2/3.
 */
const SWEEPS_PER_LEASE = 6;
const DEAD_AFTER = 0.4;
/** How long after a loss of Redis the record may still be told of changes that hosts had read before it. */
const AFTERMATH_MS = 30_000;
const RETRY_MS = 200;
const COMMAND_TIMEOUT_MS = 5000;
const SILENCE_TIMEOUT_MS = 4000;
const CONNECT_TIMEOUT_MS = 5000;
/** Share of maxmemory from which on no submission is taken. */
const MEMORY_BOUND = 0.85;

/** Connects, checks the servers, joins the store (or brings it back from the record), and keeps what this host needs going. */
export async function openRedisStore(options: RedisStoreOptions): Promise<OpenRedisStore> {
  const connection = openConnection({
    url: options.url,
    commandTimeoutMs: COMMAND_TIMEOUT_MS,
    silenceTimeoutMs: SILENCE_TIMEOUT_MS,
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
    retryMs: RETRY_MS,
    name: options.host,
  });
  try {
    await connection.connect();
    const host = new RedisHost(options, connection);
    await host.open();
    return host;
  } catch (error) {
    await connection.close();
    throw error;
  }
}

class RedisHost implements OpenRedisStore {
  readonly #options: RedisStoreOptions;
  readonly #connection: RedisConnection;
  readonly #client: PartitionClient;
  readonly #adopted = new Set<string>();
  readonly #unservedSince = new Map<string, number>();
  readonly #comparison: RecordComparison;
  #handlers: readonly string[] = [];
  #facts: readonly ServerFacts[] = [];
  #lost = false;
  #aftermathUntil = 0;
  #away = false;
  #closed = false;
  #sweeper: Timer | undefined;
  #sweeping: Promise<void> | undefined;
  readonly store: RedisStateStore;
  readonly registry: RedisHostRegistry;
  readonly rates: RateStore;

  constructor(options: RedisStoreOptions, connection: RedisConnection) {
    this.#options = options;
    this.#connection = connection;
    const { clock, host, record } = options;
    this.#client = new PartitionClient({
      client: connection.client,
      partitions: options.partitions,
      caller: host,
      window: WINDOW,
      maxFailuresKept: MAX_FAILURES_KEPT,
      monotonic: () => clock.monotonic(),
      onScript: options.onScript,
      onLost: () => this.#onLost(),
    });
    this.rates = createRedisRateStore({
      ...{ client: connection.client, host, onScript: options.onScript },
      monotonic: () => clock.monotonic(),
    });
    this.registry = new RedisHostRegistry({
      client: this.#client,
      self: () => ({ ...options.self(), host }),
      goneAfterMs: options.leaseMs,
      deadAfterMs: options.leaseMs * DEAD_AFTER,
      now: () => clock.now(),
    });
    this.store = new RedisStateStore({
      client: this.#client,
      clock,
      host,
      leaseMs: options.leaseMs,
      maxDeliveries: options.maxDeliveries,
      maxExecutionBytes: options.maxExecutionBytes,
      maxFailuresKept: MAX_FAILURES_KEPT,
      graceMs: options.hotGraceMs,
      parkAfterMs: options.parkAfterMs,
      maxBytes: options.outboxMaxBytes,
      fanOutChunk: FAN_OUT_CHUNK,
      planCacheBytes: options.planCacheBytes,
      queues: options.self().queues,
      handlers: () => this.#handlers,
      onUnreadable: (executionId, error) => options.onUnreadable(executionId, error),
      fateOf: (other, since) => this.registry.fateOf(other, since),
      deadLetters: record.deadLetters,
      compareRecord: () => this.#comparison.run(),
      isShortOfMemory: () => this.#facts.some(isShort),
      ...(options.waitReplicas > 0 && { replicated: () => this.#replicated() }),
    });
    this.#comparison = new RecordComparison({
      client: this.#client,
      clock,
      host,
      record,
      revisions: (ids) => this.store.revisions(ids),
      restore: async (commands) => (await this.store.restore(commands)).outcomes,
    });
    this.store.onForeignLane = (lane) => this.#onForeignLane(lane);
  }

  get durability(): string {
    const [facts] = this.#facts;
    return facts ? durabilityOf(facts, this.#options.waitReplicas) : 'unknown';
  }

  healthy(): boolean {
    return this.#connection.isReady() && !this.#lost && !this.#away;
  }

  summaries(ids: readonly ExecutionId[]): Promise<readonly (ExecutionSummary | undefined)[]> {
    return this.store.summaries(ids);
  }

  definition(workflowId: WorkflowId): WorkflowDefinition | undefined {
    return this.store.plans.peek(workflowId)?.definition;
  }

  async open(): Promise<void> {
    await this.#readFacts((warning) => this.#options.log('warn', warning));
    await checkLayout(this.#connection.client, this.#options.partitions);
    await this.#join();
    this.#handlers = this.#options.self().handlers;
    await this.#connection.subscribe(CHANNEL, (message) => this.#onMessage(message));
    this.#connection.onAway((error) => this.#onAway(error));
    this.#connection.onReady(() => void this.#onReturn());
    await this.#sweep();
    this.#schedule();
  }

  async #readFacts(warn: (warning: string) => void): Promise<void> {
    this.#facts = await Promise.all(this.#connection.masters().map(readServerFacts));
    for (const warning of new Set(this.#facts.flatMap(checkServer))) warn(warning);
  }

  #join(): Promise<void> {
    const { record, recover, log, clock } = this.#options;
    return joinStore({
      randomBytes: (count) => clock.randomBytes(count),
      client: this.#client,
      record: record.epoch,
      recover,
      unfinished: (after, limit) => record.unfinished(after, limit),
      plan: (workflowId) => record.plan(workflowId),
      restore: async (commands) => (await this.store.restore(commands)).outcomes,
      log,
    });
  }

  #onAway(error: Error | undefined): void {
    if (this.#away || this.#closed) return;
    this.#away = true;
    this.#options.log('error', 'Redis is away; what needs it is refused until it is back', { error });
  }

  /** Leases whose reply was lost are handed back; those of others get their time anew. */
  async #onReturn(): Promise<void> {
    if (this.#closed || !this.#away) return;
    try {
      const now = await this.#time();
      this.#away = false;
      this.#options.log('info', 'Redis is back');
      this.store.onReturn();
      this.#tellHandedBack(await this.store.resume(now));
    } catch (error) {
      this.#options.log('warn', 'Redis is back but does not serve yet', { error });
    }
  }

  /** Milliseconds since the epoch, by the server. */
  async #time(): Promise<number> {
    const time = (await this.#client.command('TIME')) as Buffer[];
    return Number(String(time[0])) * 1000 + Math.floor(Number(String(time[1])) / 1000);
  }

  #tellHandedBack(released: number): void {
    if (released > 0) this.#options.log('info', 'leases whose reply was lost were handed back', { released });
  }

  #onLost(): void {
    if (this.#lost) return;
    this.#lost = true;
    this.#options.log('error', 'Redis is not the store that this host joined; it was emptied or exchanged');
    this.store.onLost();
  }

  #onMessage(message: Buffer): void {
    const [caller, prefix, lanes, ended] = unpackFromLua(message) as [unknown, unknown, unknown[], unknown[]];
    if (String(caller) === this.#options.host) return;
    const partition = this.#client.keys.find((keys) => keys.prefix === String(prefix))?.partition;
    if (partition === undefined) return;
    const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
    const woken = this.#options.works ? list(lanes).map(String) : [];
    this.store.onMessage(partition, woken, list(ended));
  }

  /** A lane of a handler that this host has not: adopted once no living host has had it for so long, so that its nodes fail. */
  #onForeignLane(lane: string): void {
    const handler = decodeURIComponent(lane.split(':')[2] ?? '');
    const { clock, unknownHandlerGraceMs } = this.#options;
    if (this.registry.handlers().has(handler)) {
      this.#unservedSince.delete(handler);
      this.#forsake(handler);
      return;
    }
    const since = this.#unservedSince.get(handler);
    if (since === undefined) this.#unservedSince.set(handler, clock.monotonic());
    else if (clock.monotonic() - since >= unknownHandlerGraceMs && !this.#adopted.has(handler)) {
      this.#adopted.add(handler);
      this.#handlers = [...this.#options.self().handlers, ...this.#adopted];
    }
  }

  #forsake(handler: string): void {
    if (!this.#adopted.delete(handler)) return;
    this.#handlers = [...this.#options.self().handlers, ...this.#adopted];
  }

  async #replicated(): Promise<void> {
    const { waitReplicas } = this.#options;
    const [master] = this.#connection.masters();
    const reached = Number(await master?.callBuffer('WAIT', waitReplicas, 1000));
    if (reached < waitReplicas)
      throw unavailable(new Error(`${reached} of ${waitReplicas} replicas answered`));
  }

  #schedule(): void {
    if (this.#closed) return;
    const { clock, leaseMs } = this.#options;
    const sweepMs = Math.max(LEAST_SWEEP_MS, Math.min(MOST_SWEEP_MS, leaseMs / SWEEPS_PER_LEASE));
    this.#sweeper = clock.after(sweepMs, () => {
      this.#sweeping = this.#sweep().finally(() => this.#schedule());
    });
  }

  async #sweep(): Promise<void> {
    try {
      if (this.#away && this.#connection.isReady()) await this.#onReturn();
      if (!this.#connection.isReady()) return;
      if (this.#lost) await this.#rejoin();
      this.#connection.probeListener();
      await this.registry.beat();
      const served = this.registry.handlers();
      for (const handler of [...this.#adopted]) if (served.has(handler)) this.#forsake(handler);
      await this.#readFacts(() => undefined);
      // Commands of one connection are carried out in turn: what was given up has been, by then, or never will.
      this.#tellHandedBack(await this.store.resumeAfterLoss(() => this.#time()));
      await this.store.sweep();
      if (this.#options.clock.monotonic() < this.#aftermathUntil) await this.#bringBackLate();
    } catch (error) {
      if (!this.#closed) this.#options.log('warn', 'the sweep of the store failed', { error });
    }
  }

  async #rejoin(): Promise<void> {
    await checkLayout(this.#connection.client, this.#options.partitions);
    await this.#join();
    this.#lost = false;
    this.#aftermathUntil = this.#options.clock.monotonic() + AFTERMATH_MS;
    this.#options.log('info', 'this host has joined the store anew');
    this.store.onReturn();
  }

  /** What a host had read before the loss and recorded after the recovery looked. */
  async #bringBackLate(): Promise<void> {
    const restored = await this.#comparison.run({ leastAgeMs: 0 });
    if (restored > 0)
      this.#options.log('warn', 'executions that were recorded late are back, too', { restored });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#sweeper?.cancel();
    await this.#sweeping;
    await this.store.close();
    if (this.#connection.isReady()) await this.registry.leave().catch(() => undefined);
    await this.#connection.close();
  }
}

function isShort({ maxmemory, usedMemory }: ServerFacts): boolean {
  return maxmemory > 0 && usedMemory > maxmemory * MEMORY_BOUND;
}
