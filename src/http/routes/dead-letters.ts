import type { WorkflowEngine } from '../../engine/workflow-engine.js';
import type { SubmissionParser } from '../../model/parse-submission.js';
import { encodeCursor } from '../cursor.js';
import type { HttpReply } from '../http-server.js';
import { readOptionalJson } from '../json-body.js';
import {
  deleteDeadLetter,
  listDeadLetters,
  retryDeadLetter,
  retryDeadLetters,
} from '../openapi/operations/dead-letters.js';
import { ERROR_CODE, FAILED_AFTER, HANDLER } from '../openapi/parameters.js';
import { present, readCursor, readPageSize, readWorkflowId } from '../page-query.js';
import { QueryReader } from '../query-reader.js';
import { jsonReply } from '../reply.js';
import type { Call, Route } from '../route.js';
import { deadLetterView, taskIdOf } from '../views/dead-letter-view.js';
import { parseBulkFilter, redriveInBulk } from './bulk-redrive.js';

const LIST = 'dlq';

export interface DeadLetterRoutesOptions {
  readonly engine: WorkflowEngine;
  readonly parser: SubmissionParser;
}

export function deadLetterRoutes({ engine, parser }: DeadLetterRoutesOptions): Route[] {
  return [
    { ...listDeadLetters, handle: (call) => listDead(call, engine) },
    {
      ...retryDeadLetters,
      async handle(call) {
        const filter = parseBulkFilter(readOptionalJson(call.request));
        return jsonReply(200, { retried: await redriveInBulk(engine, filter) });
      },
    },
    {
      ...retryDeadLetter,
      async handle(call) {
        const { config } = parser.parseRedrive(readOptionalJson(call.request));
        const entry = await engine.redrive(call.params[0] ?? '', config);
        return jsonReply(200, {
          status: 'success',
          message: 'Task re-submitted to queue',
          task_id: taskIdOf(entry),
        });
      },
    },
    {
      ...deleteDeadLetter,
      async handle(call) {
        const id = call.params[0] ?? '';
        await engine.deleteDead(id);
        return jsonReply(200, { status: 'success', message: `DLQ entry ${id} deleted` });
      },
    },
  ];
}

/** One entry more than a page is asked for: whether there is it tells whether another page follows. */
async function listDead({ request }: Call, engine: WorkflowEngine): Promise<HttpReply> {
  const query = new QueryReader(request.query);
  const filters = {
    handler: query.text(HANDLER),
    errorCode: query.text(ERROR_CODE),
    workflowId: readWorkflowId(query),
    failedAfter: query.instant(FAILED_AFTER),
  };
  const limit = readPageSize(query);
  const before = readCursor(query, { name: LIST, filters, parse: (text) => text });
  query.finish();
  const found = await engine.listDead({ ...present({ ...filters, before }), limit: limit + 1 });
  const entries = found.slice(0, limit);
  const last = found.length > limit ? entries.at(-1) : undefined;
  return jsonReply(200, {
    entries: entries.map(deadLetterView),
    count: entries.length,
    next_cursor: last === undefined ? null : encodeCursor(LIST, filters, last.id),
  });
}
