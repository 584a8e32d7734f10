import assert from 'node:assert/strict';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import type { ArbitrarySchema } from './schema-arbitrary.js';

interface Content {
  readonly schema: ArbitrarySchema;
  readonly examples?: Readonly<Record<string, { readonly value: unknown }>>;
}

interface Response {
  readonly headers: Readonly<Record<string, unknown>>;
  readonly content?: Readonly<Record<string, Content>>;
}

export interface PublishedOperation {
  readonly operationId: string;
  readonly parameters?: readonly {
    readonly name: string;
    readonly in: 'path' | 'query' | 'header';
    readonly schema: ArbitrarySchema;
  }[];
  readonly requestBody?: { readonly required: boolean; readonly content: Readonly<Record<string, Content>> };
  readonly responses: Readonly<Record<string, Response>>;
}

export interface OpenApiDocument {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, PublishedOperation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, ArbitrarySchema>> };
}

/** What of an answer is checked. */
export interface CheckedReply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** Schemas that requests share; the others are read as complete: a field that they do not name is a fault. */
const OPEN_SCHEMAS = /^(Submission|Node|RetryPolicy|Batch|.*Body|BulkFilter|ExecutionIds|Definition)$/;

/** An OpenAPI document as the promise of a server: finds the operations, and holds answers against them. */
export class PublishedContract {
  readonly document: OpenApiDocument;
  readonly #ajv = new Ajv2020({ strict: false, allErrors: true });
  readonly #validators = new Map<string, ValidateFunction>();

  constructor(document: OpenApiDocument) {
    this.document = document;
    addFormats.default(this.#ajv, ['date-time', 'uuid', 'uri']);
    this.#ajv.addSchema(closed(document), 'contract');
  }

  operations(): readonly {
    readonly method: string;
    readonly path: string;
    readonly operation: PublishedOperation;
  }[] {
    return Object.entries(this.document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({
        ...{ method: method.toUpperCase(), path, operation },
      })),
    );
  }

  resolve(reference: string): ArbitrarySchema {
    const schema = this.document.components.schemas[reference.slice('#/components/schemas/'.length)];
    assert.ok(schema, reference);
    return schema;
  }

  /** Asserts that the document promises this answer: status, content type, shape and headers. */
  check(method: string, path: string, reply: CheckedReply): void {
    const operation = this.document.paths[path]?.[method.toLowerCase()];
    const what = `${method} ${path} ${reply.status}: ${reply.text.slice(0, 1000)}`;
    const response = operation?.responses[reply.status];
    assert.ok(response, `not in the document: ${what}`);
    for (const header of Object.keys(response.headers)) {
      if (header === 'Retry-After' && reply.status === 503) continue;
      assert.ok(reply.headers.has(header), `no ${header}: ${what}`);
    }
    const type = reply.headers.get('content-type')?.split(';')[0] ?? '';
    if (!response.content) {
      assert.equal(reply.text, '', what);
      return;
    }
    assert.ok(response.content[type] ?? response.content['*/*'], `content type ${type}: ${what}`);
    if (type !== 'application/json') return;
    const validate = this.#validator(path, method, reply.status);
    assert.ok(validate(JSON.parse(reply.text)), `${this.#ajv.errorsText(validate.errors)}: ${what}`);
  }

  #validator(path: string, method: string, status: number): ValidateFunction {
    const steps = [
      'paths',
      path,
      method.toLowerCase(),
      'responses',
      status,
      'content',
      'application/json',
      'schema',
    ];
    const pointer = steps.map((step) =>
      encodeURIComponent(String(step).replaceAll('~', '~0').replaceAll('/', '~1')),
    );
    const reference = `contract#/${pointer.join('/')}`;
    const known = this.#validators.get(reference);
    if (known) return known;
    const validate = this.#ajv.compile({ $ref: reference });
    this.#validators.set(reference, validate);
    return validate;
  }
}

function closed(document: OpenApiDocument): object {
  const copy = structuredClone(document) as unknown as Record<string, unknown> & OpenApiDocument;
  for (const [name, schema] of Object.entries(copy.components.schemas)) {
    if (!OPEN_SCHEMAS.test(name)) close(schema);
  }
  for (const methods of Object.values(copy.paths)) {
    for (const { responses } of Object.values(methods)) close(responses);
  }
  return copy;
}

function close(value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  const schema = value as Record<string, unknown>;
  if (schema.type === 'object' && schema.properties) schema.additionalProperties ??= false;
  for (const part of Object.values(schema)) close(part);
}
