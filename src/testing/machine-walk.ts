import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { LeasedTask, LeaseRequest, TaskOutcome, TaskResult } from '../model/commands.js';
import type { ExecutionId, HostId } from '../model/ids.js';
import type { Plan } from '../model/plan.js';
import type { ExecutionSnapshot, NodeSnapshot } from '../model/snapshot.js';
import { hasEnded } from '../model/states.js';
import { type IdempotencyRecord, Machine } from '../model/transitions.js';
import { faultOf, seededIds } from './machine-fixture.js';
import { NaiveMachine, type NaiveNode } from './naive-machine.js';
import { planArbitrary } from './plan-fixtures.js';

/** One thing that is done to a machine. Numbers choose among what there is at that moment, modulo how much. */
export type Step =
  | { readonly kind: 'submit'; readonly trigger: boolean; readonly key: number | undefined }
  | { readonly kind: 'start' | 'cancel' | 'acknowledge' | 'revive'; readonly which: number }
  | { readonly kind: 'lease'; readonly total: number; readonly few: boolean; readonly lanes: boolean }
  | { readonly kind: 'result'; readonly which: number; readonly outcome: Outcome; readonly stale: boolean }
  | { readonly kind: 'heartbeat'; readonly which: number; readonly owner: number }
  | { readonly kind: 'pass'; readonly ms: number }
  | { readonly kind: 'redrive'; readonly which: number; readonly node: number; readonly config: boolean }
  | { readonly kind: 'restart' };
type Outcome = 'completed' | 'skipped' | 'failed' | 'retry' | 'uncounted' | 'sleep' | 'lost' | 'released';

const OUTCOMES: readonly Outcome[] = [
  ...(['completed', 'completed', 'completed', 'completed', 'completed', 'skipped', 'failed'] as const),
  ...(['retry', 'uncounted', 'sleep', 'lost', 'released'] as const),
];
const QUEUES = ['default', 'slow'];
const HOSTS = ['host-a', 'host-b'] as readonly string[] as readonly HostId[];
const LEASE_MS = 60;
const KEY_TTL_MS = 200;
export const MAX_DELIVERIES = 4;
/** Every interval but a time-out is a multiple of ten, so that no timer is due at the instant of a deadline. */
const TIMEOUTS = [undefined, 95, 405];

export const stepArbitrary: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('submit' as const),
      trigger: fc.boolean(),
      key: fc.option(fc.nat(3), { nil: undefined }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constantFrom(
        'start' as const,
        'start' as const,
        'cancel' as const,
        'acknowledge' as const,
        'revive' as const,
      ),
      which: fc.nat(),
    }),
  },
  {
    weight: 10,
    arbitrary: fc.record({
      kind: fc.constant('lease' as const),
      total: fc.nat(4),
      few: fc.boolean(),
      lanes: fc.boolean(),
    }),
  },
  {
    weight: 16,
    arbitrary: fc.record({
      kind: fc.constant('result' as const),
      which: fc.nat(),
      outcome: fc.constantFrom(...OUTCOMES),
      stale: fc.nat(5).map((draw) => draw === 0),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('heartbeat' as const), which: fc.nat(), owner: fc.nat(1) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.constantFrom(10, 20, 60, 100) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('redrive' as const),
      which: fc.nat(),
      node: fc.nat(),
      config: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart' as const) }) },
);

export const plansArbitrary: fc.Arbitrary<readonly Plan[]> = fc.array(
  planArbitrary({ maxNodes: 6, queues: QUEUES, timeouts: TIMEOUTS }),
  { minLength: 1, maxLength: 3 },
);

/**
 * Does the same to a machine and to the naive one, and compares them after each step. What the machine answered is kept
 * in `answers`, so that two walks can be compared.
 */
export class MachineWalk {
  readonly answers: unknown[] = [];
  readonly #plans: readonly Plan[];
  readonly #naive = new NaiveMachine();
  readonly #ids = seededIds(() => this.#now);
  readonly #known: ExecutionId[] = [];
  /** Every task ever leased, the latest last. */
  readonly #leased: LeasedTask[] = [];
  /** What the record has: the snapshots of executions that were acknowledged after their end. */
  readonly #record = new Map<ExecutionId, ExecutionSnapshot>();
  readonly #revisions = new Map<ExecutionId, number>();
  #idempotency = new Map<string, IdempotencyRecord>();
  #machine = this.#newMachine();
  #now = 1_000_000;

  /** Begins with one execution of each plan under way. */
  constructor(plans: readonly Plan[]) {
    this.#plans = plans;
    for (const _plan of plans) this.take({ kind: 'submit', trigger: true, key: undefined });
  }

  take(step: Step): void {
    this.answers.push(this.#do(step));
    this.#compare();
    const effects = this.#machine.takeEffects();
    this.answers.push(
      effects.ready,
      effects.aborted,
      effects.ended.map((execution) => execution.executionId),
    );
  }

  /** The states of all executions, in the order of submission. */
  snapshots(): (ExecutionSnapshot | undefined)[] {
    return this.#known.map((id) => this.#machine.read(id));
  }

  #newMachine(): Machine {
    return new Machine({
      idempotency: {
        get: (key) => this.#idempotency.get(key),
        set: (key, record) => void this.#idempotency.set(key, record),
      },
      maxExecutionBytes: 1 << 20,
      maxFailuresKept: 3,
    });
  }

  #do(step: Step): unknown {
    switch (step.kind) {
      case 'submit':
        return this.#submit(step);
      case 'start':
        return this.#start(step.which);
      case 'cancel':
        return this.#onOne(step.which, (id) => {
          const outcome = this.#machine.cancel(id, this.#now);
          assert.equal(outcome, this.#naive.cancel(id, this.#now));
          return outcome;
        });
      case 'acknowledge':
        return this.#acknowledge(step.which);
      case 'revive':
        return this.#onOne(step.which, (id) => this.#revive(id));
      case 'lease':
        return this.#lease(step);
      case 'result':
        return this.#result(step);
      case 'heartbeat':
        return this.#heartbeat(step);
      case 'pass':
        return this.#pass(step.ms);
      case 'redrive':
        return this.#redrive(step);
      case 'restart':
        return this.#restart();
    }
  }

  #submit({ trigger, key }: Extract<Step, { kind: 'submit' }>): unknown {
    const executionId = this.#ids.next(0);
    const plan = this.#pick(this.#plans, this.#known.length);
    assert.ok(plan);
    const bodyHash = `body-${this.#known.length % 2}`;
    const command = {
      executionId,
      plan,
      params: Buffer.from(`{"n":${this.#known.length}}`),
      trigger,
      ...(key !== undefined && { idempotency: { key: `key-${key}`, bodyHash, ttlMs: KEY_TTL_MS } }),
    };
    const outcome = this.#machine.submit(command, this.#now);
    assert.equal(outcome.kind, this.#naive.submit(command, this.#now));
    if (outcome.kind === 'accepted') this.#known.push(executionId);
    else assert.equal(this.#machine.read(executionId), undefined, 'a refused submission leaves nothing');
    return outcome;
  }

  #start(which: number): unknown {
    return this.#onOne(which, (id) => {
      const params = which % 3 === 0 ? Buffer.from(`{"start":${which}}`) : undefined;
      const outcome = this.#machine.start({ executionId: id, ...(params && { params }) }, this.#now);
      assert.equal(outcome, this.#naive.start(id, params, this.#now));
      return outcome;
    });
  }

  #lease({ total, few, lanes }: Extract<Step, { kind: 'lease' }>): unknown {
    const request: LeaseRequest = {
      owner: this.#pick(HOSTS, total) as HostId,
      leaseMs: LEASE_MS,
      lanes: lanes ? [{ queue: 'slow', room: 2 }] : undefined,
      total,
      quarantined: few ? 1 : total,
    };
    const before = this.#naive.readyCount();
    const tasks = this.#machine.lease(request, this.#now);
    this.#naive.accept(tasks, request, this.#now);
    if (!lanes && !few) {
      assert.equal(
        tasks.length,
        Math.min(total, before.free + before.quarantined),
        'nothing ready is held back',
      );
    }
    this.#leased.push(...tasks);
    return tasks.map(({ plan: _plan, ...task }) => task);
  }

  #result({ which, outcome, stale }: Extract<Step, { kind: 'result' }>): unknown {
    const task = this.#pick(stale ? this.#leased : this.#underWay(), which);
    if (!task) return 'nothing was leased';
    const result: TaskResult = {
      task,
      owner: this.#pick(HOSTS, 0) as HostId,
      outcome: outcomeOf(outcome, which),
    };
    const before = this.#machine.read(task.executionId);
    const answer = this.#machine.advance(result, this.#now);
    assert.equal(answer, this.#naive.advance(result, this.#now));
    if (answer !== 'applied') {
      assert.deepEqual(this.#machine.read(task.executionId), before, `${answer} changes nothing`);
      return answer;
    }
    const applied = this.#machine.read(task.executionId);
    const again = this.#machine.advance(result, this.#now);
    assert.ok(again === 'duplicate' || again === 'execution_ended', `a second time it answers ${again}`);
    assert.deepEqual(this.#machine.read(task.executionId), applied, 'a result counts once');
    return answer;
  }

  #heartbeat({ which, owner }: Extract<Step, { kind: 'heartbeat' }>): unknown {
    const task = this.#pick(which % 3 === 0 ? this.#leased : this.#underWay(), which);
    if (!task) return 'nothing was leased';
    const host = this.#pick(HOSTS, owner) as HostId;
    const outcome = this.#machine.heartbeat(host, task, LEASE_MS, this.#now);
    assert.equal(outcome, this.#naive.heartbeat(host, task, LEASE_MS, this.#now));
    return outcome;
  }

  /** Time goes on, and what a background does then is done: timers, then expired leases. */
  #pass(ms: number): unknown {
    this.#now += ms;
    const promoted = this.#machine.promote(this.#now);
    assert.deepEqual(promoted, this.#naive.promote(this.#now));
    const reclaimed = this.#machine.reclaim((lease) => lease.until <= this.#now, MAX_DELIVERIES, this.#now);
    assert.equal(reclaimed.reclaimed, this.#naive.reclaim(MAX_DELIVERIES, this.#now));
    const next = this.#machine.nextTimerAt();
    assert.ok(next === undefined || next > this.#now, 'no timer that is due is left');
    return [promoted, reclaimed];
  }

  #redrive({ which, node, config }: Extract<Step, { kind: 'redrive' }>): unknown {
    return this.#onOne(which, (executionId) => {
      const failed =
        this.#naive.executions.get(executionId)?.nodes.findIndex((each) => each.state === 'failed') ?? -1;
      const index = node % 4 === 0 || failed < 0 ? node % 3 : failed;
      const edited = config && { config: Buffer.from(`{"edited":${node}}`) };
      const command = { executionId, node: index, ...edited };
      const outcome = this.#machine.redrive(command, this.#now);
      assert.equal(outcome, this.#naive.redrive(command, this.#now));
      return outcome;
    });
  }

  /** The record takes what the outbox has of one execution. */
  #acknowledge(which: number): unknown {
    const event = this.#pick(this.#machine.takeOutbox(100), which);
    if (!event) return 'the outbox is empty';
    const { snapshot } = event;
    const id = snapshot.executionId;
    assert.deepEqual(snapshot, this.#machine.read(id));
    this.#machine.acknowledge(id, snapshot.revision - 1);
    assert.ok(this.#machine.read(id), 'an older revision acknowledges nothing');
    if (event.kind === 'ended') {
      const dead = snapshot.nodes.flatMap((node, index) => (node.state === 'failed' ? [index] : []));
      assert.deepEqual(
        event.deadLetters.map((letter) => letter.node),
        dead,
        'one dead letter for each dead node',
      );
      for (const letter of event.deadLetters) {
        assert.equal(letter.error.code, snapshot.nodes[letter.node]?.error?.code);
        assert.equal(letter.attempts, snapshot.nodes[letter.node]?.attempt);
      }
    }
    this.#machine.acknowledge(id, snapshot.revision);
    assert.equal(
      this.#machine.takeOutbox(100).some((other) => other.snapshot.executionId === id),
      false,
    );
    if (hasEnded(snapshot.state)) {
      assert.equal(this.#machine.read(id), undefined, 'what has ended and is recorded leaves');
      this.#record.set(id, snapshot);
      this.#naive.executions.delete(id);
    }
    return [event.kind, id, snapshot.revision];
  }

  /** What was recorded comes back, once. */
  #revive(id: ExecutionId): unknown {
    const snapshot = this.#record.get(id) ?? this.#machine.read(id);
    const plan = this.#plans.find((each) => each.workflowId === snapshot?.workflowId);
    if (!snapshot || !plan) return 'nothing to revive';
    const expected = this.#record.has(id) ? 'restored' : 'newer_here';
    const options = { maxDeliveries: MAX_DELIVERIES, now: this.#now };
    const outcome = this.#machine.restore({ snapshot, plan }, options);
    assert.equal(outcome, expected);
    assert.equal(this.#machine.restore({ snapshot, plan }, options), 'newer_here');
    assert.deepEqual(this.#machine.read(id), snapshot);
    if (outcome === 'restored') {
      this.#record.delete(id);
      this.#naive.executions.set(id, naiveOf(snapshot, plan));
    }
    return outcome;
  }

  /** A new machine takes up the snapshots of the old one. */
  #restart(): unknown {
    const old = this.#machine;
    const outbox = new Set(old.takeOutbox(1000).map((event) => event.snapshot.executionId));
    this.#machine = this.#newMachine();
    for (const { executionId, plan } of old.executions()) {
      const snapshot = old.read(executionId);
      assert.ok(snapshot);
      const options = { maxDeliveries: MAX_DELIVERIES, now: this.#now };
      assert.equal(this.#machine.restore({ snapshot, plan }, options), 'restored');
    }
    this.#naive.restart(MAX_DELIVERIES, this.#now);
    return [...outbox];
  }

  #compare(): void {
    assert.equal(this.#machine.reconcile(this.#now), 0, 'every running execution has a wake-up');
    const present = this.#known.filter((id) => this.#naive.executions.has(id));
    assert.equal(this.#machine.size, present.length);
    let ready = 0;
    let leased = 0;
    for (const id of present) {
      const snapshot = this.#machine.read(id);
      const naive = this.#naive.executions.get(id);
      assert.ok(snapshot && naive, `execution ${id} is there`);
      assert.deepEqual(
        { ...pick(snapshot), nodes: snapshot.nodes.map(pickNode) },
        { ...pick(naive), nodes: naive.nodes.map(pickNaiveNode) },
      );
      for (const node of naive.nodes) {
        if (node.state === 'ready') ready += 1;
        if (node.lease) leased += 1;
        assert.equal(
          node.lease !== undefined,
          node.state === 'running',
          'a running node has a lease, and no other',
        );
      }
      const revision = this.#revisions.get(id) ?? 0;
      assert.ok(snapshot.revision >= revision, 'the revision never falls');
      this.#revisions.set(id, snapshot.revision);
    }
    assert.equal(this.#machine.readyTasks, ready);
    assert.equal(this.#machine.leasedTasks, leased);
  }

  /** Tasks whose lease is in force. */
  #underWay(): LeasedTask[] {
    return this.#leased.filter((task) => {
      const node = this.#naive.executions.get(task.executionId)?.nodes[task.node];
      return node?.lease !== undefined && node.fence === task.fence;
    });
  }

  #onOne(which: number, act: (id: ExecutionId) => unknown): unknown {
    const id = this.#pick(this.#known, which);
    return id === undefined ? 'nothing was submitted' : act(id);
  }

  #pick<T>(items: readonly T[], which: number): T | undefined {
    return items[which % Math.max(1, items.length)];
  }
}

function outcomeOf(outcome: Outcome, seed: number): TaskOutcome {
  const output = seed % 4 === 0 ? {} : { output: Buffer.from(`{"seed":${seed}}`) };
  const delayMs = (seed % 5) * 10;
  const error = faultOf('HANDLER_ERROR');
  switch (outcome) {
    case 'completed':
      return { kind: 'completed', ...output };
    case 'failed':
      return { kind: 'failed', error };
    case 'retry':
    case 'uncounted':
      return { kind: 'retry', delayMs, error, countsAttempt: outcome === 'retry' };
    case 'sleep':
      return { kind: 'sleep', delayMs, ...output };
    case 'lost':
      return { kind: 'lost', error, maxDeliveries: MAX_DELIVERIES };
    case 'skipped':
    case 'released':
      return { kind: outcome };
  }
}

interface Compared {
  readonly state: string;
  readonly params: Uint8Array;
  readonly startedAt?: number | undefined;
  readonly finishedAt?: number | undefined;
  readonly deadlineAt?: number | undefined;
}

function pick({ state, params, startedAt, finishedAt, deadlineAt }: Compared): object {
  return { state, params, startedAt, finishedAt, deadlineAt };
}

function pickNode(node: NodeSnapshot): unknown {
  return {
    state: node.state,
    fence: node.fence,
    attempt: node.attempt,
    deliveries: node.deliveries,
    sleeping: node.sleeping ?? false,
    alone: node.alone ?? false,
    dueAt: node.dueAt,
    output: node.output,
    errorCode: node.error?.code,
    config: node.configOverride,
  };
}

function pickNaiveNode(node: NaiveNode): unknown {
  const { state, fence, attempt, deliveries, sleeping, alone, dueAt, output, errorCode, config } = node;
  return { state, fence, attempt, deliveries, sleeping, alone, dueAt, output, errorCode, config };
}

function naiveOf(snapshot: ExecutionSnapshot, plan: Plan): Parameters<NaiveMachine['executions']['set']>[1] {
  return {
    plan,
    state: snapshot.state,
    params: snapshot.params,
    startedAt: snapshot.startedAt,
    finishedAt: snapshot.finishedAt,
    deadlineAt: snapshot.deadlineAt,
    nodes: snapshot.nodes.map((node) => ({
      state: node.state,
      fence: node.fence,
      attempt: node.attempt,
      deliveries: node.deliveries,
      sleeping: node.sleeping ?? false,
      alone: node.alone ?? false,
      doubtful: false,
      dueAt: node.dueAt,
      output: node.output,
      errorCode: node.error?.code,
      config: node.configOverride,
      lease: undefined,
    })),
  };
}
