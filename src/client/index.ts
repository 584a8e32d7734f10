export type * from './client-options.js';
export type * from './contract-types.js';
export type { FollowOptions } from './follow-events.js';
export type { ApiErrorCode, OperationId } from './generated/contract.js';
export { MillraceClient } from './millrace-client.js';
export { type ClientErrorCode, MillraceError } from './millrace-error.js';
export type { CallOptions } from './transport.js';
