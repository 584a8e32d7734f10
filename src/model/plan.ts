import type { WorkflowDefinition } from './definition.js';
import type { WorkflowId } from './ids.js';
import type { RetryPolicy } from './retry-policy.js';

/** A vertex of a compiled plan. Nodes are numbered densely from 0 in the order of the definition. */
export interface PlanNode {
  readonly index: number;
  readonly id: string;
  readonly handler: string;
  readonly queue: string;
  /** Bound of one attempt in milliseconds; undefined: the engine's default. */
  readonly timeoutMs: number | undefined;
  /** What the definition says of retries; the rest comes from the engine's defaults. */
  readonly retry: Partial<RetryPolicy> | undefined;
  /** Indices, each once, in the order of the definition. */
  readonly dependencies: readonly number[];
  readonly successors: readonly number[];
  /** Indices of the ancestors whose outputs an attempt is handed: those that templates and the condition name and,
   * for a user's own handler, its dependencies. Ascending, each once. */
  readonly inputs: readonly number[];
}

/** A definition, checked and compiled. Immutable; shared by all executions of the workflow. */
export interface Plan {
  readonly workflowId: WorkflowId;
  readonly name: string;
  /** Bound of an execution in milliseconds from its start; undefined: none. */
  readonly timeoutMs: number | undefined;
  readonly nodes: readonly PlanNode[];
  readonly indexById: ReadonlyMap<string, number>;
  readonly roots: readonly number[];
  /** The canonical content that the id is the hash of. */
  readonly definition: WorkflowDefinition;
  /** Length in bytes of the canonical content: the measure by which caches of plans are bounded. */
  readonly definitionBytes: number;
}
