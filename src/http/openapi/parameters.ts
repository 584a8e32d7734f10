import { EXECUTION_STATES } from '../../model/states.js';
import { INSTANT_PATTERN } from '../instant.js';
import type { JsonSchema } from './json-schema.js';

/** A parameter in the query or a header. What reads it goes by the same schema that is published. */
export interface Parameter {
  readonly name: string;
  readonly in: 'query' | 'header';
  readonly description: string;
  readonly schema: JsonSchema;
}

export interface NumberParameter extends Parameter {
  readonly schema: JsonSchema & {
    readonly type: 'number' | 'integer';
    readonly minimum: number;
    readonly maximum: number;
  };
}

export interface ChoiceParameter<T extends string> extends Parameter {
  readonly schema: JsonSchema & { readonly enum: readonly T[] };
}

const MAX_PAGE_SIZE = 1000;
export const DEFAULT_PAGE_SIZE = 100;

export const LIMIT = {
  ...{ name: 'limit', in: 'query', description: 'Entries of a page.' },
  schema: { type: 'integer', minimum: 1, maximum: MAX_PAGE_SIZE, default: DEFAULT_PAGE_SIZE },
} as const satisfies NumberParameter;

export const CURSOR = {
  ...{ name: 'cursor', in: 'query' },
  description: '`next_cursor` of the page before; it holds for the same list and filters only.',
  schema: { type: 'string' },
} as const satisfies Parameter;

export const WAIT = {
  ...{ name: 'wait', in: 'query' },
  description: 'Seconds to wait for the end of the execution before its present state is answered.',
  schema: { type: 'number', minimum: 0, maximum: 60 },
} as const satisfies NumberParameter;

export const DETAIL = {
  ...{
    name: 'detail',
    in: 'query',
    description: '`nodes` adds the params, and attempts, times and errors of each node.',
  },
  schema: { type: 'string', enum: ['nodes'] },
} as const satisfies ChoiceParameter<string>;

export const STATUS = {
  ...{ name: 'status', in: 'query', description: 'Only executions in this state.' },
  schema: { type: 'string', enum: EXECUTION_STATES.map((state) => state.toUpperCase()) },
} as const satisfies ChoiceParameter<string>;

export const NAME = {
  ...{ name: 'name', in: 'query', description: 'Only executions of workflows with this name.' },
  schema: { type: 'string' },
} as const satisfies Parameter;

export const WORKFLOW_ID = {
  ...{ name: 'workflow_id', in: 'query', description: 'Only executions of this workflow.' },
  schema: { type: 'string', format: 'uuid' },
} as const satisfies Parameter;

const instant = (name: string, description: string) =>
  ({ name, in: 'query', description, schema: { type: 'string', pattern: INSTANT_PATTERN } }) as const;

export const CREATED_AFTER = instant('created_after', 'ISO 8601, UTC where it names no offset; exclusive.');
export const CREATED_BEFORE = instant('created_before', 'ISO 8601, UTC where it names no offset; exclusive.');

export const WINDOW = {
  ...{ name: 'window', in: 'query' },
  description: 'Only this window: the last minute, the last five, or since the start of the host.',
  schema: { type: 'string', enum: ['1m', '5m', 'start'] },
} as const satisfies ChoiceParameter<string>;

export const INCLUDE = {
  ...{ name: 'include', in: 'query' },
  description: '`histogram` adds the histogram of each stage, encoded, to be added to those of other hosts.',
  schema: { type: 'string', enum: ['histogram'] },
} as const satisfies ChoiceParameter<string>;

export const FAILED_AFTER = instant('failed_after', 'ISO 8601, UTC where it names no offset; exclusive.');

export const HANDLER = {
  ...{ name: 'handler', in: 'query', description: 'Only nodes of this handler.' },
  schema: { type: 'string' },
} as const satisfies Parameter;

export const ERROR_CODE = {
  ...{ name: 'error_code', in: 'query', description: 'Only nodes that failed with this code.' },
  schema: { type: 'string' },
} as const satisfies Parameter;

export const IDEMPOTENCY_KEY = {
  ...{ name: 'Idempotency-Key', in: 'header' },
  description: 'The same key with the same body answers the first 201 again and runs nothing.',
  schema: { type: 'string', pattern: '^[\\x21-\\x7e]{1,255}$' },
} as const satisfies Parameter;

export const TRACEPARENT = {
  ...{ name: 'traceparent', in: 'header' },
  description:
    'The trace that the executions are to belong to (W3C Trace Context); handlers and the services that they call are told. One that is not valid is ignored.',
  schema: { type: 'string' },
} as const satisfies Parameter;

export const TRACESTATE = {
  ...{ name: 'tracestate', in: 'header', description: 'Goes along with `traceparent`.' },
  schema: { type: 'string' },
} as const satisfies Parameter;

export const LAST_EVENT_ID = {
  ...{ name: 'Last-Event-ID', in: 'header', description: 'The id of the last event that was received.' },
  schema: { type: 'string' },
} as const satisfies Parameter;
