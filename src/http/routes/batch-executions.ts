import type { WorkflowEngine } from '../../engine/workflow-engine.js';
import { createShapeCheck } from '../../model/body-shape.js';
import type { ExecutionId } from '../../model/ids.js';
import type { HttpReply } from '../http-server.js';
import { readJson } from '../json-body.js';
import type { Operation } from '../openapi/operation.js';
import { cancelBatch, readBatch, triggerBatch } from '../openapi/operations/batches.js';
import { executionIdsSchema } from '../openapi/requests.js';
import { jsonTextReply } from '../reply.js';
import type { Call, Route } from '../route.js';
import { tracedTrigger } from '../trace-headers.js';
import { statusText } from '../views/execution-view.js';
import { type ItemError, itemErrorText, resultsText } from './batch.js';
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
  const status: ItemCall = async (id) => statusText(await engine.read(id), { nodes: false });
  const cancel: ItemCall = async (id) => {
    await engine.cancel(id);
    return cancelledText(id);
  };
  const trigger = (call: Call): ItemCall => {
    const trace = call.tracing.trace();
    return async (id) => {
      await engine.trigger(id, tracedTrigger(undefined, trace));
      call.tracing.brought(id);
      return triggeredText(id);
    };
  };
  const route = (operation: Operation, item: (call: Call) => ItemCall): Route => ({
    ...operation,
    maxBodyBytes: maxBatchBytes,
    handle: (call) => forEachId(call, item(call), itemError),
  });
  return [route(triggerBatch, trigger), route(readBatch, () => status), route(cancelBatch, () => cancel)];
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

const checkIds = createShapeCheck(executionIdsSchema);

/** VALIDATION_ERROR where the body is not `{"execution_ids": […]}` with at most MAX_BATCH_ITEMS texts. */
function readIds(body: unknown): readonly string[] {
  checkIds(body);
  return (body as { readonly execution_ids: readonly string[] }).execution_ids;
}
