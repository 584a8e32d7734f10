import type { MillraceError } from '../../model/errors.js';
import { errorBody } from '../error-reply.js';
import type { Call } from '../route.js';

/** What is told of an item that failed; faults without a code are logged on the way. */
export type ItemError = (thrown: unknown, call: Call) => MillraceError;

/** JSON text of a batch's answer, from the JSON texts of its items. */
export function resultsText(items: readonly string[]): string {
  return `{"results":[${items.join(',')}]}`;
}

/** An item that failed shows as the answer of the single call would. */
export function itemErrorText(error: MillraceError): string {
  return JSON.stringify(errorBody(error));
}
