import type { WorkflowEngine } from '../../engine/workflow-engine.js';
import { MillraceError } from '../../model/errors.js';
import { parseWorkflowId, type WorkflowId } from '../../model/ids.js';
import type { Problem } from '../../model/problems.js';
import type { DeadLetterQuery } from '../../store/state-store.js';
import { present } from '../page-query.js';
import { parseInstant } from '../query-reader.js';
import { invalidRequest } from '../request-problem.js';

/** Which dead letters are meant; all of them where nothing is named. */
export type BulkFilter = Omit<DeadLetterQuery, 'limit' | 'before'>;

const PAGE_SIZE = 500;
/** Executions that are redriven at once, so that the engine can put them into one call of the store. */
const REDRIVES_AT_ONCE = 200;

const FILTERS: ReadonlySet<string> = new Set(['handler', 'error_code', 'workflow_id', 'failed_after']);

/** RFC 6901. */
function pointerTo(name: string): string {
  return `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
}

/** VALIDATION_ERROR. undefined: no body, which names nothing. */
export function parseBulkFilter(body: unknown): BulkFilter {
  if (body === undefined) return {};
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw invalidRequest([{ path: '', type: 'object_type', message: 'must be an object' }]);
  }
  const fields = body as Readonly<Record<string, unknown>>;
  // A misspelt filter would leave nothing out, and so redrive everything.
  const problems: Problem[] = Object.keys(fields)
    .filter((name) => !FILTERS.has(name))
    .map((name) => ({
      path: pointerTo(name),
      type: 'extra_forbidden',
      message: `must be one of ${[...FILTERS].join(', ')}`,
    }));
  const text = (name: string): string | undefined => {
    const value = fields[name];
    if (value === undefined || value === null) return undefined;
    if (typeof value === 'string' && value !== '') return value;
    problems.push({ path: `/${name}`, type: 'string_type', message: 'must be a text that is not empty' });
    return undefined;
  };
  const converted = <T>(name: string, convert: (value: string) => T | undefined, expected: string) => {
    const value = text(name);
    const result = value === undefined ? undefined : convert(value);
    if (value !== undefined && result === undefined)
      problems.push({ path: `/${name}`, message: `must be ${expected}` });
    return result;
  };
  const filter = {
    handler: text('handler'),
    errorCode: text('error_code'),
    workflowId: converted<WorkflowId>('workflow_id', parseWorkflowId, 'a UUID'),
    failedAfter: converted('failed_after', parseInstant, 'a time in ISO 8601, as 2026-01-31T09:30:00Z'),
  };
  if (problems.length > 0) throw invalidRequest(problems);
  return present(filter);
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
