import { LRUCache } from 'lru-cache';
import { compilePlan } from '../../model/compile-plan.js';
import type { WorkflowDefinition } from '../../model/definition.js';
import { MillraceError } from '../../model/errors.js';
import type { WorkflowId } from '../../model/ids.js';
import type { Plan } from '../../model/plan.js';
import type { PartitionClient } from './partition-client.js';

/** Compiled plans, bounded by the bytes of their definitions. What is missing is compiled from the partition that needs it. */
export class PlanShelf {
  readonly #client: PartitionClient;
  readonly #plans: LRUCache<WorkflowId, Plan>;
  readonly #loading = new Map<WorkflowId, Promise<Plan>>();

  constructor(client: PartitionClient, maxDefinitionBytes: number) {
    this.#client = client;
    this.#plans = new LRUCache({
      maxSize: Math.max(1, maxDefinitionBytes),
      sizeCalculation: (plan) => plan.definitionBytes + 1,
    });
  }

  keep(plan: Plan): void {
    if (!this.#plans.has(plan.workflowId)) this.#plans.set(plan.workflowId, plan);
  }

  peek(workflowId: WorkflowId): Plan | undefined {
    return this.#plans.get(workflowId);
  }

  get(workflowId: WorkflowId, partition: number): Plan | Promise<Plan> {
    const known = this.#plans.get(workflowId);
    if (known) return known;
    const loading =
      this.#loading.get(workflowId) ??
      this.#load(workflowId, partition).finally(() => this.#loading.delete(workflowId));
    this.#loading.set(workflowId, loading);
    return loading;
  }

  async #load(workflowId: WorkflowId, partition: number): Promise<Plan> {
    const body = await this.#client.command('GET', this.#client.keysOf(partition).definition(workflowId));
    if (!Buffer.isBuffer(body)) {
      throw new MillraceError('STORE_DAMAGED', `the hot store has no definition of workflow ${workflowId}`);
    }
    const plan = compilePlan(JSON.parse(String(body)) as WorkflowDefinition);
    this.keep(plan);
    return plan;
  }
}

/** The bytes of a definition as a partition keeps them. */
export function definitionBody(plan: Plan): string {
  return JSON.stringify(plan.definition);
}
