import type { WorkflowEngine } from '../../engine/workflow-engine.js';
import { createShapeCheck } from '../../model/body-shape.js';
import { MillraceError } from '../../model/errors.js';
import { parseWorkflowId } from '../../model/ids.js';
import type { DeadLetterQuery } from '../../store/state-store.js';
import { parseInstant } from '../instant.js';
import { bulkFilterSchema } from '../openapi/requests.js';
import { present } from '../page-query.js';

import { invalidRequest } from '../request-problem.js';

/** Which dead letters are meant; all of them where nothing is named. */
export type BulkFilter = Omit<DeadLetterQuery, 'limit' | 'before'>;

type BulkFilterBody = {
  readonly [K in keyof typeof bulkFilterSchema.properties]?: string | null;
};

const PAGE_SIZE = 500;
/** Executions that are redriven at once, so that the engine can put them into one call of the store. */
const REDRIVES_AT_ONCE = 200;

const checkFilter = createShapeCheck(bulkFilterSchema);

/** VALIDATION_ERROR. undefined: no body, which names nothing. */
export function parseBulkFilter(body: unknown): BulkFilter {
  if (body === undefined) return {};
  checkFilter(body);
  const { handler, error_code, workflow_id, failed_after } = body as BulkFilterBody;
  const failedAfter = parseInstant(failed_after ?? '');
  if (failed_after && failedAfter === undefined)
    throw invalidRequest([{ path: '/failed_after', message: 'is not a time that there is' }]);
  return present({
    handler: handler ?? undefined,
    errorCode: error_code ?? undefined,
    workflowId: parseWorkflowId(workflow_id ?? ''),
    failedAfter,
  });
}

/**
 * Redrives every execution that has a matching dead letter, and answers how many such letters they had. All are looked
 * up before the first is redriven: a node that dies again meanwhile is not tried twice.
 */
export async function redriveInBulk(engine: WorkflowEngine, filter: BulkFilter): Promise<number> {
  const targets = [...(await collectTargets(engine, filter)).values()];
  let retried = 0;
  for (let start = 0; start < targets.length; start += REDRIVES_AT_ONCE) {
    const some = targets.slice(start, start + REDRIVES_AT_ONCE);
    const counts = await Promise.all(some.map((target) => redriveOne(engine, target)));
    for (const count of counts) retried += count;
  }
  return retried;
}

interface RedriveTarget {
  readonly deadLetterId: string;
  /** Matching dead letters of its execution: redriving one revives them all. */
  letters: number;
}

async function collectTargets(
  engine: WorkflowEngine,
  filter: BulkFilter,
): Promise<Map<string, RedriveTarget>> {
  const targets = new Map<string, RedriveTarget>();
  let before: string | undefined;
  for (;;) {
    const page = await engine.listDead({ ...filter, ...present({ before }), limit: PAGE_SIZE });
    for (const { id, executionId } of page) {
      const known = targets.get(executionId);
      if (known) known.letters += 1;
      else targets.set(executionId, { deadLetterId: id, letters: 1 });
    }
    before = page.at(-1)?.id;
    if (page.length < PAGE_SIZE) return targets;
  }
}

/** Somebody else may have redriven or deleted it since it was looked up: then it counts as none. */
async function redriveOne(engine: WorkflowEngine, target: RedriveTarget): Promise<number> {
  try {
    await engine.redrive(target.deadLetterId);
    return target.letters;
  } catch (error) {
    if (error instanceof MillraceError && (error.status === 404 || error.status === 409)) return 0;
    throw error;
  }
}
