import type { Logger } from '../engine/logger.js';
import { MillraceError } from '../model/errors.js';
import { type Problem, type ValidationDetailRow, validationDetail } from '../model/problems.js';
import type { HttpReply } from './http-server.js';
import { jsonReply, withHeaders } from './reply.js';
import type { RequestProblem } from './request-problem.js';

/** A 503 that names no time: the client may come back after this. */
const DEFAULT_RETRY_AFTER_SECONDS = 1;

/**
 * Whatever was thrown, as something that may be shown: what has no code of its own is logged with its stack and shown
 * as INTERNAL_SERVER_ERROR without it.
 */
export function presentable(thrown: unknown, log: Logger, requestId: string): MillraceError {
  if (thrown instanceof MillraceError && thrown.status < 500) return thrown;
  if (thrown instanceof MillraceError && thrown.status === 503) {
    log.warn('request refused', { request_id: requestId, error_code: thrown.code, reason: thrown.message });
    return thrown;
  }
  log.error('request failed', { request_id: requestId, error: thrown });
  return new MillraceError('INTERNAL_SERVER_ERROR', 'Internal server error', {
    context: { request_id: requestId },
  });
}

/** The body of an error: `{"error":{"message","error_code","context"},"detail"}`. */
export function errorBody(error: MillraceError): Readonly<Record<string, unknown>> {
  if (error.code === 'RATE_LIMITED') return { detail: error.message };
  return {
    error: { message: error.message, error_code: error.code, context: error.context },
    detail: detailOf(error),
  };
}

export function errorReply(error: MillraceError): HttpReply {
  const reply = jsonReply(error.status, errorBody(error));
  const headers: [string, string][] = [];
  const retryAfterSeconds =
    error.retryAfterSeconds ?? (error.status === 503 ? DEFAULT_RETRY_AFTER_SECONDS : undefined);
  if (retryAfterSeconds !== undefined) headers.push(['Retry-After', String(Math.ceil(retryAfterSeconds))]);
  if (error.code === 'UNAUTHENTICATED') headers.push(['WWW-Authenticate', 'Bearer']);
  if (error.code === 'METHOD_NOT_ALLOWED') headers.push(['Allow', allowedMethods(error)]);
  return headers.length === 0 ? reply : withHeaders(reply, headers);
}

function detailOf(error: MillraceError): string | readonly ValidationDetailRow[] {
  const problems = error.context.errors;
  if (error.code !== 'VALIDATION_ERROR' || !Array.isArray(problems)) return error.message;
  return validationDetail(problems as Problem[]).map((row, index) => {
    const place = (problems as Partial<RequestProblem>[])[index]?.in;
    return place === undefined ? row : { ...row, loc: [place, ...row.loc.slice(1)] };
  });
}

function allowedMethods(error: MillraceError): string {
  const { allowed } = error.context;
  return Array.isArray(allowed) ? allowed.join(', ') : '';
}
