import assert from 'node:assert/strict';
import type { LeasedTask, LeaseRequest, TaskResult } from '../model/commands.js';
import type { ExecutionId, HostId } from '../model/ids.js';
import type { Plan } from '../model/plan.js';
import type { ExecutionSnapshot } from '../model/snapshot.js';
import { hasEnded } from '../model/states.js';
import { type IdempotencyRecord, Machine } from '../model/transitions.js';
import { seededIds } from './machine-fixture.js';
import { type NaiveExecution, NaiveMachine } from './naive-machine.js';
import { told, toldNaively } from './walk-comparison.js';
import { chosen, HOSTS, KEY_TTL_MS, LEASE_MS, outcomeOf, redriveOf, type Step } from './walk-steps.js';

const MAX_DELIVERIES = 4;

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
    const plan = chosen(this.#plans, this.#known.length);
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
      owner: chosen(HOSTS, total) as HostId,
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
    const task = chosen(stale ? this.#leased : this.#underWay(), which);
    if (!task) return 'nothing was leased';
    const result: TaskResult = {
      task,
      owner: chosen(HOSTS, 0) as HostId,
      outcome: outcomeOf(outcome, which, MAX_DELIVERIES),
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
    const task = chosen(which % 3 === 0 ? this.#leased : this.#underWay(), which);
    if (!task) return 'nothing was leased';
    const host = chosen(HOSTS, owner) as HostId;
    const outcome = this.#machine.heartbeat(host, task, LEASE_MS, this.#now);
    assert.equal(outcome, this.#naive.heartbeat(host, task, LEASE_MS, this.#now));
    return outcome;
  }

  /** Time goes on, and what a background does then is done: timers, then expired leases. */
  #pass(ms: number): unknown {
    this.#now += ms;
    const promoted = this.#machine.promote(this.#now);
    assert.deepEqual(promoted, this.#naive.promote(this.#now));
    const judge = (lease: { readonly until: number }) =>
      lease.until <= this.#now ? 'owner_died' : 'in_force';
    const reclaimed = this.#machine.reclaim(judge, MAX_DELIVERIES, this.#now);
    assert.equal(reclaimed.reclaimed, this.#naive.reclaim(MAX_DELIVERIES, this.#now));
    const next = this.#machine.nextTimerAt();
    assert.ok(next === undefined || next > this.#now, 'no timer that is due is left');
    return [promoted, reclaimed];
  }

  #redrive(step: Extract<Step, { kind: 'redrive' }>): unknown {
    return this.#onOne(step.which, (executionId) => {
      const naive = this.#naive.executions.get(executionId);
      const command = redriveOf(executionId, naive, step);
      const outcome = this.#machine.redrive(command, this.#now);
      assert.equal(outcome, this.#naive.redrive(command, this.#now));
      return outcome;
    });
  }

  /** The record takes what the outbox has of one execution. */
  #acknowledge(which: number): unknown {
    const event = chosen(this.#machine.takeOutbox(100), which);
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
      assert.deepEqual(told(snapshot), toldNaively(naive));
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
    const id = chosen(this.#known, which);
    return id === undefined ? 'nothing was submitted' : act(id);
  }
}

function naiveOf(snapshot: ExecutionSnapshot, plan: Plan): NaiveExecution {
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
