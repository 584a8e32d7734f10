import assert from 'node:assert/strict';
import type { NodeDefinition, WorkflowDefinition } from '../model/definition.js';
import type { ApiExecutionStatus, ApiNodeStatus } from '../model/states.js';
import { type ApiReply, callApi } from './call-api.js';
import { poll } from './poll.js';

/** How long an execution may take to end. */
const END_WITHIN_SECONDS = 60;

/** What tests ask of a running engine over HTTP, and assert of its answers. */
export abstract class EngineCalls {
  /** http://host:port */
  abstract get url(): string;

  call(
    method: string,
    requestPath: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<ApiReply> {
    return callApi(this.url, method, requestPath, body, headers);
  }

  /** The id of a new execution. */
  async submit(workflow: Workflow, options: SubmitOptions = {}): Promise<string> {
    const reply = await this.call('POST', '/api/v1/workflow', { ...definitionOf(workflow), ...options });
    assert.equal(reply.status, 201, reply.text);
    return reply.json.execution_id;
  }

  /** The id of a new execution that was started at once. */
  begin(workflow: Workflow, params?: unknown): Promise<string> {
    return this.submit(workflow, { trigger: true, ...(params === undefined ? {} : { params }) });
  }

  /** Runs it to its end; resolves with its last status. */
  async run(workflow: Workflow, params?: unknown): Promise<Status> {
    return this.ended(await this.begin(workflow, params));
  }

  async trigger(executionId: string, body?: unknown): Promise<void> {
    const reply = await this.call('POST', `/api/v1/workflow/trigger/${executionId}`, body);
    assert.equal(reply.status, 200, reply.text);
  }

  async status(executionId: string): Promise<Status> {
    const reply = await this.call('GET', `/api/v1/workflow/${executionId}?detail=nodes`);
    assert.equal(reply.status, 200, reply.text);
    return reply.json;
  }

  /** The status, once the execution has ended. */
  async ended(executionId: string): Promise<Status> {
    const query = `detail=nodes&wait=${END_WITHIN_SECONDS}`;
    const reply = await this.call('GET', `/api/v1/workflow/${executionId}?${query}`);
    assert.equal(reply.status, 200, reply.text);
    const isOver = reply.json.finished_at !== null;
    assert.ok(isOver, `${executionId} is ${reply.json.status} after ${END_WITHIN_SECONDS} s`);
    return reply.json;
  }

  // biome-ignore lint/suspicious/noExplicitAny: tests follow paths into outputs whose shape they have just written
  async outputs(executionId: string): Promise<Readonly<Record<string, any>>> {
    const reply = await this.call('GET', `/api/v1/workflow/${executionId}/results`);
    assert.equal(reply.status, 200, reply.text);
    return reply.json.outputs;
  }

  /** Resolves once the record has all that has happened so far: lists are read from it. */
  async recorded(): Promise<void> {
    await poll('the record to know everything', async () => {
      const { json } = await this.call('GET', '/api/v1/admin/stats');
      return json.outbox_events === 0;
    });
  }

  /** The dead letters of one execution, newest first. */
  async deadLetters(executionId: string): Promise<readonly DeadLetterEntry[]> {
    const reply = await this.call('GET', '/api/v1/admin/dlq?limit=1000');
    assert.equal(reply.status, 200, reply.text);
    const entries: DeadLetterEntry[] = reply.json.entries;
    return entries.filter((entry) => entry.execution_id === executionId);
  }

  /** The value of one sample of /metrics, as `name` or `name{label="value"}`; 0 where it is not there. */
  async metric(sample: string): Promise<number> {
    const { text } = await this.call('GET', '/metrics');
    const line = text.split('\n').find((candidate) => candidate.startsWith(`${sample} `));
    return line === undefined ? 0 : Number(line.slice(sample.length + 1));
  }
}

/** A definition, or the nodes of one. */
export type Workflow = WorkflowDefinition | readonly NodeDefinition[];

export interface SubmitOptions {
  readonly trigger?: boolean;
  readonly params?: unknown;
  readonly callback_url?: string;
}

interface ShownError {
  readonly message: string;
  readonly error_code: string;
  readonly category: string;
}

export interface NodeStatus {
  readonly state: string;
  readonly attempt: number;
  readonly host: string | null;
  readonly queued_at: string | null;
  readonly started_at: string | null;
  readonly finished_at: string | null;
  readonly due_at: string | null;
  readonly error: ShownError | null;
  readonly failures: readonly {
    readonly attempt: number;
    readonly finished_at: string;
    readonly error: ShownError;
  }[];
}

/** The answer of GET /api/v1/workflow/{execution_id}?detail=nodes. */
export interface Status {
  readonly execution_id: string;
  readonly workflow_id: string;
  readonly name: string;
  readonly status: ApiExecutionStatus;
  readonly node_statuses: Readonly<Record<string, ApiNodeStatus>>;
  readonly created_at: string;
  readonly started_at: string | null;
  readonly finished_at: string | null;
  readonly error: ShownError | null;
  readonly nodes: Readonly<Record<string, NodeStatus>>;
}

export interface DeadLetterEntry {
  readonly id: string;
  readonly task_id: string;
  readonly execution_id: string;
  readonly node_id: string;
  readonly handler: string;
  readonly retry_count: number;
  readonly attempts: number;
  readonly config: unknown;
  readonly error_detail: { readonly error_code: string; readonly category: string };
}

function definitionOf(workflow: Workflow): WorkflowDefinition {
  return 'dag' in workflow ? workflow : { name: 'end-to-end', dag: { nodes: [...workflow] } };
}
