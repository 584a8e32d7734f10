import type { HandlerDescriptor } from '../src/model/builtin-handlers.js';
import type { SecretFields } from '../src/model/secret-fields.js';
import type { ConfigCheck } from './config-validation.js';
import type { Handler, HandlerContext } from './define-handler.js';

/** A handler of whatever config; its check stands for the type. */
export type AnyHandler = Handler<never>;

/** A handler as a thread runs it. */
export interface LoadedHandler {
  readonly descriptor: HandlerDescriptor;
  /** Throws INVALID_CONFIG; undefined: any config will do. */
  readonly checkConfig: ConfigCheck | undefined;
  /** Where its config may hold secrets. */
  readonly secrets: SecretFields | undefined;
  readonly run: (context: HandlerContext<unknown>) => unknown;
}

export type LoadedHandlers = ReadonlyMap<string, LoadedHandler>;
