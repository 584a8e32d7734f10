import { createHash } from 'node:crypto';
import type { Submission, Submitted, WorkflowEngine } from '../../engine/workflow-engine.js';
import { MillraceError } from '../../model/errors.js';
import type { ParsedSubmission, SubmissionParser } from '../../model/parse-submission.js';
import type { TraceContext } from '../../model/trace-context.js';
import type { HttpReply } from '../http-server.js';
import { readOptionalJson, requireJsonType } from '../json-body.js';
import { rerunWorkflow, submitWorkflow } from '../openapi/operations/executions.js';
import { jsonTextReply } from '../reply.js';
import type { Call, Route } from '../route.js';
import type { SubmissionReader } from '../submission-reader.js';
import { traced } from '../trace-headers.js';
import { checkedIdempotencyKey, workflowIdOf } from './identifiers.js';

export interface SubmissionRoutesOptions {
  readonly engine: WorkflowEngine;
  readonly parser: SubmissionParser;
  readonly reader: SubmissionReader;
}

export function submissionRoutes({ engine, parser, reader }: SubmissionRoutesOptions): Route[] {
  return [
    {
      ...submitWorkflow,
      handle(call) {
        requireJsonType(call.request);
        const headerKey = checkedIdempotencyKey(call.request.header('idempotency-key'));
        const parsed = reader.read(call.request.body);
        const submission = toSubmission({
          parsed,
          bytes: [call.request.body],
          client: call.client,
          trace: call.tracing.trace(),
          headerKey,
        });
        return submitOne(engine, submission, call);
      },
    },
    {
      ...rerunWorkflow,
      handle: (call) => runAgain(call, engine, parser),
    },
  ];
}

async function runAgain(call: Call, engine: WorkflowEngine, parser: SubmissionParser): Promise<HttpReply> {
  const workflowId = workflowIdOf(call.params[0]);
  const key = checkedIdempotencyKey(call.request.header('idempotency-key'));
  const rerun = parser.parseRerun(readOptionalJson(call.request));
  const plan = await engine.plan(workflowId);
  const bytes = [Buffer.from(workflowId), call.request.body];
  const params = traced(rerun.params, call.tracing.trace());
  return submitOne(engine, { plan, ...rerun, params, ...idempotencyOf(call.client, key, bytes) }, call);
}

async function submitOne(engine: WorkflowEngine, submission: Submission, call: Call): Promise<HttpReply> {
  const [outcome] = await engine.submit([submission]);
  if (outcome === undefined || outcome instanceof MillraceError)
    throw outcome ?? new Error('no outcome of a submission');
  call.tracing.brought(outcome.executionId);
  return jsonTextReply(201, submittedText(outcome));
}

/** JSON text of the answer to one submission. */
export function submittedText({ workflowId, executionId }: Submitted): string {
  return `{"workflow_id":"${workflowId}","execution_id":"${executionId}","message":"Workflow submitted successfully"}`;
}

export function toSubmission(from: {
  readonly parsed: ParsedSubmission;
  /** What the submission's identity is the hash of. */
  readonly bytes: readonly Uint8Array[];
  readonly client: string;
  /** Of the request. */
  readonly trace: TraceContext | undefined;
  /** Goes before the body's own. */
  readonly headerKey?: string | undefined;
}): Submission {
  const { plan, params, trigger, idempotencyKey, callbackUrl } = from.parsed;
  const key = from.headerKey ?? checkedIdempotencyKey(idempotencyKey);
  const callback = callbackUrl === undefined ? {} : { callbackUrl };
  return {
    ...{ plan, params: traced(params, from.trace), trigger },
    ...callback,
    ...idempotencyOf(from.client, key, from.bytes),
  };
}

function idempotencyOf(
  client: string,
  key: string | undefined,
  bytes: readonly Uint8Array[],
): Pick<Submission, 'idempotency'> {
  if (key === undefined) return {};
  const hash = createHash('sha256');
  for (const part of bytes) hash.update(part);
  return { idempotency: { client, key, bodyHash: hash.digest('hex') } };
}
