import type { WorkflowEngine } from '../../engine/workflow-engine.js';
import type { ExecutionId } from '../../model/ids.js';
import type { SubmissionParser } from '../../model/parse-submission.js';
import type { HttpReply } from '../http-server.js';
import { readOptionalJson } from '../json-body.js';
import {
  cancelExecution,
  explainExecution,
  readExecution,
  readResults,
  triggerExecution,
} from '../openapi/operations/executions.js';
import { DETAIL, WAIT } from '../openapi/parameters.js';
import { QueryReader } from '../query-reader.js';
import { jsonTextReply } from '../reply.js';
import type { Call, Route } from '../route.js';
import { tracedTrigger } from '../trace-headers.js';
import { statusText } from '../views/execution-view.js';
import { explanationText } from '../views/explanation-view.js';
import { resultsBytes } from '../views/results-view.js';
import { executionIdOf } from './identifiers.js';

export interface ExecutionRoutesOptions {
  readonly engine: WorkflowEngine;
  readonly parser: SubmissionParser;
}

export function executionRoutes({ engine, parser }: ExecutionRoutesOptions): Route[] {
  return [
    {
      ...triggerExecution,
      async handle(call) {
        const id = executionIdOf(call.params[0]);
        const { params } = parser.parseTrigger(readOptionalJson(call.request));
        await engine.trigger(id, tracedTrigger(params, call.tracing.trace()));
        call.tracing.brought(id);
        return jsonTextReply(200, triggeredText(id));
      },
    },
    {
      ...readExecution,
      handle: (call) => readStatus(call, engine),
    },
    {
      ...cancelExecution,
      async handle(call) {
        const id = executionIdOf(call.params[0]);
        await engine.cancel(id);
        return jsonTextReply(200, cancelledText(id));
      },
    },
    {
      ...explainExecution,
      async handle(call) {
        return jsonTextReply(200, explanationText(await engine.explain(executionIdOf(call.params[0]))));
      },
    },
    {
      ...readResults,
      async handle(call) {
        return jsonTextReply(200, resultsBytes(await engine.read(executionIdOf(call.params[0]))));
      },
    },
  ];
}

/** JSON text of the answer to a trigger. */
export function triggeredText(id: ExecutionId): string {
  return `{"execution_id":"${id}","message":"Workflow execution triggered"}`;
}

/** JSON text of the answer to a cancellation. */
export function cancelledText(id: ExecutionId): string {
  return `{"status":"success","message":"Execution ${id} cancelled"}`;
}

async function readStatus({ request, params }: Call, engine: WorkflowEngine): Promise<HttpReply> {
  const id = executionIdOf(params[0]);
  if (request.query === '') return jsonTextReply(200, statusText(await engine.read(id), { nodes: false }));
  const query = new QueryReader(request.query);
  const waitSeconds = query.number(WAIT);
  const detail = query.choice(DETAIL);
  query.finish();
  const view = waitSeconds
    ? await engine.waitForEnd(id, waitSeconds * 1000, request.signal)
    : await engine.read(id);
  return jsonTextReply(200, statusText(view, { nodes: detail === 'nodes' }));
}
