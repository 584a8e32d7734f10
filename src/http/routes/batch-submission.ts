import type { Submission, WorkflowEngine } from '../../engine/workflow-engine.js';
import { MillraceError } from '../../model/errors.js';
import { isArrayText, splitArray, splitLines } from '../batch-body.js';
import type { HttpReply } from '../http-server.js';
import { parseJson, requireJsonType } from '../json-body.js';
import { submitBatch } from '../openapi/operations/batches.js';
import { MAX_BATCH_ITEMS } from '../openapi/requests.js';
import { rateLimited } from '../rate-limit.js';
import { jsonTextReply } from '../reply.js';
import { invalidRequest } from '../request-problem.js';
import type { Call, Route } from '../route.js';
import type { SubmissionReader } from '../submission-reader.js';
import { type ItemError, itemErrorText, resultsText } from './batch.js';
import { submittedText, toSubmission } from './submissions.js';

export interface BatchSubmissionOptions {
  readonly engine: WorkflowEngine;
  readonly reader: SubmissionReader;
  readonly maxBatchBytes: number;
  readonly itemError: ItemError;
}

const NDJSON = 'application/x-ndjson';

export function batchSubmissionRoute(options: BatchSubmissionOptions): Route {
  return {
    ...submitBatch,
    maxBodyBytes: options.maxBatchBytes,
    handle: (call) => submitItems(call, options),
  };
}

async function submitItems(call: Call, options: BatchSubmissionOptions): Promise<HttpReply> {
  const { items, read } = await splitItems(call, options.reader);
  const trace = call.tracing.trace();
  const granted = await call.spend(Math.max(1, items.length));
  const outcomes = items.map((bytes, index) => {
    try {
      if (index >= granted && call.rate) throw rateLimited(call.rate);
      return toSubmission({ parsed: read(bytes), bytes: [bytes], client: call.client, trace });
    } catch (error) {
      if (error instanceof BrokenBatch) throw error.reason;
      return options.itemError(error, call);
    }
  });
  const submitted = await options.engine.submit(outcomes.filter(isSubmission));
  let next = 0;
  const texts = outcomes.map((outcome) => {
    if (!isSubmission(outcome)) return itemErrorText(outcome);
    const result = submitted[next++];
    if (result === undefined || result instanceof MillraceError)
      return itemErrorText(options.itemError(result, call));
    call.tracing.brought(result.executionId);
    return submittedText(result);
  });
  return jsonTextReply(200, resultsText(texts));
}

interface BatchItems {
  readonly items: readonly Buffer[];
  readonly read: SubmissionReader['read'];
}

/** A body that cannot be taken apart costs as much as one submission. */
async function splitItems(call: Call, reader: SubmissionReader): Promise<BatchItems> {
  try {
    return itemsOf(call, reader);
  } catch (error) {
    await call.spend(1);
    throw error;
  }
}

function itemsOf({ request }: Call, reader: SubmissionReader): BatchItems {
  requireJsonType(request, NDJSON);
  if (!isArrayText(request.body)) {
    return checkCount({ items: splitLines(request.body), read: (bytes) => reader.read(bytes) });
  }
  const items = splitArray(request.body);
  if (!items) throw brokenArray(request.body);
  return checkCount({ items, read: (bytes) => readElement(bytes, request.body, reader) });
}

/** An element that is not JSON makes the whole array none; a line that is not stands for itself alone. */
function readElement(
  bytes: Buffer,
  whole: Buffer,
  reader: SubmissionReader,
): ReturnType<SubmissionReader['read']> {
  try {
    return reader.read(bytes);
  } catch (error) {
    if (error instanceof MillraceError && error.code === 'MALFORMED_JSON')
      throw new BrokenBatch(brokenArray(whole));
    throw error;
  }
}

function checkCount(batch: BatchItems): BatchItems {
  if (batch.items.length <= MAX_BATCH_ITEMS) return batch;
  const message = `has ${batch.items.length} items, at most ${MAX_BATCH_ITEMS} are taken`;
  throw invalidRequest([{ path: '', message }]);
}

/** What JSON.parse says of a text that the splitter, or the parser of one element, could not read. */
function brokenArray(whole: Buffer): MillraceError {
  try {
    parseJson(whole);
  } catch (error) {
    if (error instanceof MillraceError) return error;
  }
  return new MillraceError('MALFORMED_JSON', 'The body is not a JSON array');
}

/** Ends the whole batch, where an error of one item would only be told beside the others. */
class BrokenBatch extends Error {
  readonly reason: MillraceError;

  constructor(reason: MillraceError) {
    super(reason.message);
    this.reason = reason;
  }
}

function isSubmission(outcome: Submission | MillraceError): outcome is Submission {
  return !(outcome instanceof MillraceError);
}
