import type { LeasedTask, TaskOutcome, TaskResult } from '../../model/commands.js';
import type { NodeError } from '../../model/errors.js';
import type { ExecutionId } from '../../model/ids.js';
import type { Plan } from '../../model/plan.js';
import { deliveriesExhausted } from '../../model/transitions.js';
import type { PlanWire, PlanWires } from './plan-wire.js';
import type { ScriptArgument } from './script-registry.js';

const NOTHING = Buffer.alloc(0);

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
  readonly args: readonly ScriptArgument[];
  /** Successors that the call readies, at most. */
  readonly weight: number;
  readonly bytes: number;
  /** The fan-out is to be gone on with after the call. */
  readonly isCut: boolean;
  /** The timer that it sets, in milliseconds from now. */
  readonly timerMs: number | undefined;
}

interface Draft {
  readonly executionId: ExecutionId;
  readonly plan: Plan;
  readonly node: number;
  readonly op: string;
  readonly guard: number;
  readonly a?: ScriptArgument;
  readonly b?: ScriptArgument;
  readonly payload?: string | Uint8Array | undefined;
  readonly satisfies?: boolean;
  readonly timerMs?: number;
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
    return this.#item({ executionId, plan, node, guard: fence, task, ...draftOf(task, outcome) });
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
    return this.#item({
      ...{ executionId, plan, node, guard: fence, op: 'x' },
      ...{ a: maxDeliveries, b: died ? 1 : 0, payload },
    });
  }

  ofTimer(timer: {
    readonly executionId: ExecutionId;
    readonly plan: Plan;
    /** -1: the deadline. */
    readonly node: number;
    readonly at: number;
  }): AdvanceItem {
    const { executionId, plan, node, at } = timer;
    const op = node < 0 ? 'e' : 't';
    return this.#item({ executionId, plan, node, op, guard: at, satisfies: node >= 0 });
  }

  #item(draft: Draft): AdvanceItem {
    const {
      executionId,
      plan,
      node,
      op,
      guard,
      a = '',
      b = '',
      payload = NOTHING,
      satisfies,
      timerMs,
    } = draft;
    const wire: PlanWire = this.#wires.of(plan);
    const successors = satisfies ? wire.first(node) : NOTHING;
    const task = draft.task as Partial<RedisTask> | undefined;
    return {
      executionId,
      plan,
      node,
      args: [
        ...[executionId, node, op, guard, wire.lane(node), wire.inputs(node), a, b, payload, successors],
        ...[task?.lane ?? '', task?.entry ?? ''],
      ],
      weight: satisfies ? wire.firstSize(node) : 0,
      bytes: payload.length + successors.length,
      isCut: satisfies === true && wire.isCut(node),
      timerMs,
    };
  }
}

function draftOf(
  task: LeasedTask,
  outcome: TaskOutcome,
): Pick<Draft, 'op' | 'a' | 'b' | 'payload' | 'satisfies' | 'timerMs'> {
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
