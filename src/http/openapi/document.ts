import { ERRORS, type ErrorCode } from '../../model/errors.js';
import { ANSWER_SCHEMAS, error, rateLimitError, validationError } from './answers.js';
import type { JsonSchema } from './json-schema.js';
import { type Answer, errorsOf, type Operation, type Tag } from './operation.js';
import { definition } from './operations/service.js';
import type { Parameter } from './parameters.js';
import { REQUEST_SCHEMAS } from './requests.js';

const TAGS: Readonly<Record<Tag, string>> = {
  Executions: 'Submit, start, follow and cancel single executions.',
  Batches: 'The same for up to 1,000 at once.',
  Definitions: 'What was submitted.',
  'Dead letters': 'Nodes whose attempts are exhausted.',
  Circuits: 'Services that are called no more, because they fail.',
  Service: 'For orchestrators, monitoring and people who watch.',
};

const DESCRIPTION = `Every path that answers GET answers HEAD. Every answer carries \`X-Request-Id\`: the client's, or a new one. Fields may be added in later
versions, never renamed; fields that are not known are ignored. A path that does not exist answers 404 NOT_FOUND, one that does not take the method 405 METHOD_NOT_ALLOWED with \`Allow\`.
What is no HTTP request has a bare 400 or 505, a head that is too long 431, a body that does not arrive in time 408.`;

const SCHEMAS: Readonly<Record<string, JsonSchema>> = {
  ...REQUEST_SCHEMAS,
  Definition: definition,
  ...ANSWER_SCHEMAS,
};

/**
 * The OpenAPI 3.1 document of these operations. Schemas are the objects that validate requests; wherever one of those with a
 * name stands, the document refers to it.
 */
export function openApiDocument(operations: readonly Operation[], version: string): JsonSchema {
  const names = new Map(Object.entries(SCHEMAS).map(([name, schema]) => [schema as object, name]));
  const paths: Record<string, Record<string, unknown>> = {};
  for (const operation of operations) {
    const path = paths[operation.pattern] ?? {};
    path[operation.method.toLowerCase()] = operationObject(operation);
    paths[operation.pattern] = path;
  }
  const schemas = Object.fromEntries(
    Object.entries(SCHEMAS).map(([name, schema]) => [name, referring(schema, names, schema)]),
  );
  return {
    openapi: '3.1.0',
    info: {
      ...{ title: 'Millrace', version, summary: 'A workflow engine', description: DESCRIPTION },
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/' }],
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
    paths: referring(paths, names),
    components: { schemas, headers: HEADERS, securitySchemes: SECURITY_SCHEMES },
  };
}

/** A copy in which named schemas are references; `root` itself is not. */
function referring(value: unknown, names: ReadonlyMap<object, string>, root?: object): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const name = value === root ? undefined : names.get(value);
  if (name !== undefined) return { $ref: `#/components/schemas/${name}` };
  if (Array.isArray(value)) return value.map((item) => referring(item, names));
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, referring(field, names)]));
}

const SECURITY_SCHEMES = {
  bearer: { type: 'http', scheme: 'bearer', description: 'A key of API_KEYS.' },
  apiKey: { type: 'apiKey', in: 'header', name: 'X-API-Key', description: 'A key of API_KEYS.' },
};

const HEADERS = {
  RequestId: { description: 'Names this request in the log.', schema: { type: 'string' } },
  RateLimitLimit: {
    description: 'Submissions that the client may make a minute.',
    schema: { type: 'integer' },
  },
  RateLimitRemaining: { description: 'How many of them are left.', schema: { type: 'integer' } },
  RetryAfter: { description: 'Seconds after which to try again.', schema: { type: 'integer' } },
};

function operationObject(operation: Operation): JsonSchema {
  const { id, tag, summary, description, access, parameters = [], pattern } = operation;
  const all = [...pathParameters(pattern), ...parameters.map(parameterObject)];
  return {
    ...{ operationId: id, tags: [tag], summary, ...(description && { description }) },
    // The empty one: without API_KEYS no key is asked for.
    security: access === 'open' ? [] : [{}, { bearer: [] }, { apiKey: [] }],
    ...(access !== 'open' && { 'x-scope': access }),
    ...(all.length > 0 && { parameters: all }),
    ...(operation.body && { requestBody: bodyObject(operation.body) }),
    responses: responsesOf(operation),
    ...(operation.callbackSchema && { callbacks: callbacksObject(operation.callbackSchema) }),
  };
}

function bodyObject({ schema, isRequired, examples, also }: NonNullable<Operation['body']>): JsonSchema {
  const named = Object.entries(examples).map(([name, value]) => [name, { value }]);
  return {
    required: isRequired,
    content: {
      'application/json': { schema, examples: Object.fromEntries(named) },
      ...(also && {
        [also]: { schema: { type: 'string', description: 'One item a line, as JSON.' } },
      }),
    },
  };
}

const CALLBACK_HEADERS = {
  'X-Millrace-Signature': 't=SECONDS,v1=HEX: the HMAC-SHA256 of `SECONDS.BODY` by CALLBACK_SECRET.',
  'X-Millrace-Delivery': 'Names the end that is told; the same for all attempts.',
  'X-Millrace-Attempt': 'From 1.',
};

function callbacksObject(schema: JsonSchema): JsonSchema {
  const headers = Object.entries(CALLBACK_HEADERS).map(([name, description]) => ({
    ...{ name, in: 'header', required: true, description },
    schema: { type: 'string' },
  }));
  const answers = {
    '2XX': { description: 'Taken; no further attempt is made.' },
    410: { description: 'Not wanted; no further attempt is made.' },
    default: { description: 'Not taken; tried again later, `Retry-After` is obeyed.' },
  };
  const post = {
    summary: 'Told the end of the execution',
    parameters: headers,
    requestBody: { required: true, content: { 'application/json': { schema } } },
    responses: answers,
  };
  return { ended: { '{$request.body#/callback_url}': { post } } };
}

function pathParameters(pattern: string): readonly JsonSchema[] {
  return [...pattern.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => ({
    ...{ name, in: 'path', required: true },
    schema: { type: 'string', ...(name.endsWith('_id') && { format: 'uuid' }) },
  }));
}

function parameterObject({ name, in: place, description, schema }: Parameter): JsonSchema {
  return { name, in: place, description, schema };
}

function responsesOf(operation: Operation): JsonSchema {
  const limited = operation.cost !== undefined;
  const responses: Record<string, unknown> = {};
  for (const [status, answer] of Object.entries(operation.answers)) {
    responses[status] = answerObject(answer, headersOf(Number(status), limited));
  }
  for (const [status, codes] of [...groupByStatus(errorsOf(operation))].sort(([a], [b]) => a - b)) {
    const description = codes.map((code) => `\`${code}\`: ${ERRORS[code].meaning}`).join('\n\n');
    responses[status] ??= answerObject(
      { description, schema: errorSchema(status) },
      headersOf(status, limited),
    );
  }
  return responses;
}

function groupByStatus(codes: readonly ErrorCode[]): Map<number, ErrorCode[]> {
  const groups = new Map<number, ErrorCode[]>();
  for (const code of codes) {
    const { status } = ERRORS[code];
    groups.set(status, [...(groups.get(status) ?? []), code]);
  }
  return groups;
}

function errorSchema(status: number): JsonSchema {
  if (status === 422) return validationError;
  return status === 429 ? rateLimitError : error;
}

function answerObject(
  { description, schema, type = 'application/json' }: Answer,
  headers: JsonSchema,
): JsonSchema {
  return { description, headers, ...(schema && { content: { [type]: { schema } } }) };
}

function headersOf(status: number, isLimited: boolean): JsonSchema {
  const to = (name: string) => ({ $ref: `#/components/headers/${name}` });
  return {
    'X-Request-Id': to('RequestId'),
    ...(isLimited && { 'X-RateLimit-Limit': to('RateLimitLimit') }),
    ...(isLimited && { 'X-RateLimit-Remaining': to('RateLimitRemaining') }),
    ...((status === 429 || status === 503) && { 'Retry-After': to('RetryAfter') }),
  };
}
