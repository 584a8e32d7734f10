import type { HandlerCatalog } from '../model/builtin-handlers.js';
import type { NodeError } from '../model/errors.js';
import type { ExecutionId } from '../model/ids.js';
import type { Plan } from '../model/plan.js';

/** What runs handlers. The engine gives it tasks as it has room; results come back as they finish. */
export interface TaskRunner {
  /** Starts the threads and loads the handlers; rejects with a clear message where a handler file cannot be loaded. */
  start(): Promise<void>;
  /** The handlers that the threads have; complete once `start` has resolved. */
  readonly handlers: HandlerCatalog;
  /** How many more tasks it takes now without queueing them behind others. */
  room(): number;
  run(tasks: readonly RunnerTask[]): void;
  /** Fires the AbortSignal of these tasks. They answer no result that matters any more. */
  abort(keys: readonly number[]): void;
  /** One listener: the engine. Called with every result that arrived in one turn, and with none where only room has
   * become free: a thread came up, or a task that was aborted has returned. Every task given to `run` and not
   * aborted is answered exactly once. */
  onResults(listener: (results: readonly RunnerResult[]) => void): void;
  stats(): RunnerStats;
  /** Of the services that its handlers call. */
  readonly circuits: Circuits;
  /** Ends all threads. What still runs is not answered. */
  close(): Promise<void>;
}

export interface RunnerInput {
  readonly node: number;
  /** JSON text, UTF-8. */
  readonly output: Uint8Array;
}

export interface RunnerTask {
  /** Chosen by the caller; unique among the tasks under way. */
  readonly key: number;
  readonly executionId: ExecutionId;
  readonly plan: Plan;
  readonly node: number;
  readonly attempt: number;
  /** When it became ready, in milliseconds since the epoch. */
  readonly queuedAt: number;
  /** Stable across attempts of this node. */
  readonly idempotencyKey: string;
  /** JSON text, UTF-8, and the trace context of the attempt behind it, where there is one; see `model/trace-context`. */
  readonly params: Uint8Array;
  /** Outputs of `plan.nodes[node].inputs`. */
  readonly inputs: readonly RunnerInput[];
  /** JSON text of a config that stands in for the definition's. */
  readonly configOverride?: Uint8Array;
  readonly timeoutMs: number;
  /** Share the thread with no other task: an earlier owner of this one died. */
  readonly alone: boolean;
}

export interface TaskFault extends NodeError {
  /** Whether another attempt may help. */
  readonly retryable: boolean;
  /** The least time until the next attempt, as the called service asked. */
  readonly retryAfterMs?: number;
}

export type RunnerOutcome =
  /** `output`: JSON text, UTF-8. */
  | { readonly kind: 'completed'; readonly output?: Uint8Array }
  /** The node's condition is false. */
  | { readonly kind: 'skipped' }
  /** A durable timer is asked for: completed with `output` after `delayMs`. */
  | { readonly kind: 'sleep'; readonly delayMs: number; readonly output?: Uint8Array }
  | { readonly kind: 'failed'; readonly fault: TaskFault }
  /** Not run: the circuit of the service that it would call is open. */
  | { readonly kind: 'refused'; readonly circuit: string; readonly retryInMs: number }
  /** The thread died of itself under this task (and perhaps under others: then `alone` is false). */
  | { readonly kind: 'crashed'; readonly alone: boolean; readonly reason: string };

export interface RunnerResult {
  readonly key: number;
  readonly outcome: RunnerOutcome;
  /** Milliseconds in the thread's queue and in the handler. */
  readonly queuedMs: number;
  readonly runMs: number;
}

export interface RunnerStats {
  readonly threads: number;
  /** Tasks that run at once at most. */
  readonly capacity: number;
  readonly running: number;
  /** Threads that were replaced since the start, by reason. */
  readonly replaced: { readonly timeout: number; readonly crash: number };
  readonly circuits: CircuitCounts;
}

/** Circuit breakers of one host: one for each handler and URL origin that it calls. */
export interface Circuits {
  /** By name. Of those that were not called for long the closed ones are forgotten. */
  list(): readonly CircuitStatus[];
  /** Closes a circuit; false: there is none of this name. */
  reset(name: string): boolean;
}

export interface CircuitStatus {
  readonly name: string;
  readonly handler: string;
  /** As https://host:port. */
  readonly origin: string;
  readonly state: 'closed' | 'open' | 'half_open';
  /** Failed calls in a row. */
  readonly failures: number;
  /** Calls that it has refused. */
  readonly refused: number;
  /** Since when it is not closed, in milliseconds since the epoch. */
  readonly openedAt: number | undefined;
  /** Open: how long until a call is let through on trial. */
  readonly retryInMs: number | undefined;
}

export interface CircuitCounts {
  readonly closed: number;
  readonly open: number;
  readonly half_open: number;
  /** Since the start: how often one opened, and the calls that were refused. */
  readonly opened: number;
  readonly refused: number;
}
