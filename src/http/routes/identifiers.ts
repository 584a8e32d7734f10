import { MillraceError } from '../../model/errors.js';
import { type ExecutionId, parseExecutionId, parseWorkflowId, type WorkflowId } from '../../model/ids.js';
import { IDEMPOTENCY_KEY } from '../openapi/parameters.js';
import { invalidRequest, requestProblem } from '../request-problem.js';

/** EXECUTION_NOT_FOUND also for a text that is no id at all: there is no such execution. */
export function executionIdOf(text: string | undefined): ExecutionId {
  const id = parseExecutionId(text ?? '');
  if (id) return id;
  throw new MillraceError('EXECUTION_NOT_FOUND', `Execution ${shown(text)} not found`, {
    context: { execution_id: shown(text) },
  });
}

/** WORKFLOW_NOT_FOUND also for a text that is no id at all. */
export function workflowIdOf(text: string | undefined): WorkflowId {
  const id = parseWorkflowId(text ?? '');
  if (id) return id;
  throw new MillraceError('WORKFLOW_NOT_FOUND', `Workflow ${shown(text)} not found`, {
    context: { workflow_id: shown(text) },
  });
}

const IDEMPOTENCY_KEY_PATTERN = new RegExp(IDEMPOTENCY_KEY.schema.pattern);

/** The Idempotency-Key header; VALIDATION_ERROR where it is not 1 to 255 visible ASCII characters. */
export function checkedIdempotencyKey(key: string | undefined): string | undefined {
  if (key === undefined || IDEMPOTENCY_KEY_PATTERN.test(key)) return key;
  throw invalidRequest([
    requestProblem('header', 'Idempotency-Key', 'must be 1 to 255 visible ASCII characters'),
  ]);
}

const MAX_SHOWN_CHARACTERS = 128;

/** A client's own text as an answer repeats it: cut where it is long. */
export function shown(text = ''): string {
  return text.length > MAX_SHOWN_CHARACTERS ? `${text.slice(0, MAX_SHOWN_CHARACTERS)}…` : text;
}
