import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { LeasedTask, LeaseRequest } from '../model/commands.js';
import type { ExecutionId, HostId } from '../model/ids.js';
import type { Plan } from '../model/plan.js';
import { hasEnded } from '../model/states.js';
import { type Bench, type CreateSubject, withSubject } from './conformance/subject.js';
import { NO_PARAMS } from './machine-fixture.js';
import { NaiveMachine } from './naive-machine.js';
import { told, toldNaively } from './walk-comparison.js';
import {
  chosen,
  HOSTS,
  KEY_TTL_MS,
  outcomeOf,
  plansArbitrary,
  redriveOf,
  type Step,
  stepArbitrary,
} from './walk-steps.js';

/**
 * Random calls of a store whose clock stands still, with crashes between them, compared with the naive machine after
 * each. Which ready tasks a lease picks is the store's choice.
 */
export function storeWalk(name: string, create: CreateSubject, options: { readonly runs: number }): void {
  const steps = fc.array(stepArbitrary, { minLength: 5, maxLength: 50, size: 'max' });
  test(`${name} agrees with the rules told a second time, whatever is done to it`, () =>
    fc.assert(
      fc.asyncProperty(plansArbitrary, steps, (plans, walk) =>
        withSubject(create, async (bench) => {
          const store = new StoreWalk(bench, plans);
          await store.begin();
          for (const step of walk) await store.take(step);
        }),
      ),
      { numRuns: options.runs },
    ));
}

class StoreWalk {
  readonly #bench: Bench;
  readonly #plans: readonly Plan[];
  readonly #naive = new NaiveMachine();
  readonly #known: ExecutionId[] = [];
  /** Every task ever leased, the latest last. */
  readonly #leased: LeasedTask[] = [];

  constructor(bench: Bench, plans: readonly Plan[]) {
    this.#bench = bench;
    this.#plans = plans;
  }

  /** One execution of each plan under way. */
  async begin(): Promise<void> {
    for (const _plan of this.#plans) await this.take({ kind: 'submit', trigger: true, key: undefined });
  }

  async take(step: Step): Promise<void> {
    await this.#do(step);
    assert.equal(await this.#bench.store.reconcile(), 0, 'every running execution has a wake-up');
    for (const id of this.#known) {
      const naive = this.#naive.executions.get(id);
      assert.ok(naive);
      assert.deepEqual(told(await this.#bench.read(id)), toldNaively(naive));
    }
    const { free, quarantined } = this.#naive.readyCount();
    assert.equal((await this.#bench.store.stats()).readyTasks, free + quarantined);
  }

  #do(step: Step): Promise<void> {
    switch (step.kind) {
      case 'submit':
        return this.#submit(step);
      case 'start':
        return this.#start(step.which);
      case 'cancel':
        return this.#cancel(step.which);
      case 'lease':
        return this.#lease(step);
      case 'result':
        return this.#result(step);
      case 'heartbeat':
        return this.#heartbeat(step);
      case 'redrive':
        return this.#redrive(step);
      case 'pass':
      case 'acknowledge':
        // Leases of a store are longer than those of the machine: so is its time.
        return this.#pass(step.kind === 'pass' ? step.ms * 10 : 10);
      case 'restart':
      case 'revive':
        return this.#crash();
    }
  }

  get #now(): number {
    return this.#bench.subject.now();
  }

  async #submit({ trigger, key }: Extract<Step, { kind: 'submit' }>): Promise<void> {
    const executionId = this.#bench.nextId();
    const plan = chosen(this.#plans, this.#known.length);
    assert.ok(plan);
    const bodyHash = `body-${this.#known.length % 2}`;
    const idempotency =
      key === undefined ? {} : { idempotency: { key: `${key}`, bodyHash, ttlMs: KEY_TTL_MS * 10 } };
    const command = { executionId, plan, params: NO_PARAMS, trigger, ...idempotency };
    const { outcomes, durable } = await this.#bench.store.submit([command]);
    await durable;
    assert.equal(outcomes[0]?.kind, this.#naive.submit(command, this.#now));
    if (outcomes[0]?.kind === 'accepted') this.#known.push(executionId);
  }

  /** Of an execution that has ended, the store may know nothing any more. */
  async #agree(id: ExecutionId, answer: string | undefined, told: string): Promise<void> {
    const state = this.#naive.executions.get(id)?.state;
    if (answer === 'not_found' && state && hasEnded(state)) return;
    assert.equal(answer, told);
  }

  async #start(which: number): Promise<void> {
    const id = chosen(this.#known, which);
    assert.ok(id);
    const { outcomes, durable } = await this.#bench.store.start([{ executionId: id }]);
    await durable;
    await this.#agree(id, outcomes[0], this.#naive.start(id, undefined, this.#now));
  }

  async #cancel(which: number): Promise<void> {
    const id = chosen(this.#known, which);
    assert.ok(id);
    const wasOver = hasEnded(this.#naive.executions.get(id)?.state ?? 'pending');
    const { outcomes, durable } = await this.#bench.store.cancel([id]);
    await durable;
    const expected = this.#naive.cancel(id, this.#now);
    if (!wasOver) assert.equal(outcomes[0], expected);
    else await this.#agree(id, outcomes[0], expected);
  }

  async #lease({ total, few, lanes }: Extract<Step, { kind: 'lease' }>): Promise<void> {
    const request: LeaseRequest = {
      owner: chosen(HOSTS, total) as HostId,
      leaseMs: this.#bench.subject.leaseMs,
      lanes: lanes ? [{ queue: 'slow', room: 2 }] : undefined,
      total,
      quarantined: few ? 1 : total,
    };
    const { free, quarantined } = this.#naive.readyCount();
    const tasks = await this.#bench.lease(request);
    this.#naive.accept(tasks, request, this.#now);
    if (!lanes && !few) assert.equal(tasks.length, Math.min(total, free + quarantined));
    this.#leased.push(...tasks);
  }

  async #result({ which, outcome, stale }: Extract<Step, { kind: 'result' }>): Promise<void> {
    const underWay = this.#leased.filter((task) => {
      const node = this.#naive.executions.get(task.executionId)?.nodes[task.node];
      return node?.lease !== undefined && node.fence === task.fence;
    });
    const task = chosen(stale ? this.#leased : underWay, which);
    if (!task) return;
    const owner = chosen(HOSTS, 0) as HostId;
    const result = { task, owner, outcome: outcomeOf(outcome, which, this.#bench.subject.maxDeliveries) };
    const { outcomes, durable } = await this.#bench.store.advance([result]);
    await durable;
    assert.equal(outcomes[0], this.#naive.advance(result, this.#now));
  }

  async #heartbeat({ which, owner }: Extract<Step, { kind: 'heartbeat' }>): Promise<void> {
    const task = chosen(this.#leased, which);
    if (!task) return;
    const host = chosen(HOSTS, owner) as HostId;
    const [outcome] = await this.#bench.store.heartbeat(host, [task]);
    assert.equal(outcome, this.#naive.heartbeat(host, task, this.#bench.subject.leaseMs, this.#now));
  }

  async #pass(ms: number): Promise<void> {
    await this.#bench.subject.advance(ms);
    const { promoted, completed, expired } = await this.#bench.store.promote();
    assert.deepEqual({ promoted, completed, expired }, this.#naive.promote(this.#now));
    const { reclaimed, durable } = await this.#bench.store.reclaim();
    await durable;
    const order = await this.#reclaimOrder();
    assert.equal(reclaimed, this.#naive.reclaim(this.#bench.subject.maxDeliveries, this.#now, order));
  }

  /** Which of the leases that are over is looked at first is the store's choice too: it shows in what became of them, since
   * the one that makes its node a dead letter ends the rest. */
  async #reclaimOrder(): Promise<{ readonly executionId: ExecutionId; readonly node: number }[]> {
    const found: { readonly executionId: ExecutionId; readonly node: number; readonly rank: number }[] = [];
    for (const executionId of this.#known) {
      const over = this.#naive.expiredNodes(executionId, this.#now);
      const snapshot = over.length > 0 ? await this.#bench.read(executionId) : undefined;
      for (const { node, deliveries } of over) {
        const after = snapshot?.nodes[node];
        const isReclaimed = (after?.deliveries ?? 0) > deliveries;
        found.push({ executionId, node, rank: after?.state === 'failed' ? 1 : isReclaimed ? 0 : 2 });
      }
    }
    return found.sort((one, other) => one.rank - other.rank);
  }

  async #redrive(step: Extract<Step, { kind: 'redrive' }>): Promise<void> {
    const executionId = chosen(this.#known, step.which);
    const naive = executionId && this.#naive.executions.get(executionId);
    if (!naive) return;
    const command = redriveOf(executionId, naive, step);
    const outcome = await this.#bench.redrive({ ...command, plan: naive.plan });
    assert.equal(outcome, this.#naive.redrive(command, this.#now));
  }

  async #crash(): Promise<void> {
    await this.#bench.crash();
    if (!this.#bench.subject.leasesOutliveCrash) {
      this.#naive.restart(this.#bench.subject.maxDeliveries, this.#now);
    }
  }
}
