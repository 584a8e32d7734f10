import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { LeasedTask, LeaseRequest, SubmitCommand, TaskResult } from '../../model/commands.js';
import type { ExecutionId } from '../../model/ids.js';
import type { Plan } from '../../model/plan.js';
import type { ExecutionSnapshot } from '../../model/snapshot.js';
import { hasEnded } from '../../model/states.js';
import type { RedisConnection } from '../../store/redis/connection.js';
import type { StoreReply } from '../../store/state-store.js';
import { NO_PARAMS, seededIds } from '../machine-fixture.js';
import { NaiveMachine } from '../naive-machine.js';
import { TEST_LEASE_MS, TEST_MAX_DELIVERIES } from '../redis-fixture.js';
import { told, toldNaively } from '../walk-comparison.js';
import { chosen, outcomeOf, redriveOf } from '../walk-steps.js';
import { PartitionInvariants } from './invariants.js';
import { type DumpedExecution, dumpPartition, type PartitionDump } from './partition-dump.js';
import { type Act, plansArbitrary, type Step, stepArbitrary } from './steps.js';
import { leasedIn, PARTITIONS, type Told, type WalkHost, WalkHosts, WINDOW } from './walk-hosts.js';

type ActOf<K extends Act['kind']> = Extract<Act, { kind: K }>;

const KEY_TTL_MS = 2000;
const STALLED_MS = 2010;
/** Longer than every timer, lease, grace and stay. */
const LONG_MS = 1_000_000;

/**
 * Random calls of two hosts of one Redis store: batches, duplicates, stale leases, clocks that jump and go back, hosts that die, and
 * replies that are lost after the call was carried out, upon which the host does the same again. After each step every execution is
 * compared with the naive machine, and every invariant is looked at in the keys themselves; at the end nothing may be left.
 *
 * A failure prints seed and path: WALK_SEED and WALK_PATH replay it. WALK_RUNS asks for another number of sequences.
 */
export function redisWalk(
  name: string,
  connection: () => RedisConnection,
  { runs }: { readonly runs: number },
): void {
  const { WALK_RUNS, WALK_SEED, WALK_PATH } = process.env;
  const steps = fc.array(stepArbitrary, { minLength: 5, maxLength: 40, size: 'max' });
  test(`${name} is what the rules say, call for call`, () =>
    fc.assert(
      fc.asyncProperty(plansArbitrary, steps, async (plans, walk) => {
        const store = new RedisWalk(await WalkHosts.open(connection()), plans);
        try {
          for (const step of walk) await store.take(step);
          await store.end();
        } catch (error) {
          throw new Error(describeWalk(plans, walk), { cause: error });
        }
      }),
      {
        numRuns: Number(WALK_RUNS ?? runs),
        ...(WALK_SEED !== undefined && { seed: Number(WALK_SEED) }),
        ...(WALK_PATH !== undefined && { path: WALK_PATH }),
      },
    ));
}

class RedisWalk {
  readonly #hosts: WalkHosts;
  readonly #plans: readonly Plan[];
  readonly #naive = new NaiveMachine();
  readonly #invariants = Array.from({ length: PARTITIONS }, () => new PartitionInvariants(WINDOW));
  readonly #ids = seededIds(() => this.#now);
  readonly #known: ExecutionId[] = [];
  readonly #keyOwners = new Map<string, ExecutionId>();
  /** Every task ever leased, the latest last, and by which host. */
  readonly #leased: { readonly task: LeasedTask; readonly host: WalkHost['name']; readonly at: number }[] =
    [];
  /** Leases whose host does not know of them. */
  readonly #unknown = new Set<string>();
  #submitted = 0;

  constructor(hosts: WalkHosts, plans: readonly Plan[]) {
    this.#hosts = hosts;
    this.#plans = plans;
  }

  get #now(): number {
    return this.#hosts.clock.now();
  }

  async take(step: Step): Promise<void> {
    await this.#do(step);
    const stalled = await this.#check();
    if (!stalled) return;
    // A host lost its reply between two chunks of a fan-out: another one finds it, and goes on.
    this.#hosts.clock.advance(STALLED_MS);
    await this.#hosts.at(step.host + 1).store.sweep();
    assert.equal(await this.#check(), false, 'a sweep has gone on with every fan-out');
  }

  #do({ act, host: which, losesAfter }: Step): Promise<void> {
    const host = this.#hosts.at(which);
    switch (act.kind) {
      case 'submit':
        return this.#submit(host, act, losesAfter);
      case 'start':
        return this.#start(host, act, losesAfter);
      case 'cancel':
        return this.#cancel(host, act, losesAfter);
      case 'lease':
        return this.#lease(host, act, losesAfter);
      case 'advance':
        return this.#advance(host, act, losesAfter);
      case 'heartbeat':
        return this.#heartbeat(host, act, losesAfter);
      case 'redrive':
        return this.#redrive(host, act, losesAfter);
      case 'pass':
        return this.#pass(host, act.ms, losesAfter);
      case 'back':
        this.#hosts.clock.advance(-act.ms);
        return Promise.resolve();
      case 'archive':
        return this.#hosts.drain(host);
      case 'crash':
        return this.#crash(which);
      case 'resume':
        return this.#resume(host);
    }
  }

  /** Everything is as the model has it and as the invariants demand. Answers whether fan-outs stand still; then states lag. */
  async #check(): Promise<boolean> {
    const { keys, client } = this.#hosts;
    const [snapshots, ...dumps] = await Promise.all([
      this.#hosts.read(this.#known),
      ...keys.map((each) => dumpPartition(client, each)),
    ]);
    for (const [partition, dump] of dumps.entries()) this.#invariants[partition]?.check(dump);
    const cutShort = dumps.flatMap(({ executions }) => [...executions.values()].filter(isCutShort));
    for (const { id } of cutShort) {
      const at = this.#known.indexOf(id as ExecutionId);
      this.#forgetUnreached(this.#known[at], snapshots[at]);
    }
    if (dumps.some(hasUnfinishedFanOuts)) return true;
    for (const [at, id] of this.#known.entries()) this.#isAsToldNaively(snapshots[at], id);
    const { free, quarantined } = this.#naive.readyCount();
    const ready = dumps.map(({ counters }) => counters.ready ?? 0);
    assert.equal(
      ready.reduce((sum, each) => sum + each, 0),
      free + quarantined,
    );
    return false;
  }

  #isAsToldNaively(snapshot: ExecutionSnapshot | undefined, id: ExecutionId): void {
    assert.ok(snapshot, `execution ${id} is here or in the record`);
    assert.deepEqual(told(snapshot), toldNaively(this.#execution(id)));
  }

  /** An execution has ended before a fan-out that is cut up was done: nodes that it had not reached were never ready. */
  #forgetUnreached(id: ExecutionId | undefined, snapshot: ExecutionSnapshot | undefined): void {
    assert.ok(id && snapshot);
    for (const [at, node] of this.#execution(id).nodes.entries()) {
      if (snapshot.nodes[at]?.attempt !== 0 || node.fence > 0) continue;
      if (node.state === 'cancelled' || node.errorCode === 'WORKFLOW_TIMEOUT') {
        Object.assign(node, { state: 'cancelled', attempt: 0, errorCode: undefined });
      }
    }
  }

  /** Lets a host do something until its reply arrives, and the model the same each time. */
  async #until<T>(
    host: WalkHost,
    losesAfter: number | undefined,
    verb: () => Promise<T>,
    model: (outcome: Told<T>) => void | Promise<void>,
  ): Promise<T> {
    const first = await host.lossy(losesAfter, verb);
    await model(first);
    if (first.kind === 'answered') return first.answer;
    const second = await host.lossy(undefined, verb);
    await model(second);
    assert.ok(second.kind === 'answered');
    return second.answer;
  }

  /** The model leases what the calls have leased; of what no reply told it, the host does not know. */
  #accept(host: WalkHost, outcome: Told<StoreReply<unknown>>, request: LeaseRequest | undefined): void {
    const tasks = leasedIn(outcome.applied, (id) => this.#execution(id).plan);
    const told = outcome.kind === 'answered' ? outcome.answer.tasks : [];
    const known = new Set(told.map(leaseName));
    if (request) this.#naive.accept(tasks, request, this.#now);
    else assert.equal(tasks.length, 0);
    assert.ok(known.size <= tasks.length, 'a task is told of once');
    for (const task of tasks) {
      this.#leased.push({ task, host: host.name, at: this.#now });
      if (!known.has(leaseName(task))) this.#unknown.add(leaseName(task));
    }
  }

  #execution(id: ExecutionId) {
    const execution = this.#naive.executions.get(id);
    assert.ok(execution);
    return execution;
  }

  #request(host: WalkHost, total: number): LeaseRequest {
    return { owner: host.name, leaseMs: TEST_LEASE_MS, lanes: undefined, total, quarantined: total };
  }

  #along(host: WalkHost, total: number): LeaseRequest | undefined {
    return total > 0 ? this.#request(host, total) : undefined;
  }

  async #submit(host: WalkHost, { items, along }: ActOf<'submit'>, losesAfter?: number): Promise<void> {
    const commands = items.map(({ trigger, key, partition }): SubmitCommand => {
      const place = this.#submitted++;
      const plan = chosen(this.#plans, place);
      assert.ok(plan);
      const executionId = this.#ids.next(key === undefined ? partition : key % PARTITIONS);
      const command = { executionId, plan, params: NO_PARAMS, trigger };
      if (key === undefined) return command;
      const bodyHash = `body-${place % 2}`;
      return { ...command, idempotency: { key: `${key}`, bodyHash, ttlMs: KEY_TTL_MS } };
    });
    const request = this.#along(host, along);
    await this.#until(
      host,
      losesAfter,
      () => host.store.submit(commands, request),
      (outcome) => {
        for (const [at, command] of commands.entries()) {
          const expected = this.#submitted1(command);
          if (outcome.kind === 'lost') continue;
          const answer = outcome.answer.outcomes[at];
          assert.equal(answer?.kind, expected);
          if (answer?.kind !== 'duplicate') continue;
          assert.equal(answer.executionId, this.#keyOwners.get(command.idempotency?.key ?? ''));
        }
        this.#accept(host, outcome, request);
      },
    );
  }

  /** What the rules say to a submission; the same one again, without a key, is accepted and changes nothing. */
  #submitted1(command: SubmitCommand): string {
    const { executionId, idempotency } = command;
    const isThere = this.#naive.executions.has(executionId);
    if (isThere && !idempotency) return 'accepted';
    const outcome = this.#naive.submit(command, this.#now);
    if (outcome !== 'accepted') return outcome;
    this.#known.push(executionId);
    if (idempotency) this.#keyOwners.set(idempotency.key, executionId);
    return outcome;
  }

  #chosenIds(which: readonly number[]): ExecutionId[] {
    return which.flatMap((each) => chosen(this.#known, each) ?? []);
  }

  async #start(host: WalkHost, { which, along }: ActOf<'start'>, losesAfter?: number): Promise<void> {
    const ids = await this.#bringBack(host, this.#chosenIds(which));
    const request = this.#along(host, along);
    await this.#until(
      host,
      losesAfter,
      () =>
        host.store.start(
          ids.map((executionId) => ({ executionId })),
          request,
        ),
      (outcome) => {
        for (const [at, id] of ids.entries()) {
          const expected = this.#naive.start(id, undefined, this.#now);
          if (outcome.kind === 'answered') this.#agree(id, outcome.answer.outcomes[at], expected);
        }
        this.#accept(host, outcome, request);
      },
    );
  }

  /** As a host does before it acts on what waits in the record: untriggered executions that were let go come back. */
  async #bringBack(host: WalkHost, ids: readonly ExecutionId[]): Promise<readonly ExecutionId[]> {
    const hot = await host.store.read(ids);
    for (const [at, id] of ids.entries()) {
      if (hot[at] || this.#execution(id).state !== 'pending') continue;
      const snapshot = this.#hosts.record.executions.get(id);
      assert.ok(snapshot, 'what was let go is recorded');
      await host.store.restore([{ snapshot, plan: this.#execution(id).plan }]);
    }
    return ids;
  }

  /** Of an execution that has ended, the store may know nothing any more. */
  #agree(id: ExecutionId, answer: string | undefined, expected: string): void {
    if (answer === 'not_found' && hasEnded(this.#execution(id).state)) return;
    assert.equal(answer, expected);
  }

  async #cancel(
    host: WalkHost,
    { which }: ActOf<'cancel' | 'heartbeat'>,
    losesAfter?: number,
  ): Promise<void> {
    const ids = await this.#bringBack(host, this.#chosenIds(which));
    await this.#until(
      host,
      losesAfter,
      () => host.store.cancel(ids),
      (outcome) => {
        for (const [at, id] of ids.entries()) {
          const expected = this.#naive.cancel(id, this.#now);
          if (outcome.kind === 'answered') this.#agree(id, outcome.answer.outcomes[at], expected);
        }
      },
    );
  }

  async #lease(host: WalkHost, { total, few, lanes }: ActOf<'lease'>, losesAfter?: number): Promise<void> {
    const request: LeaseRequest = {
      ...this.#request(host, total),
      lanes: lanes ? [{ queue: 'slow', room: 2 }] : undefined,
      quarantined: few ? 1 : total,
    };
    // No messages are delivered here, so a sweep says what waits.
    await host.store.sweep();
    await this.#until(
      host,
      losesAfter,
      () => host.store.lease(request),
      (outcome) => {
        const { free, quarantined } = this.#naive.readyCount();
        const isWhole = !lanes && !few && outcome.kind === 'answered';
        if (isWhole) assert.equal(outcome.answer.tasks.length, Math.min(total, free + quarantined));
        this.#accept(host, outcome, request);
      },
    );
  }

  #isUnderWay = (task: LeasedTask): boolean => {
    const node = this.#naive.executions.get(task.executionId)?.nodes[task.node];
    return node?.lease !== undefined && node.fence === task.fence && !this.#unknown.has(leaseName(task));
  };

  async #advance(host: WalkHost, { results, along }: ActOf<'advance'>, losesAfter?: number): Promise<void> {
    const all = this.#leased.map(({ task }) => task);
    const underWay = all.filter(this.#isUnderWay);
    const batch = results.flatMap(({ which, outcome, stale }): TaskResult[] => {
      const task = chosen(stale ? all : underWay, which);
      return task
        ? [{ task, owner: host.name, outcome: outcomeOf(outcome, which, TEST_MAX_DELIVERIES) }]
        : [];
    });
    if (batch.length === 0) return;
    const request = this.#along(host, along);
    await this.#until(
      host,
      losesAfter,
      () => host.store.advance(batch, request),
      (outcome) => {
        const expected = batch.map((result) => this.#naive.advance(result, this.#now));
        if (outcome.kind === 'answered') assert.deepEqual(outcome.answer.outcomes, expected);
        this.#accept(host, outcome, request);
      },
    );
  }

  async #heartbeat(
    host: WalkHost,
    { which }: ActOf<'cancel' | 'heartbeat'>,
    losesAfter?: number,
  ): Promise<void> {
    const refs = which.flatMap((each) => chosen(this.#leased, each)?.task ?? []);
    const isUnknown = refs.some((ref) => this.#unknown.has(leaseName(ref)));
    if (refs.length === 0 || isUnknown) return;
    await this.#until(
      host,
      losesAfter,
      () => host.store.heartbeat(host.name, refs),
      (outcome) => {
        const expected = refs.map((ref) => this.#naive.heartbeat(host.name, ref, TEST_LEASE_MS, this.#now));
        if (outcome.kind === 'answered') assert.deepEqual(outcome.answer, expected);
      },
    );
  }

  async #pass(host: WalkHost, ms: number, losesAfter?: number): Promise<void> {
    this.#hosts.clock.advance(ms);
    // Timers that other hosts have set are learnt from the sweep.
    await host.store.sweep();
    let sum = { promoted: 0, completed: 0, expired: 0 };
    let isLost = false;
    const expected = this.#naive.promote(this.#now);
    await this.#until(
      host,
      losesAfter,
      () => host.store.promote(),
      (outcome) => {
        if (outcome.kind === 'lost') isLost = true;
        else sum = outcome.answer;
      },
    );
    const { promoted, completed, expired } = sum;
    if (!isLost) assert.deepEqual({ promoted, completed, expired }, expected);
    const order: { executionId: ExecutionId; node: number }[] = [];
    let applied = 0;
    const { reclaimed } = await this.#until(
      host,
      losesAfter,
      () => host.store.reclaim(),
      (outcome) => {
        if (outcome.kind === 'lost') applied = -1;
        for (const { script, reply } of outcome.applied) {
          if (script !== 'expired') continue;
          for (const [id, node] of (reply[0] as [[Buffer, number][]])[0]) {
            const ref = { executionId: String(id) as ExecutionId, node: Number(node) };
            const isKnown = order.some((each) => leaseName(each) === leaseName(ref));
            if (!isKnown) order.push(ref);
          }
        }
      },
    );
    const count = this.#naive.reclaim(TEST_MAX_DELIVERIES, this.#now, order);
    if (applied === 0) assert.equal(reclaimed, count);
  }

  async #redrive(host: WalkHost, act: ActOf<'redrive'>, losesAfter?: number): Promise<void> {
    const executionId = chosen(this.#known, act.which);
    if (!executionId) return;
    const naive = this.#execution(executionId);
    const command = redriveOf(executionId, naive, act);
    const [hot] = await host.store.read([executionId]);
    const snapshot = this.#hosts.record.executions.get(executionId);
    if (!hot && snapshot) await host.store.restore([{ snapshot, plan: naive.plan }]);
    await this.#until(
      host,
      losesAfter,
      () => host.store.redrive([command]),
      (outcome) => {
        const isApplied =
          outcome.kind === 'answered' ||
          outcome.applied.some(
            ({ script, reply }) => script === 'install' && (reply[0] as number[])[0] === 0,
          );
        if (!isApplied) return;
        const expected = this.#naive.redrive(command, this.#now);
        if (outcome.kind === 'answered') assert.equal(outcome.answer.outcomes[0], expected);
      },
    );
  }

  async #crash(which: number): Promise<void> {
    const { name } = this.#hosts.at(which);
    for (const { task, host } of this.#leased) if (host === name) this.#unknown.add(leaseName(task));
    this.#hosts.crash(which);
  }

  /** A host hands back the leases that it does not know. */
  async #resume(host: WalkHost): Promise<void> {
    this.#hosts.clock.advance(10);
    const lost = this.#leased.filter(
      ({ task, host: owner, at }) =>
        owner === host.name && at < this.#now && this.#unknown.has(leaseName(task)),
    );
    await host.store.resume(this.#now);
    for (const { task } of lost) {
      this.#naive.advance({ task, owner: host.name, outcome: { kind: 'released' } }, this.#now);
    }
  }

  /** Everything ends, is recorded and leaves; then the keys are those of an empty store. */
  async end(): Promise<void> {
    const host = this.#hosts.at(0);
    const unfinished = this.#known.filter((id) => !hasEnded(this.#execution(id).state));
    await host.store.cancel(await this.#bringBack(host, unfinished));
    for (const id of unfinished) this.#naive.cancel(id, this.#now);
    await this.#check();
    assert.equal(await host.store.reconcile(), 0, 'the reconciler finds nothing to repair');
    this.#hosts.clock.advance(LONG_MS);
    await this.#hosts.drain(host);
    for (const id of this.#known) {
      this.#isAsToldNaively(this.#hosts.record.executions.get(id), id);
    }
    this.#hosts.clock.advance(LONG_MS);
    await host.store.sweep();
    await host.store.promote();
    await host.store.reclaim();
    assert.equal((await host.store.lease(this.#request(host, 1000))).tasks.length, 0);
    await host.store.reclaim();
    await host.store.sweep();
    await this.#nothingIsLeft();
  }

  async #nothingIsLeft(): Promise<void> {
    const { keys, client } = this.#hosts;
    for (const { prefix, meta } of keys) {
      const left = (await client.callBuffer('EVAL', KEYS_LEFT, 1, prefix)) as Buffer[];
      const kept = left.map(String).filter((key) => key !== meta);
      assert.deepEqual(kept, [], 'all that ended has left');
    }
    for (const each of await Promise.all(keys.map((one) => dumpPartition(client, one)))) {
      const { pending, running, ready, leased, delayed, bytes } = each.counters;
      assert.deepEqual(
        [pending, running, ready, leased, delayed, bytes].map((count) => count || 0),
        [0, 0, 0, 0, 0, 0],
      );
    }
  }
}

function describeWalk(plans: readonly Plan[], walk: readonly Step[]): string {
  const shapes = plans.map(
    ({ nodes, timeoutMs }) =>
      `${timeoutMs ?? '-'} ms: ${nodes.map((node) => `[${node.dependencies}]`).join(' ')}`,
  );
  return [...shapes, ...walk.map((step) => JSON.stringify(step))].join('\n');
}

/** What does not go by itself. */
const KEYS_LEFT = `#!lua
local found = {}
for _, key in ipairs(redis.call('KEYS', '*')) do
  if string.sub(key, 1, #KEYS[1]) == KEYS[1] and redis.call('PTTL', key) < 0 then found[#found + 1] = key end
end
return found`;

function isCutShort({ state, sources }: DumpedExecution): boolean {
  return state !== 'running' && sources.length > 0;
}

function hasUnfinishedFanOuts({ executions }: PartitionDump): boolean {
  return [...executions.values()].some(({ state, sources }) => state === 'running' && sources.length > 0);
}

function leaseName({
  executionId,
  node,
  fence,
}: {
  executionId: ExecutionId;
  node: number;
  fence?: number;
}): string {
  return `${executionId} ${node} ${fence}`;
}
