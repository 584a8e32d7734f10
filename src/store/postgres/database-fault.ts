import { MillraceError } from '../../model/errors.js';

/** SQLSTATE classes of what the data itself is to blame for: data exception, integrity, program limit. */
const CONTENT = /^(22|23|54)/;

export function isContentFault(error: unknown): boolean {
  return CONTENT.test(codeOf(error));
}

/** Two transactions stood in each other's way: the same one again will do. */
export function isTransient(error: unknown): boolean {
  return codeOf(error) === '40P01' || codeOf(error) === '40001';
}

/** Told by its fields: the text is in the language of the server. A CHECK that fails names its constraint. */
export function isMissingPartition(error: unknown): boolean {
  if (codeOf(error) !== '23514') return false;
  const { table, constraint } = error as { readonly table?: string; readonly constraint?: string };
  return table === 'executions' && constraint === undefined;
}

function codeOf(error: unknown): string {
  const code = (error as { readonly code?: unknown } | undefined)?.code;
  return typeof code === 'string' ? code : '';
}

export function databaseUnavailable(cause: unknown): MillraceError {
  if (cause instanceof MillraceError) return cause;
  const message = 'PostgreSQL does not answer or cannot write now. Nothing was lost; try again.';
  return new MillraceError('STORE_UNAVAILABLE', message, { cause, retryAfterSeconds: 1 });
}
