/** Registered symbols, so that what another copy of this package made is known too. */
export const HANDLER: unique symbol = Symbol.for('millrace.handler');
export const ERROR_KIND: unique symbol = Symbol.for('millrace.errorKind');
