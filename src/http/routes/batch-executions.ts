import type { WorkflowEngine } from '../../engine/workflow-engine.js';
import type { ExecutionId } from '../../model/ids.js';
import type { Problem } from '../../model/problems.js';
import type { HttpReply } from '../http-server.js';
import { readJson } from '../json-body.js';
import { jsonTextReply } from '../reply.js';
import { invalidRequest } from '../request-problem.js';
import type { Call, Route } from '../route.js';
import { statusText } from '../views/execution-view.js';
import { type ItemError, itemErrorText, MAX_BATCH_ITEMS, resultsText } from './batch.js';
import { cancelledText, triggeredText } from './executions.js';
import { executionIdOf } from './identifiers.js';

export interface BatchExecutionOptions {
  readonly engine: WorkflowEngine;
  readonly maxBatchBytes: number;
  readonly itemError: ItemError;
}

/** Answers the JSON text for one id. */
type ItemCall = (id: ExecutionId) => Promise<string>;

export function batchExecutionRoutes({ engine, maxBatchBytes, itemError }: BatchExecutionOptions): Route[] {
  const trigger: ItemCall = async (id) => {
    await engine.trigger(id);
    return triggeredText(id);
  };
  const status: ItemCall = async (id) => statusText(await engine.read(id), { nodes: false });
  const cancel: ItemCall = async (id) => {
    await engine.cancel(id);
    return cancelledText(id);
  };
  const path = '/api/v1/workflow/batch';
  const route = { method: 'POST', maxBodyBytes: maxBatchBytes } as const;
  return [
    {
      ...route,
      pattern: `${path}/trigger`,
      access: 'submit',
      handle: (call) => forEachId(call, trigger, itemError),
    },
    {
      ...route,
      pattern: `${path}/status`,
      access: 'read',
      handle: (call) => forEachId(call, status, itemError),
    },
    {
      ...route,
      pattern: `${path}/cancel`,
      access: 'submit',
      handle: (call) => forEachId(call, cancel, itemError),
    },
  ];
}

/** All items are under way at once, so that the engine sees them in one turn. */
async function forEachId(call: Call, item: ItemCall, itemError: ItemError): Promise<HttpReply> {
  const texts = readIds(readJson(call.request)).map(async (text) => {
    try {
      return await item(executionIdOf(text));
    } catch (error) {
      return itemErrorText(itemError(error, call));
    }
  });
  return jsonTextReply(200, resultsText(await Promise.all(texts)));
}

/** VALIDATION_ERROR where the body is not `{"execution_ids": […]}` with at most MAX_BATCH_ITEMS texts. */
function readIds(body: unknown): readonly string[] {
  const isObject = typeof body === 'object' && body !== null && !Array.isArray(body);
  if (!isObject) throw invalidRequest([{ path: '', type: 'object_type', message: 'must be an object' }]);
  const ids = (body as { readonly execution_ids?: unknown }).execution_ids;
  const path = '/execution_ids';
  if (ids === undefined) throw invalidRequest([{ path, type: 'missing', message: 'is required' }]);
  if (!Array.isArray(ids)) throw invalidRequest([{ path, type: 'array_type', message: 'must be an array' }]);
  if (ids.length > MAX_BATCH_ITEMS) {
    throw invalidRequest([{ path, type: 'too_long', message: `must have at most ${MAX_BATCH_ITEMS} items` }]);
  }
  const problems: Problem[] = ids.flatMap((id, index) =>
    typeof id === 'string'
      ? []
      : [{ path: `${path}/${index}`, type: 'string_type', message: 'must be a string' }],
  );
  if (problems.length > 0) throw invalidRequest(problems);
  return ids;
}
