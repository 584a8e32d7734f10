import type { LeasedTask, TaskOutcome, TaskResult } from '../../model/commands.js';
import type { NodeError } from '../../model/errors.js';
import type { ExecutionId } from '../../model/ids.js';
import type { Plan } from '../../model/plan.js';
import { deliveriesExhausted } from '../../model/transitions.js';
import { type PlanWires, packForLua, type Step } from './plan-wire.js';
import type { ScriptArgument } from './script-registry.js';

/** A task as this store leased it: its entry can be cleared away even where the execution has gone. */
export interface RedisTask extends LeasedTask {
  readonly lane: string;
  readonly entry: string;
}

/** One item of `advance`, as it goes to the script. */
export interface AdvanceItem {
  readonly executionId: ExecutionId;
  readonly plan: Plan;
  readonly node: number;
  readonly step: Step;
  /** What the script is told of it after id and step: op, guard, a, b, leased lane, entry. */
  readonly terms: readonly (string | number | false)[];
  readonly payload: string | Uint8Array | undefined;
  /** Successors that the call readies, at most. */
  readonly weight: number;
  readonly bytes: number;
  /** The fan-out is to be gone on with after the call. */
  readonly isCut: boolean;
  /** The timer that it sets, in milliseconds from now. */
  readonly timerMs: number | undefined;
}

/** What the script does with a node (lua/advance.lua). */
interface Terms {
  readonly op: string;
  readonly a?: number;
  readonly b?: number;
  readonly payload?: string | Uint8Array | undefined;
  readonly satisfies?: boolean;
  readonly timerMs?: number;
}

interface Draft {
  readonly executionId: ExecutionId;
  readonly plan: Plan;
  readonly node: number;
  readonly guard: number;
  readonly terms: Terms;
  readonly task?: LeasedTask;
}

/** Turns what is known of a node into items of the script `advance`. */
export class AdvanceItems {
  readonly #wires: PlanWires;

  constructor(wires: PlanWires) {
    this.#wires = wires;
  }

  ofResult({ task, outcome }: TaskResult): AdvanceItem {
    const { executionId, plan, node, fence } = task;
    return this.#item({ executionId, plan, node, guard: fence, task, terms: termsOf(task, outcome) });
  }

  ofExpired(lease: {
    readonly executionId: ExecutionId;
    readonly plan: Plan;
    readonly node: number;
    readonly fence: number;
    readonly deliveries: number;
    readonly maxDeliveries: number;
    /** Whether the owner died; else nothing is counted. */
    readonly died: boolean;
    readonly error: NodeError;
  }): AdvanceItem {
    const { executionId, plan, node, fence, deliveries, maxDeliveries, died, error } = lease;
    const payload = jsonOf(deliveriesExhausted(deliveries + 1, error));
    const terms = { op: 'x', a: maxDeliveries, b: died ? 1 : 0, payload };
    return this.#item({ executionId, plan, node, guard: fence, terms });
  }

  ofTimer(timer: {
    readonly executionId: ExecutionId;
    readonly plan: Plan;
    /** -1: the deadline. */
    readonly node: number;
    readonly at: number;
  }): AdvanceItem {
    const { executionId, plan, node, at } = timer;
    const terms = { op: node < 0 ? 'e' : 't', satisfies: node >= 0 };
    return this.#item({ executionId, plan, node, guard: at, terms });
  }

  /** One shape, and no object on the way to it: this is made for every node that ends. */
  #item(draft: Draft): AdvanceItem {
    const { plan, node, guard, terms } = draft;
    const satisfies = terms.satisfies === true;
    const wire = this.#wires.of(plan);
    const task = draft.task as Partial<RedisTask> | undefined;
    return {
      executionId: draft.executionId,
      plan,
      node,
      step: satisfies ? wire.step(node) : wire.place(node),
      terms: [terms.op, guard, terms.a ?? false, terms.b ?? false, task?.lane || false, task?.entry || false],
      payload: terms.payload,
      weight: satisfies ? wire.firstSize(node) : 0,
      bytes: terms.payload?.length ?? 0,
      isCut: satisfies && wire.isCut(node),
      timerMs: terms.timerMs,
    };
  }
}

/** The items as the script reads them: packed, each step once; then their payloads. */
export function advanceArguments(items: readonly AdvanceItem[]): ScriptArgument[] {
  const steps = new Map<Step, number>();
  const payloads: ScriptArgument[] = [];
  const rows: (string | number | false)[] = [];
  for (const { executionId, step, terms, payload } of items) {
    let place = steps.get(step);
    if (place === undefined) {
      place = steps.size + 1;
      steps.set(step, place);
    }
    rows.push(executionId, place);
    for (const term of terms) rows.push(term);
    rows.push(payload === undefined ? 0 : 1);
    if (payload !== undefined) payloads.push(payload);
  }
  return [packForLua([[...steps.keys()], rows]), ...payloads];
}

function termsOf(task: LeasedTask, outcome: TaskOutcome): Terms {
  switch (outcome.kind) {
    case 'completed':
      return { op: 'c', a: outcome.output ? 1 : 0, payload: outcome.output, satisfies: true };
    case 'skipped':
      return { op: 's', satisfies: true };
    case 'failed':
      return { op: 'f', payload: jsonOf(outcome.error) };
    case 'retry': {
      const delayMs = Math.round(outcome.delayMs);
      const counts = outcome.countsAttempt ? 1 : 0;
      return { op: 'r', a: delayMs, b: counts, payload: jsonOf(outcome.error), timerMs: delayMs };
    }
    case 'sleep': {
      const delayMs = Math.round(outcome.delayMs);
      return { op: 'd', a: delayMs, b: outcome.output ? 1 : 0, payload: outcome.output, timerMs: delayMs };
    }
    case 'lost': {
      const exhausted = deliveriesExhausted(task.deliveries + 1, outcome.error);
      return { op: 'l', a: outcome.maxDeliveries, payload: jsonOf(exhausted) };
    }
    case 'released':
      return { op: 'b' };
  }
}

export function jsonOf(error: NodeError): string {
  return JSON.stringify(error);
}
