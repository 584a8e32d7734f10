import { MillraceError } from '../../model/errors.js';

/** Replies that say that the server cannot serve now, though it answers. */
const NOT_NOW =
  /^(LOADING|CLUSTERDOWN|READONLY|OOM|MISCONF|MASTERDOWN|TRYAGAIN|BUSY|EPOCH|NOREPLICAS|UNKILLABLE|ASK|MOVED)\b/;

/** STORE_UNAVAILABLE, unless the server refused the command for what it says: then the error itself. */
export function redisFault(error: unknown): Error {
  if (error instanceof MillraceError) return error;
  if (error instanceof Error && error.name === 'ReplyError' && !NOT_NOW.test(error.message)) return error;
  return unavailable(error);
}

export function unavailable(cause: unknown): MillraceError {
  const message = 'Redis does not answer or cannot write now. Nothing was lost; try again.';
  return new MillraceError('STORE_UNAVAILABLE', message, { cause, retryAfterSeconds: 1 });
}
