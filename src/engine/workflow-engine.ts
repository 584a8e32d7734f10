import type { MillraceError } from '../model/errors.js';
import type { ExecutionId, WorkflowId } from '../model/ids.js';
import type { Plan } from '../model/plan.js';
import type { DeadLetter, ExecutionSnapshot } from '../model/snapshot.js';
import type { CircuitStatus, RunnerStats } from '../runner/task-runner.js';
import type { ExecutionPage, ExecutionQuery } from '../store/history-store.js';
import type { HostInfo } from '../store/host-registry.js';
import type { DeadLetterQuery, StoreStats } from '../store/state-store.js';
import type { NodeReason } from './explain.js';

/**
 * What the engine offers to the edge. Every promise resolves only once what it tells is durable, and rejects with a
 * MillraceError (its code and HTTP status are in `model/errors`) where the call is refused.
 */
export interface WorkflowEngine {
  /** One result for each item, in order; a refused item does not touch its neighbours. */
  submit(items: readonly Submission[]): Promise<readonly (Submitted | MillraceError)[]>;
  /** The plan of a known workflow; WORKFLOW_NOT_FOUND. */
  plan(workflowId: WorkflowId): Promise<Plan>;
  /** EXECUTION_NOT_FOUND, INVALID_STATUS_TRANSITION. `params`: as in `StartCommand`. */
  trigger(executionId: ExecutionId, params?: Uint8Array): Promise<void>;
  /** EXECUTION_NOT_FOUND. */
  read(executionId: ExecutionId): Promise<ExecutionView>;
  /** As `read`, once the execution has ended or `timeoutMs` have passed. `signal`: the client went away. */
  waitForEnd(executionId: ExecutionId, timeoutMs: number, signal?: AbortSignal): Promise<ExecutionView>;
  /** Why each unfinished node is not done. EXECUTION_NOT_FOUND. */
  explain(executionId: ExecutionId): Promise<Explanation>;
  /** Tells of its changes from `first` on until it has ended; states in between may be merged. EXECUTION_NOT_FOUND. */
  watch(executionId: ExecutionId, listener: WatchListener): Promise<ExecutionWatch>;
  /** EXECUTION_NOT_FOUND, INVALID_STATUS_TRANSITION. */
  cancel(executionId: ExecutionId): Promise<void>;
  list(query: ExecutionQuery): Promise<ExecutionPage>;
  listDead(query: DeadLetterQuery): Promise<readonly DeadLetter[]>;
  /** DLQ_ENTRY_NOT_FOUND, INVALID_STATUS_TRANSITION; where `config` cannot stand in for the node's own, INVALID_NODE or
   * INVALID_TEMPLATE_REFERENCE. */
  redrive(deadLetterId: string, config?: Record<string, unknown>): Promise<DeadLetter>;
  /** DLQ_ENTRY_NOT_FOUND. */
  deleteDead(deadLetterId: string): Promise<void>;
  /** Of the services that this host calls. */
  circuits(): readonly CircuitStatus[];
  /** Closes a circuit of this host; CIRCUIT_NOT_FOUND. */
  resetCircuit(name: string): void;
  health(): EngineHealth;
  stats(): Promise<EngineStats>;
}

export interface Submission {
  readonly plan: Plan;
  /** As in `SubmitCommand`. */
  readonly params: Uint8Array;
  readonly trigger: boolean;
  /** Who is told of the end. */
  readonly callbackUrl?: string;
  /** `client`: the API key's name or the address; `bodyHash`: SHA-256 of the submitted bytes, hex. */
  readonly idempotency?: { readonly client: string; readonly key: string; readonly bodyHash: string };
}

export interface Submitted {
  readonly workflowId: WorkflowId;
  readonly executionId: ExecutionId;
}

export interface ExecutionView {
  readonly snapshot: ExecutionSnapshot;
  readonly plan: Plan;
}

export interface Explanation extends ExecutionView {
  /** Of each unfinished node, by its index. */
  readonly reasons: ReadonlyMap<number, NodeReason>;
}

/** A view without outputs and params; errors stand in it once the execution has ended. */
export interface WatchListener {
  changed(view: ExecutionView): void;
  /** Nothing more comes, though it has not ended: the engine stops, or the execution is gone. */
  closed(): void;
}

export interface ExecutionWatch {
  readonly first: ExecutionView;
  close(): void;
}

export interface EngineHealth {
  /** False while the engine starts or drains, and while a store that it needs is away. */
  readonly ready: boolean;
  readonly mode: 'embedded' | 'distributed';
  /** What an acknowledgement rests on, in words. */
  readonly durability: string;
  readonly dependencies: Readonly<Record<string, 'healthy' | 'unhealthy'>>;
}

export interface EngineStats {
  readonly store: StoreStats;
  readonly runner: RunnerStats;
  readonly hosts: readonly HostInfo[];
  /** Callbacks that are still to be made, counted up to 10,000; undefined where this host makes none or cannot tell. */
  readonly callbacks: number | undefined;
}
