import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import type { NodeDefinition, RetryDefinition } from './definition.js';
import {
  nodeSchema,
  redriveSchema,
  rerunSchema,
  submissionSchema,
  triggerSchema,
} from './definition-schema.js';
import { findJsonFault, pointerKeys, pointerToken, quoted } from './json-value.js';
import { type Problem, ProblemList } from './problems.js';

/** A JSON null in an optional field means what its absence means. */
type Nullable<T> = { [K in keyof T]: undefined extends T[K] ? T[K] | null : T[K] };

/** A node and a submission whose shape is right; nothing else of them is checked. */
export type RetryBody = Nullable<RetryDefinition>;
export type NodeBody = Nullable<Omit<NodeDefinition, 'config' | 'retry'>> & {
  readonly config?: Record<string, unknown>;
  readonly retry?: RetryBody | null;
};
export interface SubmissionBody {
  readonly name: string;
  readonly timeout_seconds?: number | null;
  readonly dag: { readonly nodes: readonly NodeBody[] };
  readonly trigger?: boolean | null;
  readonly params?: Record<string, unknown> | null;
  readonly idempotency_key?: string | null;
  readonly callback_url?: string | null;
}
export interface RerunBody {
  readonly params?: Record<string, unknown> | null;
  readonly trigger?: boolean | null;
  readonly callback_url?: string | null;
}
export type TriggerBody = Pick<RerunBody, 'params'>;
export interface RedriveBody {
  readonly config?: Record<string, unknown> | null;
}

/** Each method throws VALIDATION_ERROR with every problem, or answers the body itself. */
export interface BodyShapes {
  submission(body: unknown): SubmissionBody;
  rerun(body: unknown): RerunBody;
  trigger(body: unknown): TriggerBody;
  redrive(body: unknown): RedriveBody;
}

/** A validator that stops at the first error, and one that lists them all. */
interface Validators {
  readonly first: ValidateFunction;
  readonly all: ValidateFunction;
}

/** Lists longer than this are searched for their first error only: each error is an object. */
const MAX_EXHAUSTIVE_ITEMS = 1000;

/** Compiles the schemas; takes some milliseconds. */
export function createBodyShapes(): BodyShapes {
  const compile = schemaCompiler();
  const { nodes: _, ...dagProperties } = submissionSchema.properties.dag.properties;
  // The nodes are checked one by one, so that the errors of a large broken DAG need never be held all at once.
  const envelope = compile({
    ...submissionSchema,
    properties: {
      ...submissionSchema.properties,
      dag: { ...submissionSchema.properties.dag, properties: { ...dagProperties, nodes: { type: 'array' } } },
    },
  });
  const node = compile(nodeSchema);
  const [rerun, trigger, redrive] = [compile(rerunSchema), compile(triggerSchema), compile(redriveSchema)];
  return {
    submission(body) {
      const problems = new ProblemList();
      checkShape(envelope, body, '', problems);
      for (const [index, item] of nodesOf(body).entries()) checkNode(node, item, index, problems);
      checkJsonField(body, 'params', '', problems);
      throwShapeProblems(problems, body);
      return body as SubmissionBody;
    },
    rerun: (body) => checkSmallBody(rerun, body, 'params') as RerunBody,
    trigger: (body) => checkSmallBody(trigger, body, 'params') as TriggerBody,
    redrive: (body) => checkSmallBody(redrive, body, 'config') as RedriveBody,
  };
}

/** Checks small bodies: throws VALIDATION_ERROR with every problem. Takes some milliseconds to make. */
export function createShapeCheck(schema: object): (body: unknown) => void {
  const validators = schemaCompiler()(schema);
  return (body) => {
    const problems = new ProblemList();
    checkShape(validators, body, '', problems);
    throwShapeProblems(problems, body);
  };
}

/** The nodes of a body of which nothing is known yet; empty where it has none. */
export function nodesOf(body: unknown): readonly unknown[] {
  const nodes = fieldOf(fieldOf(body, 'dag'), 'nodes');
  return Array.isArray(nodes) ? nodes : [];
}

function schemaCompiler(): (schema: object) => Validators {
  const options = { strict: true, allowUnionTypes: true, addUsedSchema: false };
  const first = new Ajv2020(options);
  const all = new Ajv2020({ ...options, allErrors: true });
  addFormats.default(first, ['uri']);
  addFormats.default(all, ['uri']);
  return (schema) => ({ first: first.compile(schema), all: all.compile(schema) });
}

function checkSmallBody(validators: Validators, body: unknown, jsonField: string): unknown {
  const problems = new ProblemList();
  checkShape(validators, body, '', problems);
  checkJsonField(body, jsonField, '', problems);
  throwShapeProblems(problems, body);
  return body;
}

function checkNode(validators: Validators, node: unknown, index: number, problems: ProblemList): void {
  const path = `/dag/nodes/${index}`;
  checkShape(validators, node, path, problems);
  checkJsonField(node, 'config', path, problems);
}

function checkShape(validators: Validators, value: unknown, path: string, problems: ProblemList): void {
  if (validators.first(value)) return;
  const isLong =
    listLength(value, 'dependencies') +
      listLength(fieldOf(value, 'retry'), 'non_retryable') +
      listLength(value, 'execution_ids') >
    MAX_EXHAUSTIVE_ITEMS;
  const failed = problems.isFull || isLong ? validators.first : validators.all;
  failed(value);
  for (const error of failed.errors ?? []) problems.add(() => describeShapeError(error, path));
}

function checkJsonField(holder: unknown, field: string, path: string, problems: ProblemList): void {
  const fault = findJsonFault(fieldOf(holder, field));
  if (fault === undefined) return;
  problems.add(() => ({
    path: `${path}/${field}${fault.path}`,
    message: fault.message,
    type: 'value_error',
  }));
}

function fieldOf(value: unknown, field: string): unknown {
  const isRecord = typeof value === 'object' && value !== null && Object.hasOwn(value, field);
  return isRecord ? (value as Record<string, unknown>)[field] : undefined;
}

function listLength(value: unknown, field: string): number {
  const list = fieldOf(value, field);
  return Array.isArray(list) ? list.length : 0;
}

/** Words for the kinds of fault, by the keyword of the schema. */
const FAULT_TYPES: ReadonlyMap<string, string> = new Map([
  ['minLength', 'string_too_short'],
  ['maxLength', 'string_too_long'],
  ['pattern', 'string_pattern_mismatch'],
  ['minimum', 'greater_than_equal'],
  ['exclusiveMinimum', 'greater_than'],
  ['maximum', 'less_than_equal'],
  ['maxItems', 'too_long'],
  ['format', 'url_parsing'],
]);

function describeShapeError(error: ErrorObject, path: string): Problem {
  const at = path + error.instancePath;
  if (error.keyword === 'required') {
    const missing = pointerToken(String(error.params.missingProperty));
    return { path: `${at}/${missing}`, message: 'is required', type: 'missing' };
  }
  if (error.keyword === 'type') {
    const types = [error.params.type].flat().filter((name) => name !== 'null');
    return { path: at, message: `must be of type ${types.join(' or ')}`, type: `${types[0]}_type` };
  }
  if (error.keyword === 'additionalProperties') {
    const extra = pointerToken(String(error.params.additionalProperty));
    return { path: `${at}/${extra}`, message: 'is not known here', type: 'extra_forbidden' };
  }
  const message = error.keyword === 'minLength' ? 'must not be empty' : (error.message ?? 'is wrong');
  return { path: at, message, type: FAULT_TYPES.get(error.keyword) ?? 'value_error' };
}

function throwShapeProblems(problems: ProblemList, body: unknown): void {
  problems.throwIfAny('VALIDATION_ERROR', ({ path, message }) => {
    if (path === '') return `The body ${message}`;
    const [dag, nodes, index] = pointerKeys(path);
    const id = dag === 'dag' && nodes === 'nodes' ? fieldOf(nodesOf(body)[Number(index)], 'id') : undefined;
    return `${path}${typeof id === 'string' ? ` (node ${quoted(id)})` : ''} ${message}`;
  });
}
