import { ERRORS, type ErrorCategory, type ErrorCode } from '../src/model/errors.js';

export interface HandlerFaultOptions {
  readonly category: ErrorCategory;
  /** Default: as the table of errors says of the code. */
  readonly retryable?: boolean;
  readonly retryAfterMs?: number;
  readonly cause?: unknown;
}

/** Fails an attempt with a code of the table of errors. */
export class HandlerFault extends Error {
  override readonly name = 'HandlerFault';
  readonly code: ErrorCode;
  readonly category: ErrorCategory;
  readonly retryable: boolean;
  readonly retryAfterMs: number | undefined;

  constructor(code: ErrorCode, message: string, options: HandlerFaultOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.category = options.category;
    this.retryable = options.retryable ?? ERRORS[code].retryable;
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** A config that cannot be run as it is; no retry. */
export function invalidConfig(message: string): HandlerFault {
  return new HandlerFault('INVALID_CONFIG', message, { category: 'validation' });
}
