import type { WorkflowEngine } from '../../engine/workflow-engine.js';
import { parseExecutionId } from '../../model/ids.js';
import { EXECUTION_STATES } from '../../model/states.js';
import type { ExecutionPage } from '../../store/history-store.js';
import { encodeCursor } from '../cursor.js';
import type { HttpReply } from '../http-server.js';
import { listExecutions } from '../openapi/operations/executions.js';
import { readDefinition } from '../openapi/operations/service.js';
import { CREATED_AFTER, CREATED_BEFORE, NAME, STATUS } from '../openapi/parameters.js';
import { present, readCursor, readPageSize, readWorkflowId } from '../page-query.js';
import { QueryReader } from '../query-reader.js';
import { jsonReply } from '../reply.js';
import type { Call, Route } from '../route.js';
import { summaryView } from '../views/execution-view.js';
import { workflowIdOf } from './identifiers.js';

const LIST = 'executions';

export function listRoutes(engine: WorkflowEngine): Route[] {
  return [
    {
      ...listExecutions,
      handle: (call) => listPage(call, engine),
    },
    {
      ...readDefinition,
      async handle(call) {
        return jsonReply(200, (await engine.plan(workflowIdOf(call.params[0]))).definition);
      },
    },
  ];
}

async function listPage({ request }: Call, engine: WorkflowEngine): Promise<HttpReply> {
  const query = new QueryReader(request.query);
  const status = query.choice(STATUS);
  const filters = {
    state: EXECUTION_STATES.find((state) => state.toUpperCase() === status),
    name: query.text(NAME),
    workflowId: readWorkflowId(query),
    createdAfter: query.instant(CREATED_AFTER),
    createdBefore: query.instant(CREATED_BEFORE),
  };
  const limit = readPageSize(query);
  const before = readCursor(query, { name: LIST, filters, parse: parseExecutionId });
  query.finish();
  const page = await engine.list({ ...present({ ...filters, before }), limit });
  const next = nextPageAfter(page);
  return jsonReply(200, {
    executions: page.executions.map(summaryView),
    next_cursor: next === undefined ? null : encodeCursor(LIST, filters, next),
  });
}

/** The last row; where a page has none, the store says how far it has looked. */
function nextPageAfter({ executions, next }: ExecutionPage): string | undefined {
  return next === undefined ? undefined : (executions.at(-1)?.executionId ?? next);
}
