// Made from the schemas of src/http/openapi by scripts/generate-docs.ts.

export interface components {
    schemas: {
        readonly Submission: {
            readonly name: string;
            /** @description Bound of an execution, from its start. */
            readonly timeout_seconds?: number | null;
            readonly dag: {
                /** @description At least one; their dependencies form no cycle. */
                readonly nodes: readonly components["schemas"]["Node"][];
            };
            /**
             * @description Start at once; otherwise the execution is PENDING until it is triggered.
             * @default false
             */
            readonly trigger?: boolean | null;
            /** @description Trigger parameters, read by {{ params.key }}. Absent or null: {}. */
            readonly params?: Record<string, unknown> | null;
            /** @description In a batch: stands in for the Idempotency-Key header of this item. */
            readonly idempotency_key?: string | null;
            /**
             * Format: uri
             * @description Told the end by a signed POST of what a read of the status answers, at least once. Needs CALLBACK_SECRET.
             */
            readonly callback_url?: string | null;
        };
        readonly Node: {
            /** @description Unique in the DAG; not params, secrets or __proto__. */
            readonly id: string;
            readonly handler: string;
            /** @description Ids of the nodes that must be completed or skipped first. One that is named twice counts once. */
            readonly dependencies?: readonly string[] | null;
            /** @description The handler's input; strings may hold {{ placeholders }}. */
            readonly config?: Record<string, unknown>;
            /** @description The node is skipped where this is false. */
            readonly condition?: string | null;
            /** @description Bound of one attempt. */
            readonly timeout_seconds?: number | null;
            /** @default default */
            readonly queue?: string | null;
            readonly retry?: components["schemas"]["RetryPolicy"];
        };
        /** @description When a failed attempt is tried again; what is not named comes from the server's defaults. */
        readonly RetryPolicy: {
            /** @description Attempts in all, the first included. */
            readonly max_attempts?: number | null;
            readonly initial_interval_ms?: number | null;
            readonly backoff_coefficient?: number | null;
            readonly max_interval_ms?: number | null;
            /** @description Share of the interval that is drawn at random. */
            readonly jitter?: number | null;
            /** @description Error codes that end the node at once. */
            readonly non_retryable?: readonly string[] | null;
        } | null;
        readonly Batch: readonly components["schemas"]["Submission"][];
        readonly TriggerBody: {
            /** @description Trigger parameters, read by {{ params.key }}. Absent or null: {}. */
            readonly params?: Record<string, unknown> | null;
        };
        readonly RerunBody: {
            /** @description Trigger parameters, read by {{ params.key }}. Absent or null: {}. */
            readonly params?: Record<string, unknown> | null;
            /**
             * @description Start at once; otherwise the execution is PENDING until it is triggered.
             * @default false
             */
            readonly trigger?: boolean | null;
            /**
             * Format: uri
             * @description Told the end by a signed POST of what a read of the status answers, at least once. Needs CALLBACK_SECRET.
             */
            readonly callback_url?: string | null;
        };
        readonly RedriveBody: {
            /** @description Replaces the node's config for this run. Absent or null: as defined. */
            readonly config?: Record<string, unknown> | null;
        };
        readonly BulkFilter: {
            /** @description Only nodes of this handler. */
            readonly handler?: string | null;
            /** @description Only nodes that failed with this code. */
            readonly error_code?: string | null;
            /** @description Only nodes of this workflow. */
            readonly workflow_id?: string | null;
            /** @description ISO 8601, UTC where it names no offset: only what failed later. */
            readonly failed_after?: string | null;
        };
        readonly ExecutionIds: {
            /** @description Answered one by one, in order; one that is no id is answered as one that is unknown. */
            readonly execution_ids: readonly string[];
        };
        readonly Definition: {
            readonly name: string;
            /** @description Bound of an execution, from its start. */
            readonly timeout_seconds?: number | null;
            readonly dag: {
                /** @description At least one; their dependencies form no cycle. */
                readonly nodes: readonly components["schemas"]["Node"][];
            };
        };
        /** @enum {string} */
        readonly ExecutionStatus: "PENDING" | "RUNNING" | "COMPLETED" | "FAILED" | "CANCELLED";
        /** @enum {string} */
        readonly NodeStatus: "PENDING" | "RUNNING" | "COMPLETED" | "FAILED" | "SKIPPED" | "CANCELLED";
        /** @enum {string} */
        readonly NodeState: "PENDING" | "READY" | "RUNNING" | "DELAYED" | "COMPLETED" | "FAILED" | "SKIPPED" | "CANCELLED";
        /** @description Why a node or an execution failed. */
        readonly NodeError: {
            readonly message: string;
            /** @description One of docs/errors.md, or a handler's own. */
            readonly error_code: string;
            /** @enum {string} */
            readonly category: "transient" | "validation" | "resource" | "infrastructure" | "handler" | "unknown";
            readonly traceback_hash: string | null;
        };
        readonly Submitted: {
            /** Format: uuid */
            readonly workflow_id: string;
            /** Format: uuid */
            readonly execution_id: string;
            readonly message: string;
        };
        readonly Triggered: {
            /** Format: uuid */
            readonly execution_id: string;
            readonly message: string;
        };
        readonly Succeeded: {
            /** @constant */
            readonly status: "success";
            readonly message: string;
        };
        readonly Redriven: {
            /** @constant */
            readonly status: "success";
            readonly message: string;
            readonly task_id: string;
        };
        readonly FailedAttempt: {
            readonly attempt: number;
            readonly host: string;
            /** Format: date-time */
            readonly started_at: string;
            /** Format: date-time */
            readonly finished_at: string;
            readonly error: components["schemas"]["NodeError"];
        };
        readonly NodeDetail: {
            readonly state: components["schemas"]["NodeState"];
            readonly attempt: number;
            readonly host: string | null;
            /** Format: date-time */
            readonly queued_at: string | null;
            /** Format: date-time */
            readonly started_at: string | null;
            /** Format: date-time */
            readonly finished_at: string | null;
            /**
             * Format: date-time
             * @description When a delayed node goes on.
             */
            readonly due_at: string | null;
            readonly error: components["schemas"]["NodeError"] | null;
            readonly failures: readonly components["schemas"]["FailedAttempt"][];
        };
        readonly Execution: {
            /** Format: uuid */
            readonly execution_id: string;
            /** Format: uuid */
            readonly workflow_id: string;
            readonly status: components["schemas"]["ExecutionStatus"];
            /** @description By node id. */
            readonly node_statuses: {
                readonly [key: string]: components["schemas"]["NodeStatus"];
            };
            readonly name: string;
            /** Format: date-time */
            readonly created_at: string;
            /** Format: date-time */
            readonly started_at: string | null;
            /** Format: date-time */
            readonly finished_at: string | null;
            readonly error: components["schemas"]["NodeError"] | null;
            /** @description As the trigger gave them; with `?detail=nodes`. */
            readonly params?: Record<string, unknown>;
            /** @description By node id; with `?detail=nodes`. */
            readonly nodes?: {
                readonly [key: string]: components["schemas"]["NodeDetail"];
            };
        };
        readonly Results: {
            /** Format: uuid */
            readonly execution_id: string;
            /** Format: uuid */
            readonly workflow_id: string;
            /** @description By node id; a node without an output is absent. */
            readonly outputs: Record<string, unknown>;
        };
        readonly ExecutionSummary: {
            /** Format: uuid */
            readonly execution_id: string;
            /** Format: uuid */
            readonly workflow_id: string;
            readonly name: string;
            readonly status: components["schemas"]["ExecutionStatus"];
            /** Format: date-time */
            readonly created_at: string;
            /** Format: date-time */
            readonly started_at: string | null;
            /** Format: date-time */
            readonly finished_at: string | null;
            readonly error: components["schemas"]["NodeError"] | null;
        };
        readonly ExecutionList: {
            readonly executions: readonly components["schemas"]["ExecutionSummary"][];
            /** @description null: this was the last page. */
            readonly next_cursor: string | null;
        };
        readonly ExecutionEvent: {
            /** Format: uuid */
            readonly execution_id: string;
            /** Format: uuid */
            readonly workflow_id: string;
            readonly status: components["schemas"]["ExecutionStatus"];
            readonly name: string;
            /** Format: date-time */
            readonly created_at: string;
            /** Format: date-time */
            readonly started_at: string | null;
            /** Format: date-time */
            readonly finished_at: string | null;
            readonly error: components["schemas"]["NodeError"] | null;
        };
        readonly NodeEvent: {
            /** Format: uuid */
            readonly execution_id: string;
            readonly node_id: string;
            readonly status: components["schemas"]["NodeStatus"];
            readonly state: components["schemas"]["NodeState"];
            readonly attempt: number;
            readonly host: string | null;
            /** Format: date-time */
            readonly queued_at: string | null;
            /** Format: date-time */
            readonly started_at: string | null;
            /** Format: date-time */
            readonly finished_at: string | null;
            /** Format: date-time */
            readonly due_at: string | null;
            readonly error: components["schemas"]["NodeError"] | null;
        };
        readonly NodeReason: {
            readonly state: components["schemas"]["NodeState"];
            /** @enum {string} */
            readonly reason: "not_triggered" | "waiting_for_parents" | "in_queue" | "no_host_for_queue" | "no_host_for_handler" | "backing_off" | "circuit_open" | "sleeping" | "running" | "host_gone";
            readonly message: string;
            /** @description The first 100. */
            readonly parents?: readonly string[];
            readonly parent_count?: number;
            readonly queue?: string;
            /** @description Ready tasks in the queue, of all executions. */
            readonly queue_depth?: number;
            readonly handler?: string;
            readonly host?: string;
            /** Format: date-time */
            readonly since?: string | null;
            /** Format: date-time */
            readonly until?: string | null;
        };
        readonly Explanation: {
            /** Format: uuid */
            readonly execution_id: string;
            /** Format: uuid */
            readonly workflow_id: string;
            readonly status: components["schemas"]["ExecutionStatus"];
            /** @description Unfinished nodes by their ids. */
            readonly nodes: {
                readonly [key: string]: components["schemas"]["NodeReason"];
            };
        };
        readonly DeadLetter: {
            readonly id: string;
            /** @description `execution_id:node_id` */
            readonly task_id: string;
            /** Format: uuid */
            readonly execution_id: string;
            readonly node_id: string;
            readonly handler: string;
            readonly error_message: string;
            /** @description Attempts that were made, less one. */
            readonly retry_count: number;
            /** Format: date-time */
            readonly original_timestamp: string;
            /** Format: date-time */
            readonly failed_at: string;
            readonly error_detail: {
                readonly message: string;
                /** @description One of docs/errors.md, or a handler's own. */
                readonly error_code: string;
                /** @enum {string} */
                readonly category: "transient" | "validation" | "resource" | "infrastructure" | "handler" | "unknown";
                readonly traceback_hash: string | null;
                /** Format: date-time */
                readonly timestamp: string;
            };
            readonly attempts: number;
            /** @description What the last attempt was given, placeholders resolved; null where it is long. */
            readonly config: Record<string, unknown> | null;
        };
        readonly DeadLetterList: {
            readonly entries: readonly components["schemas"]["DeadLetter"][];
            readonly count: number;
            /** @description null: this was the last page. */
            readonly next_cursor: string | null;
        };
        readonly BulkRedriven: {
            readonly retried: number;
        };
        readonly CircuitList: {
            readonly circuits: readonly components["schemas"]["Circuit"][];
            readonly count: number;
        };
        readonly CircuitReset: {
            /** @constant */
            readonly status: "success";
            readonly message: string;
            readonly name: string;
        };
        readonly Circuit: {
            readonly name: string;
            readonly handler: string;
            readonly origin: string;
            /** @enum {string} */
            readonly state: "CLOSED" | "OPEN" | "HALF_OPEN";
            readonly failure_count: number;
            readonly refused_count: number;
            /** Format: date-time */
            readonly opened_at: string | null;
            /** Format: date-time */
            readonly retry_at: string | null;
        };
        readonly Health: {
            /** @enum {string} */
            readonly status: "healthy" | "degraded";
            /** Format: date-time */
            readonly timestamp: string;
            readonly version: string;
            /** @description The stores. */
            readonly dependencies: {
                readonly [key: string]: "healthy" | "unhealthy";
            };
            /** @enum {string} */
            readonly mode: "embedded" | "distributed";
            /** @description What an acknowledgement rests on, in words. */
            readonly durability: string;
        };
        readonly Host: {
            readonly id: string;
            readonly roles: readonly string[];
            /** @description null: every queue. */
            readonly queues: readonly string[] | null;
            /** @description The user's own. */
            readonly handlers: readonly string[];
            readonly worker_threads: number;
            readonly running_tasks: number;
            /** Format: date-time */
            readonly started_at: string;
            /** Format: date-time */
            readonly last_seen_at: string;
        };
        /** @description Depths are of the whole store; threads, totals, rates and latencies are of the answering host. */
        readonly Stats: {
            readonly executions: {
                readonly pending: number;
                readonly running: number;
            };
            readonly tasks: {
                readonly ready: number;
                readonly leased: number;
                readonly delayed: number;
            };
            /** @description Queues in which tasks wait. */
            readonly queues: {
                readonly [key: string]: {
                    readonly ready: number;
                };
            };
            readonly oldest_ready_seconds: number;
            readonly outbox_events: number;
            readonly event_streams: number;
            /** @description Callbacks still to be made, counted up to 10,000; null where this host makes none. */
            readonly callbacks_pending: number | null;
            readonly worker_threads: {
                readonly count: number;
                readonly running_tasks: number;
                /** @description Tasks that run at once at most. */
                readonly capacity: number;
                readonly replaced: {
                    readonly timeout: number;
                    readonly crash: number;
                };
            };
            readonly circuits: {
                readonly closed: number;
                readonly open: number;
                readonly half_open: number;
                readonly opened: number;
                readonly refused: number;
            };
            readonly hosts: readonly components["schemas"]["Host"][];
            readonly totals: {
                readonly submissions: number;
                readonly completed: number;
                readonly failed: number;
                readonly cancelled: number;
            };
            /** @description Over the last ten seconds; completions are those of every status. */
            readonly rates_per_second: {
                readonly submissions: number;
                readonly completions: number;
                readonly completed: number;
                readonly failed: number;
                readonly cancelled: number;
                readonly node_executions: number;
            };
            /** @description Age of the oldest change that this host has still to record. */
            readonly outbox_lag_seconds: number;
            readonly latency_ms: {
                readonly submit: components["schemas"]["Latency"];
                readonly queue_wait: components["schemas"]["Latency"];
                readonly run: components["schemas"]["Latency"];
                readonly trigger_to_end: components["schemas"]["Latency"];
                readonly store_call: components["schemas"]["Latency"];
                readonly end_to_record: components["schemas"]["Latency"];
            };
        };
        readonly Liveness: {
            /** @constant */
            readonly status: "alive";
        };
        readonly Readiness: {
            /** @enum {string} */
            readonly status: "ready" | "not_ready";
        };
        /** @description In milliseconds; zeros where nothing was recorded. */
        readonly Latency: {
            readonly count: number;
            readonly mean: number;
            readonly p50: number;
            readonly p90: number;
            readonly p95: number;
            readonly p99: number;
            readonly p99_9: number;
            readonly max: number;
        };
        readonly LatencyCurve: {
            readonly count: number;
            readonly mean: number;
            readonly p50: number;
            readonly p90: number;
            readonly p95: number;
            readonly p99: number;
            readonly p99_9: number;
            readonly max: number;
            /** @description Pairs of percentile and milliseconds, both growing; empty where nothing was recorded. */
            readonly curve: readonly (readonly [
                number,
                number
            ])[];
            /** @description HdrHistogram of microseconds: V2, compressed, base64. With `?include=histogram`. */
            readonly histogram?: string;
        };
        readonly LatencyWindow: {
            /** @description How long ago the window begins. */
            readonly seconds: number;
            readonly stages: {
                readonly submit: components["schemas"]["LatencyCurve"];
                readonly queue_wait: components["schemas"]["LatencyCurve"];
                readonly run: components["schemas"]["LatencyCurve"];
                readonly trigger_to_end: components["schemas"]["LatencyCurve"];
                readonly store_call: components["schemas"]["LatencyCurve"];
                readonly end_to_record: components["schemas"]["LatencyCurve"];
            };
        };
        readonly LatencyTable: {
            /** @constant */
            readonly unit: "ms";
            /** @description The one that was asked for, or all. */
            readonly windows: {
                readonly "1m"?: components["schemas"]["LatencyWindow"];
                readonly "5m"?: components["schemas"]["LatencyWindow"];
                readonly start?: components["schemas"]["LatencyWindow"];
            };
        };
        /** @description One thing that is wrong. */
        readonly Problem: {
            /** @description JSON pointer (RFC 6901). */
            readonly path: string;
            readonly message: string;
            /** @description The kind of fault, for programs. */
            readonly type?: string;
            /**
             * @description Absent: the body.
             * @enum {string}
             */
            readonly in?: "query" | "header";
        };
        readonly Error: {
            readonly error: {
                readonly message: string;
                readonly error_code: string;
                readonly context: Record<string, unknown>;
            };
            /** @description The message again. */
            readonly detail: string;
        };
        readonly ValidationError: {
            readonly error: {
                readonly message: string;
                /** @constant */
                readonly error_code: "VALIDATION_ERROR";
                readonly context: {
                    readonly errors: readonly components["schemas"]["Problem"][];
                    readonly error_count?: number;
                };
            };
            readonly detail: readonly {
                readonly type: string;
                readonly loc: readonly (string | number)[];
                readonly msg: string;
            }[];
        };
        readonly RateLimitError: {
            /** @example Rate limit exceeded. Retry after 12 seconds. */
            readonly detail: string;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: {
        /** @description Names this request in the log. */
        readonly RequestId: string;
        /** @description Submissions that the client may make a minute. */
        readonly RateLimitLimit: number;
        /** @description How many of them are left. */
        readonly RateLimitRemaining: number;
        /** @description Seconds after which to try again. */
        readonly RetryAfter: number;
    };
    pathItems: never;
}

/** Every operation of the contract. */
export type OperationId =
  | 'submitWorkflow'
  | 'triggerExecution'
  | 'readExecution'
  | 'readResults'
  | 'cancelExecution'
  | 'explainExecution'
  | 'followExecution'
  | 'listExecutions'
  | 'runWorkflowAgain'
  | 'submitBatch'
  | 'triggerBatch'
  | 'readBatch'
  | 'cancelBatch'
  | 'listDeadLetters'
  | 'retryDeadLetter'
  | 'deleteDeadLetter'
  | 'retryDeadLetters'
  | 'listCircuits'
  | 'resetCircuit'
  | 'readDefinition'
  | 'readDocs'
  | 'readDocsFile'
  | 'readHealth'
  | 'readLatency'
  | 'readLiveness'
  | 'readMetrics'
  | 'readOpenApi'
  | 'readReadiness'
  | 'readStats'
  | 'readConsole'
  | 'readConsoleFile';

/** What an answer may name as its error; docs/errors.md tells what each means. */
export type ApiErrorCode =
  | 'MALFORMED_JSON'
  | 'EMPTY_WORKFLOW'
  | 'DUPLICATE_NODE_ID'
  | 'INVALID_NODE_REFERENCE'
  | 'CYCLIC_DEPENDENCY'
  | 'INVALID_NODE'
  | 'INVALID_TEMPLATE_REFERENCE'
  | 'UNAUTHENTICATED'
  | 'FORBIDDEN'
  | 'EXECUTION_NOT_FOUND'
  | 'WORKFLOW_NOT_FOUND'
  | 'CIRCUIT_NOT_FOUND'
  | 'DLQ_ENTRY_NOT_FOUND'
  | 'NOT_FOUND'
  | 'METHOD_NOT_ALLOWED'
  | 'INVALID_STATUS_TRANSITION'
  | 'IDEMPOTENCY_KEY_REUSED'
  | 'PAYLOAD_TOO_LARGE'
  | 'UNSUPPORTED_MEDIA_TYPE'
  | 'VALIDATION_ERROR'
  | 'RATE_LIMITED'
  | 'STORE_UNAVAILABLE'
  | 'OVERLOADED'
  | 'INTERNAL_SERVER_ERROR';
