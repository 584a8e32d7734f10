import { baseUrl, query } from './addresses.js';
import type { BatchResult, MillraceClientOptions, SubmitOptions, WaitOptions } from './client-options.js';
import type * as contract from './contract-types.js';
import { type FollowOptions, followEvents } from './follow-events.js';
import { errorOfBody, MillraceError } from './millrace-error.js';
import { inParts, pages } from './paging.js';
import { type Answer, type Call, type CallOptions, Transport } from './transport.js';

const TIMEOUT_MS = 30_000;
const RETRY_FOR_MS = 30_000;
/** What one call waits for an end; well below the time-outs of proxies. */
const WAIT_SECONDS = 20;
const API = '/api/v1/workflow';
const ADMIN = '/api/v1/admin';

/**
 * The HTTP interface as methods. Every method rejects with a MillraceError, or with the reason of the signal that it was given. Times in
 * answers are ISO 8601 text, fields are spelled as in docs/api.md.
 */
export class MillraceClient {
  readonly #transport: Transport;
  readonly #timeoutMs: number;

  constructor(options: MillraceClientOptions) {
    const urls = [options.url].flat().map(baseUrl);
    if (urls.length === 0) throw new TypeError('url: expected at least one base URL');
    this.#timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
    this.#transport = new Transport({
      urls,
      apiKey: options.apiKey,
      headers: options.headers ?? {},
      timeoutMs: this.#timeoutMs,
      retryForMs: options.retryForMs ?? RETRY_FOR_MS,
      fetch: options.fetch ?? fetch,
    });
  }

  /** Accepts a workflow; its execution is PENDING until it is triggered, unless `trigger` is true. */
  submit(submission: contract.Submission, options: SubmitOptions = {}): Promise<contract.Submitted> {
    return this.#submit(API, submission, options);
  }

  /** Submits, triggers, and waits for the end. */
  async run(
    submission: contract.Submission,
    options: SubmitOptions & WaitOptions = {},
  ): Promise<contract.Execution> {
    const { execution_id } = await this.submit({ ...submission, trigger: true }, options);
    return this.wait(execution_id, options);
  }

  /** One result for each, in order; a refused one does not touch the others. Items that name no `idempotency_key` get one. */
  submitBatch(
    submissions: readonly contract.Submission[],
    options: CallOptions = {},
  ): Promise<readonly BatchResult<contract.Submitted>[]> {
    const keyed = submissions.map((each) => ({
      ...each,
      idempotency_key: each.idempotency_key ?? crypto.randomUUID(),
    }));
    return inParts(keyed, (part) => this.#batch(`${API}/batch`, part, options));
  }

  /** Runs a known workflow again. */
  rerun(
    workflowId: string,
    body: { readonly params?: Record<string, unknown>; readonly trigger?: boolean } = {},
    options: SubmitOptions = {},
  ): Promise<contract.Submitted> {
    return this.#submit(`${API}/${encodeURIComponent(workflowId)}/executions`, body, options);
  }

  /** Starts an execution; again: changes nothing. */
  trigger(
    executionId: string,
    params?: Record<string, unknown>,
    options: CallOptions = {},
  ): Promise<contract.Triggered> {
    const body = params === undefined ? undefined : { params };
    return this.#json('POST', `${API}/trigger/${encodeURIComponent(executionId)}`, { ...options, body });
  }

  triggerBatch(
    executionIds: readonly string[],
    options: CallOptions = {},
  ): Promise<readonly BatchResult<contract.Triggered>[]> {
    return this.#batchOfIds('trigger', executionIds, options);
  }

  /** The present state. `detail: 'nodes'` adds attempts, times and errors of each node. */
  status(
    executionId: string,
    { detail, ...options }: CallOptions & { readonly detail?: 'nodes' } = {},
  ): Promise<contract.Execution> {
    return this.#json('GET', executionPath(executionId) + query({ detail }), options);
  }

  statuses(
    executionIds: readonly string[],
    options: CallOptions = {},
  ): Promise<readonly BatchResult<contract.Execution>[]> {
    return this.#batchOfIds('status', executionIds, options);
  }

  /** Resolves with the state at the end, whatever it is: COMPLETED, FAILED or CANCELLED. */
  async wait(
    executionId: string,
    { withinMs = Number.POSITIVE_INFINITY, ...options }: WaitOptions = {},
  ): Promise<contract.Execution> {
    const deadline = performance.now() + withinMs;
    for (;;) {
      const leftMs = Math.max(0, deadline - performance.now());
      const wait = Math.min(WAIT_SECONDS, leftMs / 1000);
      const timeoutMs = (options.timeoutMs ?? this.#timeoutMs) + wait * 1000;
      const path = executionPath(executionId) + query({ wait: wait.toFixed(3) });
      const execution = await this.#json<contract.Execution>('GET', path, { ...options, timeoutMs });
      if (execution.status !== 'PENDING' && execution.status !== 'RUNNING') return execution;
      if (performance.now() >= deadline) {
        const message = `execution ${executionId} is ${execution.status} after ${withinMs} ms`;
        throw new MillraceError({ code: 'TIMEOUT', message });
      }
    }
  }

  /** The outputs so far, by node. */
  results(executionId: string, options: CallOptions = {}): Promise<contract.Results> {
    return this.#json('GET', `${executionPath(executionId)}/results`, options);
  }

  /** Why each node that is not done is not. */
  explain(executionId: string, options: CallOptions = {}): Promise<contract.Explanation> {
    return this.#json('GET', `${executionPath(executionId)}/explain`, options);
  }

  /** What happens to an execution, as it happens, until its end. See `followEvents`. */
  events(
    executionId: string,
    options: FollowOptions = {},
  ): AsyncGenerator<contract.ExecutionEvent, void, undefined> {
    return followEvents(this.#transport, `${executionPath(executionId)}/events`, options);
  }

  /** Again: changes nothing. One that has ended is refused with INVALID_STATUS_TRANSITION. */
  cancel(executionId: string, options: CallOptions = {}): Promise<contract.Succeeded> {
    return this.#json('DELETE', executionPath(executionId), options);
  }

  cancelBatch(
    executionIds: readonly string[],
    options: CallOptions = {},
  ): Promise<readonly BatchResult<contract.Succeeded>[]> {
    return this.#batchOfIds('cancel', executionIds, options);
  }

  /** All executions that match, newest first, read page by page as they are asked for; `limit` is the size of a page. */
  list(
    filter: contract.ExecutionFilter & Pick<contract.Page, 'limit'> = {},
    options: CallOptions = {},
  ): AsyncGenerator<contract.ExecutionSummary, void, undefined> {
    return pages(
      (cursor) => this.listPage({ ...filter, ...cursor }, options),
      (page) => page.executions,
    );
  }

  listPage(
    filter: contract.ExecutionFilter & contract.Page = {},
    options: CallOptions = {},
  ): Promise<contract.ExecutionList> {
    return this.#json('GET', API + query({ ...filter }), options);
  }

  /** A workflow as it was submitted. */
  definition(workflowId: string, options: CallOptions = {}): Promise<contract.Definition> {
    return this.#json('GET', `/api/v1/definitions/${encodeURIComponent(workflowId)}`, options);
  }

  /** All dead letters, newest first, read page by page as they are asked for. */
  deadLetters(
    page: Pick<contract.Page, 'limit'> = {},
    options: CallOptions = {},
  ): AsyncGenerator<contract.DeadLetter, void, undefined> {
    return pages(
      (cursor) => this.deadLettersPage({ ...page, ...cursor }, options),
      (each) => each.entries,
    );
  }

  deadLettersPage(page: contract.Page = {}, options: CallOptions = {}): Promise<contract.DeadLetterList> {
    return this.#json('GET', `${ADMIN}/dlq${query({ ...page })}`, options);
  }

  /** Runs its execution on; `config` stands in for the node's. */
  retryDeadLetter(
    id: string,
    body?: { readonly config: Record<string, unknown> },
    options: CallOptions = {},
  ): Promise<contract.Redriven> {
    const path = `${ADMIN}/dlq/${encodeURIComponent(id)}/retry`;
    return this.#json('POST', path, { ...options, body, afterLoss: 'give_up' });
  }

  /** Retries all that match. */
  retryDeadLetters(
    filter: contract.BulkFilter = {},
    options: CallOptions = {},
  ): Promise<contract.BulkRedriven> {
    return this.#json('POST', `${ADMIN}/dlq/retry`, { ...options, body: filter });
  }

  deleteDeadLetter(id: string, options: CallOptions = {}): Promise<contract.Succeeded> {
    const path = `${ADMIN}/dlq/${encodeURIComponent(id)}`;
    return this.#json('DELETE', path, { ...options, afterLoss: 'give_up' });
  }

  /** The circuits of the host that answers. */
  circuits(options: CallOptions = {}): Promise<contract.CircuitList> {
    return this.#json('GET', `${ADMIN}/circuits`, options);
  }

  resetCircuit(name: string, options: CallOptions = {}): Promise<contract.CircuitReset> {
    return this.#json('POST', `${ADMIN}/circuits/${encodeURIComponent(name)}/reset`, options);
  }

  stats(options: CallOptions = {}): Promise<contract.Stats> {
    return this.#json('GET', `${ADMIN}/stats`, options);
  }

  /** Percentiles by stage of every window, or of one. `include: 'histogram'` adds the histograms, encoded. */
  latency({
    window,
    include,
    ...options
  }: CallOptions & {
    readonly window?: '1m' | '5m' | 'start';
    readonly include?: 'histogram';
  } = {}): Promise<contract.LatencyTable> {
    return this.#json('GET', `${ADMIN}/latency${query({ window, include })}`, options);
  }

  /** Also of a host that is degraded. */
  health(options: CallOptions = {}): Promise<contract.Health> {
    return this.#json('GET', '/health', { ...options, answers: [503] });
  }

  liveness(options: CallOptions = {}): Promise<contract.Liveness> {
    return this.#json('GET', '/livez', options);
  }

  readiness(options: CallOptions = {}): Promise<contract.Readiness> {
    return this.#json('GET', '/readyz', { ...options, answers: [503] });
  }

  /** Prometheus text. */
  async metrics(options: CallOptions = {}): Promise<string> {
    return (await this.#call('GET', '/metrics', options)).text;
  }

  /** The OpenAPI document. */
  openApi(options: CallOptions = {}): Promise<Record<string, unknown>> {
    return this.#json('GET', '/openapi.json', options);
  }

  #submit(
    path: string,
    body: unknown,
    { idempotencyKey, ...options }: SubmitOptions,
  ): Promise<contract.Submitted> {
    const key = idempotencyKey === undefined ? crypto.randomUUID() : idempotencyKey;
    return this.#json('POST', path, {
      ...{ ...options, body },
      ...(key === null ? { afterLoss: 'give_up' } : { headers: { 'idempotency-key': key } }),
    });
  }

  #batchOfIds<T>(
    verb: 'trigger' | 'status' | 'cancel',
    executionIds: readonly string[],
    options: CallOptions,
  ): Promise<readonly BatchResult<T>[]> {
    return inParts(executionIds, (part) =>
      this.#batch<T>(`${API}/batch/${verb}`, { execution_ids: part }, options),
    );
  }

  async #batch<T>(path: string, body: unknown, options: CallOptions): Promise<readonly BatchResult<T>[]> {
    const answer = await this.#json<{ readonly results: readonly T[] }>('POST', path, { ...options, body });
    return answer.results.map((result) => {
      const failure = errorOfBody(result);
      return failure ? { ok: false, error: new MillraceError(failure) } : { ok: true, value: result };
    });
  }

  async #json<T>(method: Call['method'], path: string, options: Partial<Call>): Promise<T> {
    const { text, status } = await this.#call(method, path, options);
    try {
      return JSON.parse(text) as T;
    } catch (cause) {
      const message = `${method} ${path} answered something that is not JSON`;
      throw new MillraceError({ code: 'BAD_ANSWER', message, status, cause });
    }
  }

  #call(method: Call['method'], path: string, options: Partial<Call>): Promise<Answer> {
    return this.#transport.send({ afterLoss: 'repeat', ...options, method, path });
  }
}

function executionPath(executionId: string): string {
  return `${API}/${encodeURIComponent(executionId)}`;
}
