import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import type { LeasedTask, SubmitCommand, TaskOutcome } from '../model/commands.js';
import type { ExecutionId, HostId } from '../model/ids.js';
import type { Plan } from '../model/plan.js';
import { openConnection } from '../store/redis/connection.js';
import type { RedisStateStore } from '../store/redis/redis-state-store.js';
import { type CommandCaller, SCRIPT_NAMES } from '../store/redis/script-registry.js';
import { faultOf, NO_PARAMS, seededIds } from './machine-fixture.js';
import { planOf } from './plan-fixtures.js';
import { MemoryRecord, openTestStore, TEST_LEASE_MS } from './redis-fixture.js';
import { startRedis } from './servers/redis-server.js';
import { SimulatedClock } from './simulated-clock.js';

/** As in operation (open-redis-store.ts). */
const WINDOW = 256;
const CHUNK = 256;
const PARTITIONS = 4;
const BATCH = 200;
const OUTPUT = Buffer.from(JSON.stringify({ text: 'x'.repeat(80) }));

export interface ScriptTimes {
  readonly calls: number;
  readonly medianMs: number;
  /** The time that one call in a hundred exceeds. */
  readonly p99Ms: number;
  readonly maxMs: number;
  /** The longest that SLOWLOG has of it, with what the machine did meanwhile. */
  readonly slowlogMs: number;
}

export interface ScriptLoad {
  /** Width of the fan-out and fan-in. */
  readonly width: number;
  /** Executions of five nodes. */
  readonly executions: number;
}

/**
 * Processor time of the server by command, scripts by their names. One command is under way at a time, so the time that the
 * server's thread has used meanwhile (schedstat of Linux) is the command's own, reading and answering it included, however busy the
 * machine is beside it. Elsewhere it is the time to the reply.
 */
export async function measureScripts(load: ScriptLoad): Promise<ReadonlyMap<string, ScriptTimes>> {
  const server = await startRedis({
    args: ['--slowlog-log-slower-than', '1000', '--slowlog-max-len', '100000'],
  });
  const connection = openConnection({
    ...{ url: server.url, commandTimeoutMs: 60_000, silenceTimeoutMs: 60_000 },
    ...{ connectTimeoutMs: 5000, retryMs: 100, name: 'load' },
  });
  try {
    await connection.connect();
    const caller = new MeasuringCaller(connection.client, server.pid);
    const run = new LoadRun(caller);
    await run.fanOutAndIn(load.width);
    await run.mix(load.executions);
    await run.hostDies(load.executions);
    await run.redriveWide(load.width);
    const logged = await slowlog(connection.client);
    return new Map([...caller.times].map(([name, times]) => [name, summary(times, logged.get(name) ?? 0)]));
  } finally {
    await connection.close();
    await server.stop();
  }
}

/** Passes one command on at a time, and takes the time of each. */
class MeasuringCaller implements CommandCaller {
  readonly #client: CommandCaller;
  readonly #statistics: string;
  #last: Promise<unknown> = Promise.resolve();
  readonly times = new Map<string, number[]>();

  constructor(client: CommandCaller, pid: number) {
    this.#client = client;
    this.#statistics = `/proc/${pid}/task/${pid}/schedstat`;
  }

  callBuffer(command: string, ...args: (string | number | Buffer)[]): Promise<unknown> {
    const reply = this.#last.then(() => this.#measured(command, args));
    this.#last = reply.catch(() => undefined);
    return reply;
  }

  async #measured(command: string, args: (string | number | Buffer)[]): Promise<unknown> {
    const begun = this.#now();
    try {
      return await this.#client.callBuffer(command, ...args);
    } finally {
      const name = nameOf(command, String(args[0]));
      const times = this.times.get(name) ?? [];
      times.push(this.#now() - begun);
      this.times.set(name, times);
    }
  }

  #now(): number {
    if (process.platform !== 'linux') return performance.now();
    return Number(readFileSync(this.#statistics, 'latin1').split(' ')[0]) / 1e6;
  }
}

function summary(times: readonly number[], slowlogMs: number): ScriptTimes {
  const sorted = times.toSorted((one, other) => other - one);
  const at = (share: number): number => sorted[Math.floor(sorted.length * share)] ?? 0;
  return { calls: times.length, medianMs: at(0.5), p99Ms: at(0.01), maxMs: at(0), slowlogMs };
}

/** The longest time of each command that took more than a millisecond. */
async function slowlog(client: CommandCaller): Promise<ReadonlyMap<string, number>> {
  const entries = (await client.callBuffer('SLOWLOG', 'GET', '-1')) as [number, number, number, Buffer[]][];
  const longest = new Map<string, number>();
  for (const [, , micros, [command = '', first = '']] of entries) {
    const name = nameOf(String(command), String(first));
    longest.set(name, Math.max(longest.get(name) ?? 0, micros / 1000));
  }
  return longest;
}

/** A script by its name, whether it is called by its hash or, the first time, by its source. */
function nameOf(command: string, first: string): string {
  const word = command.toUpperCase();
  if (word === 'EVALSHA') return SCRIPT_NAMES.get(first) ?? word;
  return word === 'EVAL' ? (/^#!lua\n-- (\S+)/.exec(first)?.[1] ?? word) : word;
}

/** What hosts do to a store, at the sizes of operation. */
class LoadRun {
  readonly #clock = new SimulatedClock();
  readonly #record = new MemoryRecord();
  readonly #ids = seededIds(() => this.#clock.now());
  readonly #store: RedisStateStore;
  readonly #owner = 'host-a' as HostId;

  constructor(client: CommandCaller) {
    const { store } = openTestStore({
      ...{ client, clock: this.#clock, record: this.#record },
      ...{ partitions: PARTITIONS, window: WINDOW, fanOutChunk: CHUNK },
    });
    this.#store = store;
    store.onSignals(() => undefined);
  }

  #request(total = BATCH) {
    return { owner: this.#owner, leaseMs: TEST_LEASE_MS, lanes: undefined, total, quarantined: total };
  }

  async #submit(plan: Plan, count: number, extra: Partial<SubmitCommand> = {}): Promise<ExecutionId[]> {
    const commands = Array.from({ length: count }, (_, at) => {
      const executionId = this.#ids.next(at % PARTITIONS);
      return { executionId, plan, params: NO_PARAMS, trigger: true, ...extra };
    });
    for (let at = 0; at < count; at += BATCH) await this.#store.submit(commands.slice(at, at + BATCH));
    return commands.map(({ executionId }) => executionId);
  }

  /** Runs what is ready until nothing is. */
  async #work(outcomeOf: (task: LeasedTask, at: number) => TaskOutcome): Promise<void> {
    let at = 0;
    let { tasks } = await this.#store.lease(this.#request());
    while (tasks.length > 0) {
      const results = tasks.map((task) => ({ task, owner: this.#owner, outcome: outcomeOf(task, at++) }));
      const advanced = await this.#store.advance(results, this.#request());
      tasks = advanced.tasks.length > 0 ? advanced.tasks : (await this.#store.lease(this.#request())).tasks;
    }
  }

  async #archive(): Promise<void> {
    for (;;) {
      const events = await this.#store.takeOutbox(BATCH);
      if (events.length === 0) return;
      this.#record.record(events);
      await this.#store.acknowledgeOutbox(events);
    }
  }

  async fanOutAndIn(width: number): Promise<void> {
    const [id] = await this.#submit(wide(width), 1);
    await this.#work(() => ({ kind: 'completed', output: OUTPUT }));
    await this.#endedAs(id, 'completed');
  }

  /** Five nodes each: most complete, some sleep, try again or fail; some are not triggered, cancelled or have a key. */
  async mix(executions: number): Promise<void> {
    await this.#submit(diamond(), executions);
    const pending = await this.#submit(diamond(), Math.ceil(executions / 4), { trigger: false });
    const half = pending.slice(0, pending.length / 2);
    await this.#store.start(
      half.map((executionId) => ({ executionId })),
      this.#request(50),
    );
    await this.#store.cancel(pending.slice(pending.length / 2));
    await this.#work((_task, at) => outcomeAt(at));
    this.#clock.advance(100);
    await this.#store.promote();
    await this.#work(() => ({ kind: 'completed', output: OUTPUT }));
    await this.#archive();
    await this.#store.stats();
    await this.#store.reconcile();
  }

  /** Leases a lot, keeps some alive, and lets the rest be taken over. */
  async hostDies(executions: number): Promise<void> {
    await this.#submit(diamond(), executions);
    const held: LeasedTask[] = [];
    for (;;) {
      const { tasks } = await this.#store.lease(this.#request());
      if (tasks.length === 0) break;
      held.push(...tasks);
    }
    this.#clock.advance(TEST_LEASE_MS / 2);
    await this.#store.heartbeat(this.#owner, held.slice(0, held.length / 2));
    this.#clock.advance(TEST_LEASE_MS / 2);
    while ((await this.#store.reclaim()).reclaimed > 0);
    await this.#work(() => ({ kind: 'completed' }));
    await this.#archive();
  }

  /** A wide execution fails in its middle, is driven on, leaves, and comes back from the record. */
  async redriveWide(width: number): Promise<void> {
    const plan = wide(width);
    const [executionId] = await this.#submit(plan, 1);
    assert.ok(executionId);
    const error = faultOf('HANDLER_ERROR');
    await this.#work((_task, at) => (at === width / 2 ? { kind: 'failed', error } : { kind: 'completed' }));
    const [failed] = await this.#store.read([executionId]);
    const node = failed?.nodes.findIndex(({ state }) => state === 'failed') ?? -1;
    assert.deepEqual((await this.#store.redrive([{ executionId, node }])).outcomes, ['redriven']);
    await this.#archive();
    const [snapshot] = await this.#store.read([executionId]);
    assert.ok(snapshot);
    await this.#work(() => ({ kind: 'completed' }));
    await this.#endedAs(executionId, 'completed');
    await this.#archive();
    this.#clock.advance(60_000);
    do await this.#store.sweep();
    while ((await this.#store.read([executionId]))[0]);
    assert.deepEqual((await this.#store.restore([{ snapshot, plan }])).outcomes, ['restored']);
    await this.#store.cancel([executionId]);
  }

  async #endedAs(id: ExecutionId | undefined, state: string): Promise<void> {
    const [snapshot] = id ? await this.#store.read([id]) : [];
    assert.equal(snapshot?.state, state);
  }
}

function outcomeAt(at: number): TaskOutcome {
  const error = faultOf('HANDLER_ERROR');
  if (at % 50 === 7) return { kind: 'retry', delayMs: 10, error, countsAttempt: true };
  if (at % 50 === 17) return { kind: 'sleep', delayMs: 20, output: OUTPUT };
  if (at % 50 === 27) return { kind: 'failed', error };
  if (at % 50 === 37) return { kind: 'lost', error, maxDeliveries: 5 };
  return { kind: 'completed', output: OUTPUT };
}

/** One node, `width` after it, one after all of them. */
function wide(width: number): Plan {
  const middle = Array.from({ length: width }, (_, at) => `m${at}`);
  return planOf({
    nodes: [{ id: 'first' }, ...middle.map((id) => ({ id, on: ['first'] })), { id: 'last', on: middle }],
  });
}

function diamond(): Plan {
  const sides = ['b', 'c', 'd'];
  return planOf({
    nodes: [{ id: 'a' }, ...sides.map((id) => ({ id, on: ['a'] })), { id: 'e', on: sides }],
  });
}
