/** The JSON that clients submit, as it is after validation (snake_case is the contract's). */
export interface RetryDefinition {
  max_attempts?: number;
  initial_interval_ms?: number;
  backoff_coefficient?: number;
  max_interval_ms?: number;
  jitter?: number;
  non_retryable?: string[];
}

export interface NodeDefinition {
  id: string;
  handler: string;
  dependencies?: string[];
  config?: Record<string, unknown>;
  condition?: string;
  timeout_seconds?: number;
  queue?: string;
  retry?: RetryDefinition;
}

/** A workflow: its name, its DAG and its limits; the content that a workflow id addresses. */
export interface WorkflowDefinition {
  name: string;
  timeout_seconds?: number;
  dag: { nodes: NodeDefinition[] };
}
