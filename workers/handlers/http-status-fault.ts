import { parseRetryAfter } from '../../src/model/retry-after.js';
import { HandlerFault } from '../handler-fault.js';
import type { HttpAnswer } from './http-call.js';

/** 4xx that tell of the moment and not of the request. */
const TRANSIENT_4XX: ReadonlySet<number> = new Set([408, 429]);

/** The fault of an answer whose status is not the one hoped for. Retried: 5xx, 408 and 429. */
export function httpStatusFault(answer: HttpAnswer, what: string): HandlerFault {
  const { statusCode, headers } = answer;
  const retryable = statusCode >= 500 || TRANSIENT_4XX.has(statusCode);
  const retryAfterMs = retryable ? parseRetryAfter(headers['retry-after'], Date.now()) : undefined;
  return new HandlerFault('HTTP_STATUS', `${what} answered HTTP ${statusCode}`, {
    category: retryable ? 'transient' : 'handler',
    retryable,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  });
}
