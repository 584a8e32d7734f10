import type { Problem } from './contract-types.js';
import type { ApiErrorCode } from './generated/contract.js';

/**
 * Codes of the client's own: no host could be reached; the answer or the end that was waited for did not come in time; what came is
 * no answer of this API.
 */
export type ClientErrorCode = 'UNREACHABLE' | 'TIMEOUT' | 'BAD_ANSWER';

export interface MillraceErrorFields {
  readonly code: string;
  readonly message: string;
  readonly status?: number | undefined;
  readonly context?: Readonly<Record<string, unknown>> | undefined;
  readonly requestId?: string | undefined;
  readonly retryAfterSeconds?: number | undefined;
  readonly cause?: unknown;
}

/** Every failure of a call. */
export class MillraceError extends Error {
  override readonly name = 'MillraceError';
  /** One of docs/errors.md, or of the client's own. */
  readonly code: ApiErrorCode | ClientErrorCode | (string & {});
  /** Of the answer; undefined: there was none. */
  readonly status: number | undefined;
  readonly context: Readonly<Record<string, unknown>>;
  /** As the server's log names the request. */
  readonly requestId: string | undefined;
  readonly retryAfterSeconds: number | undefined;

  constructor(fields: MillraceErrorFields) {
    super(fields.message, fields.cause === undefined ? undefined : { cause: fields.cause });
    this.code = fields.code;
    this.status = fields.status;
    this.context = fields.context ?? {};
    this.requestId = fields.requestId;
    this.retryAfterSeconds = fields.retryAfterSeconds;
  }

  /** Each thing that is wrong with what was sent, with its place; empty where the answer lists none. */
  get problems(): readonly Problem[] {
    const { errors } = this.context;
    return Array.isArray(errors) ? (errors as Problem[]) : [];
  }

  /** The places of `problems`, as JSON pointers. */
  get pointers(): readonly string[] {
    return this.problems.map(({ path }) => path);
  }
}

/** The error that an answer tells of; `text` is its body. */
export function errorOfAnswer(status: number, headers: Headers, text: string): MillraceError {
  const requestId = headers.get('x-request-id') ?? undefined;
  const retryAfterSeconds = readRetryAfter(headers.get('retry-after'));
  const common = { status, requestId, retryAfterSeconds };
  const told = errorOfBody(parse(text), status);
  if (told) return new MillraceError({ ...common, ...told });
  const start = text.trim().slice(0, 200);
  return new MillraceError({
    ...common,
    code: 'BAD_ANSWER',
    message: `the answer ${status} is none of this API${start && `: ${start}`}`,
  });
}

/** What a body of the contract says is wrong; undefined where it is no such body. */
export function errorOfBody(
  body: unknown,
  status?: number,
): Pick<MillraceErrorFields, 'code' | 'message' | 'context'> | undefined {
  if (typeof body !== 'object' || body === null) return undefined;
  const { error, detail } = body as { error?: unknown; detail?: unknown };
  if (typeof error === 'object' && error !== null) {
    const { error_code, message, context } = error as Readonly<Record<string, unknown>>;
    if (typeof error_code === 'string' && typeof message === 'string') {
      return { code: error_code, message, context: context as Readonly<Record<string, unknown>> };
    }
  }
  // A refusal for its rate has no code in its body, also as an item of a batch.
  if (typeof detail === 'string' && (status === 429 || (status === undefined && error === undefined)))
    return { code: 'RATE_LIMITED', message: detail };
  return undefined;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Seconds; a date counts from now. */
function readRetryAfter(value: string | null): number | undefined {
  if (value === null) return undefined;
  const seconds = /^\d+$/.test(value) ? Number(value) : (Date.parse(value) - Date.now()) / 1000;
  return Number.isFinite(seconds) ? Math.max(0, seconds) : undefined;
}
