import type { NodeError } from '../../model/errors.js';
import type { Plan } from '../../model/plan.js';

/** ISO 8601 in UTC with milliseconds, or null. */
export function instant(ms: number | undefined): string | null {
  return ms === undefined ? null : new Date(ms).toISOString();
}

/** How an error of a node or an execution shows, or null. */
export function errorView(error: NodeError | undefined): Readonly<Record<string, unknown>> | null {
  if (!error) return null;
  return {
    message: error.message,
    error_code: error.code,
    category: error.category,
    traceback_hash: error.tracebackHash ?? null,
  };
}

const keysByPlan = new WeakMap<Plan, readonly string[]>();

/**
 * `"id":` for each node of the plan. Objects keyed by node ids are put together as text: an object in memory would move
 * ids that look like numbers to the front.
 */
export function nodeKeys(plan: Plan): readonly string[] {
  const known = keysByPlan.get(plan);
  if (known) return known;
  const keys = plan.nodes.map((node) => `${JSON.stringify(node.id)}:`);
  keysByPlan.set(plan, keys);
  return keys;
}
