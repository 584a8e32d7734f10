import { LRUCache } from 'lru-cache';
import { compilePlan } from '../model/compile-plan.js';
import { MillraceError } from '../model/errors.js';
import type { WorkflowId } from '../model/ids.js';
import type { Plan } from '../model/plan.js';
import type { HistoryStore } from '../store/history-store.js';

/** Compiled plans by workflow, bounded by the bytes of their definitions; what is not there is compiled from the record. */
export class PlanCache {
  readonly #history: Pick<HistoryStore, 'definition'>;
  readonly #plans: LRUCache<WorkflowId, Plan>;

  constructor(history: Pick<HistoryStore, 'definition'>, maxDefinitionBytes: number) {
    this.#history = history;
    this.#plans = new LRUCache({
      // Without a bound the library keeps everything or refuses; no definition is as small as this one.
      maxSize: Math.max(1, maxDefinitionBytes),
      sizeCalculation: (plan) => plan.definitionBytes + 1,
    });
  }

  keep(plan: Plan): void {
    if (!this.#plans.has(plan.workflowId)) this.#plans.set(plan.workflowId, plan);
  }

  /** WORKFLOW_NOT_FOUND. */
  async get(workflowId: WorkflowId): Promise<Plan> {
    const known = this.#plans.get(workflowId);
    if (known) return known;
    const definition = await this.#history.definition(workflowId);
    if (!definition) throw new MillraceError('WORKFLOW_NOT_FOUND', `No workflow has the id ${workflowId}.`);
    const plan = compilePlan(definition);
    this.keep(plan);
    return plan;
  }
}
