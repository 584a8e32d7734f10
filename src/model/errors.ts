/**
 * Every error that a client or an operator can meet, in one table: HTTP status, whether the same call may succeed
 * later, and what it means. `docs/errors.md` is checked against it both ways. Status 0: never an HTTP answer; the code
 * stands in a node's or an execution's error.
 */
export const ERRORS = {
  MALFORMED_JSON: { status: 400, retryable: false, meaning: 'The body is not JSON in UTF-8.' },
  EMPTY_WORKFLOW: { status: 400, retryable: false, meaning: 'dag.nodes is empty.' },
  DUPLICATE_NODE_ID: { status: 400, retryable: false, meaning: 'Two nodes share an id.' },
  INVALID_NODE_REFERENCE: {
    status: 400,
    retryable: false,
    meaning: 'A dependency names no node of the DAG.',
  },
  CYCLIC_DEPENDENCY: {
    status: 400,
    retryable: false,
    meaning: 'The dependencies form a cycle; context.cycle_nodes names one, in order.',
  },
  INVALID_NODE: {
    status: 400,
    retryable: false,
    meaning: "A node's config breaks its handler's schema, or its id is reserved.",
  },
  INVALID_TEMPLATE_REFERENCE: {
    status: 400,
    retryable: false,
    meaning: 'A placeholder names a node that is not an ancestor of the node that uses it.',
  },
  UNAUTHENTICATED: { status: 401, retryable: false, meaning: 'The call carries no valid API key.' },
  FORBIDDEN: { status: 403, retryable: false, meaning: 'The key has not the scope that the call needs.' },
  EXECUTION_NOT_FOUND: {
    status: 404,
    retryable: false,
    meaning: 'No execution has this id, or its retention is over.',
  },
  WORKFLOW_NOT_FOUND: { status: 404, retryable: false, meaning: 'No workflow has this id.' },
  CIRCUIT_NOT_FOUND: {
    status: 404,
    retryable: false,
    meaning: 'This host has no circuit of this name; its list is /api/v1/admin/circuits.',
  },
  DLQ_ENTRY_NOT_FOUND: { status: 404, retryable: false, meaning: 'No dead letter has this id.' },
  NOT_FOUND: { status: 404, retryable: false, meaning: 'No such path.' },
  METHOD_NOT_ALLOWED: {
    status: 405,
    retryable: false,
    meaning: 'The path exists, the method does not; see Allow.',
  },
  INVALID_STATUS_TRANSITION: {
    status: 409,
    retryable: false,
    meaning: 'The execution is in a state that does not allow the call.',
  },
  IDEMPOTENCY_KEY_REUSED: {
    status: 409,
    retryable: false,
    meaning: 'The Idempotency-Key was used for another body.',
  },
  PAYLOAD_TOO_LARGE: {
    status: 413,
    retryable: false,
    meaning: 'The body, the params or the DAG is over its limit.',
  },
  UNSUPPORTED_MEDIA_TYPE: {
    status: 415,
    retryable: false,
    meaning: 'The content type is not application/json, or the body is compressed.',
  },
  VALIDATION_ERROR: {
    status: 422,
    retryable: false,
    meaning: 'The shape of the body or of a query parameter is wrong; context.errors lists every place.',
  },
  RATE_LIMITED: {
    status: 429,
    retryable: true,
    meaning: 'The client submits faster than its limit; see Retry-After.',
  },
  STORE_UNAVAILABLE: {
    status: 503,
    retryable: true,
    meaning: 'The store cannot be reached or cannot write.',
  },
  OVERLOADED: {
    status: 503,
    retryable: true,
    meaning: 'The backlog is full or the engine is stopping; see Retry-After.',
  },
  INTERNAL_SERVER_ERROR: {
    status: 500,
    retryable: true,
    meaning: 'A fault of the engine; its log has the request id.',
  },

  UNKNOWN_HANDLER: { status: 0, retryable: false, meaning: 'No host has the handler of this node.' },
  INVALID_CONFIG: {
    status: 0,
    retryable: false,
    meaning: "A node's config, templates resolved, breaks its handler's schema.",
  },
  UNKNOWN_SECRET: {
    status: 0,
    retryable: false,
    meaning: "A node's config names a secret that the host which ran it does not have.",
  },
  HANDLER_ERROR: { status: 0, retryable: true, meaning: 'The handler threw.' },
  TERMINAL_ERROR: {
    status: 0,
    retryable: false,
    meaning: 'The handler threw a TerminalError: it asks for no retry.',
  },
  NODE_TIMEOUT: { status: 0, retryable: true, meaning: 'The attempt outlasted its time-out.' },
  WORKFLOW_TIMEOUT: { status: 0, retryable: false, meaning: 'The execution outlasted its time-out.' },
  WORKER_CRASHED: {
    status: 0,
    retryable: true,
    meaning: 'The worker thread died while it ran this task alone.',
  },
  DELIVERIES_EXHAUSTED: {
    status: 0,
    retryable: false,
    meaning: 'The owners of this task died MAX_DELIVERIES times.',
  },
  OUTPUT_TOO_LARGE: { status: 0, retryable: false, meaning: 'The output is over MAX_OUTPUT_BYTES.' },
  INPUT_TOO_LARGE: {
    status: 0,
    retryable: false,
    meaning:
      "The node's inputs are over MAX_INPUT_BYTES, or its placeholders put in more than 16 MiB of them.",
  },
  INVALID_OUTPUT: { status: 0, retryable: false, meaning: 'The output cannot be written as JSON.' },
  HTTP_STATUS: {
    status: 0,
    retryable: true,
    meaning: 'The called service answered with an unexpected status.',
  },
  CONNECTION_ERROR: { status: 0, retryable: true, meaning: 'The called service could not be reached.' },
  ADDRESS_REFUSED: {
    status: 0,
    retryable: false,
    meaning:
      'The call would go to an address that workflows may not call, by its URL, its name or a redirect; see HTTP_ALLOW_PRIVATE and HTTP_ALLOW_HOSTS.',
  },
  CIRCUIT_OPEN: {
    status: 0,
    retryable: true,
    meaning:
      'The call was not made, because too many before it failed; the node waits for the circuit unless CIRCUIT_BREAKER_ON_OPEN=fail.',
  },
  SIMULATED_FAILURE: {
    status: 0,
    retryable: true,
    meaning: 'The config asked for a failure (simulate_failure).',
  },
  LLM_NOT_CONFIGURED: { status: 0, retryable: false, meaning: 'call_llm needs LLM_BASE_URL, or simulation.' },
  STORE_IN_USE: { status: 0, retryable: true, meaning: 'Another process holds DATA_DIR.' },
  PLACE_TAKEN: {
    status: 0,
    retryable: false,
    meaning: 'Where a backup should go, or should be restored to, there is something already.',
  },
  STORE_UNSUITABLE: {
    status: 0,
    retryable: false,
    meaning:
      'Redis or PostgreSQL cannot be used as they are (version, eviction, partition count, epoch, format); the message says what to change.',
  },
  STORE_DAMAGED: {
    status: 0,
    retryable: false,
    meaning:
      'The embedded store cannot be read in full. Nothing in it was changed; restore it from a backup.',
  },
  STORE_FORMAT: {
    status: 0,
    retryable: false,
    meaning: 'The store was written by a newer version, or by another program.',
  },
  TRIGGER_EXPIRED: {
    status: 0,
    retryable: false,
    meaning: 'The execution was not triggered within PENDING_TTL_DAYS.',
  },
} as const satisfies Record<string, { status: number; retryable: boolean; meaning: string }>;

export type ErrorCode = keyof typeof ERRORS;

/** A fault or refusal that has a code. `context` is shown to the client; `retryAfterSeconds` becomes Retry-After. */
export class MillraceError extends Error {
  override readonly name = 'MillraceError';
  readonly code: ErrorCode;
  readonly context: Readonly<Record<string, unknown>>;
  readonly retryAfterSeconds: number | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    options: { context?: Record<string, unknown>; retryAfterSeconds?: number; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.context = options.context ?? {};
    this.retryAfterSeconds = options.retryAfterSeconds;
  }

  get status(): number {
    return ERRORS[this.code].status || 500;
  }
}

export const ERROR_CATEGORIES = [
  'transient',
  'validation',
  'resource',
  'infrastructure',
  'handler',
  'unknown',
] as const;
export type ErrorCategory = (typeof ERROR_CATEGORIES)[number];

/** Why a node or an execution failed. `code` is one of ERRORS or a handler's own. */
export interface NodeError {
  readonly code: string;
  readonly message: string;
  readonly category: ErrorCategory;
  /** SHA-256 prefix of the stack, to group alike failures. */
  readonly tracebackHash?: string;
}
