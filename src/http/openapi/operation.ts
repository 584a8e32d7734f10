import type { ErrorCode } from '../../model/errors.js';
import type { Scope } from '../access.js';
import type { RoutePattern } from '../router.js';
import type { JsonSchema } from './json-schema.js';
import type { Parameter } from './parameters.js';

export type Tag = 'Executions' | 'Batches' | 'Definitions' | 'Dead letters' | 'Circuits' | 'Service';

/** One path and method as clients see it. The routes are made of these, so what is documented is what is served. */
export interface Operation extends RoutePattern {
  /** Unique; generated clients name their methods after it. */
  readonly id: string;
  readonly tag: Tag;
  readonly summary: string;
  readonly description?: string;
  /** Who may call it; `open`: anyone, without a key. */
  readonly access: Scope | 'open';
  /** Whether calls count against the rate limit: one, or as many items as the call has. */
  readonly cost?: 'one' | 'each_item';
  /** In query and headers; those in the path follow from the pattern. */
  readonly parameters?: readonly Parameter[];
  readonly body?: RequestBody;
  /** Of what the body's `callback_url` is told. */
  readonly callbackSchema?: JsonSchema;
  /** By status. */
  readonly answers: Readonly<Record<number, Answer>>;
  /** Those of its own; what every call of its kind may meet is added to them (`errorsOf`). */
  readonly errors?: readonly ErrorCode[];
}

export interface RequestBody {
  readonly schema: JsonSchema;
  readonly isRequired: boolean;
  /** By name; each is accepted as it stands. */
  readonly examples: Readonly<Record<string, unknown>>;
  /** Another content type that is taken, as text. */
  readonly also?: string;
}

export interface Answer {
  readonly description: string;
  /** Absent: no body. */
  readonly schema?: JsonSchema;
  /** `application/json` unless told. */
  readonly type?: string;
}

/** Every error code that a call may answer with, its own and those of its kind. */
export function errorsOf(operation: Operation): readonly ErrorCode[] {
  const codes = new Set<ErrorCode>(operation.errors ?? []);
  // Also of a body where none is wanted.
  codes.add('PAYLOAD_TOO_LARGE');
  if (operation.access !== 'open') codes.add('UNAUTHENTICATED');
  if (operation.access === 'submit' || operation.access === 'admin') codes.add('FORBIDDEN');
  if (operation.cost !== undefined) codes.add('RATE_LIMITED');
  if (operation.body) {
    for (const code of ['MALFORMED_JSON', 'UNSUPPORTED_MEDIA_TYPE', 'VALIDATION_ERROR'] as const)
      codes.add(code);
  }
  if (operation.parameters?.length) codes.add('VALIDATION_ERROR');
  if (operation.tag !== 'Service') {
    codes.add('STORE_UNAVAILABLE');
    codes.add('INTERNAL_SERVER_ERROR');
  }
  return [...codes];
}
