import { compilePlan } from '../model/compile-plan.js';
import type { Plan } from '../model/plan.js';

/** A node of a plan for tests; `on`: the ids of its dependencies. */
export interface NodeSpec {
  readonly id: string;
  readonly on?: readonly string[];
  readonly queue?: string;
  /** Default `work`, a handler of the user's own: it is handed the outputs of its dependencies. */
  readonly handler?: string;
}

export interface PlanSpec {
  readonly name?: string;
  readonly timeoutMs?: number;
  readonly nodes: readonly NodeSpec[];
}

export function planOf({ name = 'plan', timeoutMs, nodes }: PlanSpec): Plan {
  return compilePlan({
    name,
    ...(timeoutMs !== undefined && { timeout_seconds: timeoutMs / 1000 }),
    dag: {
      nodes: nodes.map(({ id, on = [], queue, handler = 'work' }) => ({
        id,
        handler,
        dependencies: [...on],
        ...(queue !== undefined && { queue }),
      })),
    },
  });
}

/** a → b → c … */
export function chainOf(length: number, rest: Omit<PlanSpec, 'nodes'> = {}): Plan {
  const ids = Array.from({ length }, (_, index) => `n${index}`);
  return planOf({
    ...rest,
    nodes: ids.map((id, index) => ({ id, on: ids.slice(Math.max(0, index - 1), index) })),
  });
}

/** `width` nodes without dependencies. */
export function rowOf(width: number, rest: Omit<PlanSpec, 'nodes'> = {}): Plan {
  return planOf({ ...rest, nodes: Array.from({ length: width }, (_, index) => ({ id: `n${index}` })) });
}
