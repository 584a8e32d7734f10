import { ERROR_KIND, HANDLER } from './brands.js';

/**
 * What the files in HANDLERS_DIR are written with. A file exports handlers, as its default or under names:
 *
 *   import { defineHandler, TerminalError } from 'millrace';
 *
 *   export default defineHandler<{ to: string }>({
 *     name: 'send_mail',
 *     configSchema: { type: 'object', required: ['to'], properties: { to: { type: 'string' } } },
 *     async run({ config, idempotencyKey, signal }) { … return { sent: true }; },
 *   });
 */

/** A JSON Schema (draft 2020-12). */
export type ConfigSchema = Readonly<Record<string, unknown>>;

export interface HandlerDefinition<Config = Record<string, unknown>, Output = unknown> {
  /** What nodes name in `handler`; not the name of a built-in one. */
  readonly name: string;
  /** Checked at submission as far as the config holds no placeholders, and before each run with placeholders resolved. Only in what it
   * marks with `"x-secret": true` does `{{ secrets.NAME }}` stand for a secret. */
  readonly configSchema?: ConfigSchema;
  /**
   * Runs one attempt. The result, any JSON value, becomes the node's output; undefined: it has none. An error fails the
   * attempt, which is retried as the node's policy says; see TerminalError and RetryableError. Runs of one host overlap
   * in a thread, so a long computation should yield now and then.
   */
  run(context: HandlerContext<Config>): Output | Promise<Output>;
}

export interface Handler<Config = Record<string, unknown>, Output = unknown>
  extends HandlerDefinition<Config, Output> {
  readonly [HANDLER]: true;
}

export interface HandlerContext<Config = Record<string, unknown>> {
  /** The node's config with its placeholders resolved; the handler's own copy. */
  readonly config: Config;
  /** What the execution was triggered with. */
  readonly params: unknown;
  /** Outputs of the node's dependencies by their ids; a dependency without an output is absent. */
  readonly outputs: Readonly<Record<string, unknown>>;
  /** From 1; begins anew when a dead letter is redriven. */
  readonly attempt: number;
  readonly executionId: string;
  readonly nodeId: string;
  readonly workflowName: string;
  /** The same for all attempts of this node in this execution: hand it to services that take one. */
  readonly idempotencyKey: string;
  /** Of this attempt, in the trace that the execution belongs to (W3C Trace Context): hand both on to whatever is called. undefined: it
   * belongs to none. */
  readonly traceparent?: string | undefined;
  readonly tracestate?: string | undefined;
  /** Aborted when the attempt's time is over or its execution is cancelled; a thread whose handler does not return soon
   * after is replaced. */
  readonly signal: AbortSignal;
  readonly log: HandlerLogger;
  /** Resolves after `ms` milliseconds; rejects with the signal's reason as soon as it is aborted. */
  sleep(ms: number): Promise<void>;
}

/** Writes to the engine's log; `fields` are JSON values. */
export interface HandlerLogger {
  debug(message: string, fields?: Readonly<Record<string, unknown>>): void;
  info(message: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void;
  error(message: string, fields?: Readonly<Record<string, unknown>>): void;
}

/** Throws a TypeError where the definition lacks its name or its function. */
export function defineHandler<Config = Record<string, unknown>, Output = unknown>(
  definition: HandlerDefinition<Config, Output>,
): Handler<Config, Output> {
  if (typeof definition.name !== 'string' || definition.name === '') {
    throw new TypeError('defineHandler: name must be a text that is not empty');
  }
  if (typeof definition.run !== 'function') {
    throw new TypeError(`defineHandler: run of handler ${definition.name} must be a function`);
  }
  const { configSchema } = definition;
  if (configSchema !== undefined && (typeof configSchema !== 'object' || configSchema === null)) {
    throw new TypeError(
      `defineHandler: configSchema of handler ${definition.name} must be a JSON Schema object`,
    );
  }
  return {
    name: definition.name,
    ...(configSchema !== undefined && { configSchema }),
    run: (context) => definition.run(context),
    [HANDLER]: true,
  };
}

/** Fails the node at once: another attempt would not help. */
export class TerminalError extends Error {
  override readonly name = 'TerminalError';
  readonly [ERROR_KIND] = 'terminal';
  /** Default TERMINAL_ERROR. */
  readonly code: string | undefined;

  constructor(message: string, options: { readonly code?: string; readonly cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = options.code;
  }
}

/** Fails the attempt; says more of it than another error could. */
export class RetryableError extends Error {
  override readonly name = 'RetryableError';
  readonly [ERROR_KIND] = 'retryable';
  /** Default HANDLER_ERROR; `non_retryable` of a node's retry policy may name it. */
  readonly code: string | undefined;
  /** The least time until the next attempt. */
  readonly retryAfterMs: number | undefined;

  constructor(
    message: string,
    options: { readonly code?: string; readonly retryAfterMs?: number; readonly cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = options.code;
    this.retryAfterMs = options.retryAfterMs;
  }
}
