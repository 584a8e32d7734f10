import type { WorkflowDefinition } from '../model/definition.js';
import type { ApiExecutionStatus, ApiNodeStatus } from '../model/states.js';

/** What GET /api/v1/workflow/{execution_id}?detail=nodes tells of one node. Times as ISO 8601 text. */
export interface NodeDetail {
  readonly attempt: number;
  readonly started_at?: string | null;
  readonly finished_at?: string | null;
}

export interface ExecutionStatus {
  readonly execution_id: string;
  readonly workflow_id: string;
  readonly status: ApiExecutionStatus;
  readonly node_statuses: Readonly<Record<string, ApiNodeStatus>>;
  readonly nodes?: Readonly<Record<string, NodeDetail>>;
}

export type Outputs = Readonly<Record<string, unknown>>;

/** An answer with a status that the call does not expect. */
export class UnexpectedAnswer extends Error {
  override readonly name = 'UnexpectedAnswer';
  readonly status: number;

  constructor(call: string, status: number, body: string) {
    super(`${call} answered ${status}: ${body.slice(0, 500)}`);
    this.status = status;
  }
}

/** The calls of the HTTP contract that tests make. Each rejects where no answer comes, or with an UnexpectedAnswer. */
export interface ApiClient {
  submit(options: {
    definition: WorkflowDefinition;
    trigger: boolean;
    idempotencyKey?: string;
  }): Promise<{ executionId: string; workflowId: string }>;
  trigger(executionId: string): Promise<void>;
  /** `waitSeconds`: answer only once the execution has ended or this time is over. */
  status(executionId: string, options?: { waitSeconds?: number }): Promise<ExecutionStatus>;
  /** Resolves once the execution has ended; rejects where it has not within this time (at most 60 s). */
  ended(executionId: string, withinSeconds: number): Promise<void>;
  outputs(executionId: string): Promise<Outputs>;
  metrics(): Promise<string>;
}

export function createApiClient(baseUrl: string): ApiClient {
  const call = async (method: string, path: string, options: CallOptions = {}): Promise<string> => {
    const response = await fetch(baseUrl + path, {
      method,
      headers: {
        ...(options.body === undefined ? {} : { 'content-type': 'application/json' }),
        ...options.headers,
      },
      ...(options.body === undefined ? {} : { body: options.body }),
    });
    const text = await response.text();
    if (!response.ok) throw new UnexpectedAnswer(`${method} ${path}`, response.status, text);
    return text;
  };
  return {
    async submit({ definition, trigger, idempotencyKey }) {
      const text = await call('POST', '/api/v1/workflow', {
        body: JSON.stringify({ ...definition, trigger }),
        headers: idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey },
      });
      const answer = JSON.parse(text) as { execution_id: string; workflow_id: string };
      return { executionId: answer.execution_id, workflowId: answer.workflow_id };
    },
    async trigger(executionId) {
      await call('POST', `/api/v1/workflow/trigger/${executionId}`);
    },
    async status(executionId, { waitSeconds } = {}) {
      const wait = waitSeconds === undefined ? '' : `&wait=${waitSeconds}`;
      return JSON.parse(
        await call('GET', `/api/v1/workflow/${executionId}?detail=nodes${wait}`),
      ) as ExecutionStatus;
    },
    async ended(executionId, withinSeconds) {
      const text = await call('GET', `/api/v1/workflow/${executionId}?wait=${withinSeconds}`);
      const { status } = JSON.parse(text) as ExecutionStatus;
      if (status === 'PENDING' || status === 'RUNNING')
        throw new Error(`${executionId} is ${status} after ${withinSeconds} s`);
    },
    async outputs(executionId) {
      const text = await call('GET', `/api/v1/workflow/${executionId}/results`);
      return (JSON.parse(text) as { outputs: Outputs }).outputs;
    },
    metrics: () => call('GET', '/metrics'),
  };
}

interface CallOptions {
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}
