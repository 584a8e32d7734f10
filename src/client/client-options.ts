import type { MillraceError } from './millrace-error.js';
import type { CallOptions } from './transport.js';

export interface MillraceClientOptions {
  /** http://host:port of a host, or of several hosts of one store: where one is away the next is asked. */
  readonly url: string | readonly string[];
  readonly apiKey?: string;
  /** Sent with every call. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Bound of one try, in milliseconds; 30,000 unless told. */
  readonly timeoutMs?: number;
  /** For how long hosts that are away, overloaded or past a limit are asked again, in milliseconds; 30,000 unless told, 0: not at all. */
  readonly retryForMs?: number;
  /** Stands in for the global `fetch`. */
  readonly fetch?: typeof fetch;
}

export interface SubmitOptions extends CallOptions {
  /** A new one unless told, so that a repeated try submits nothing twice. null: none is sent, and what may have arrived is not sent again. */
  readonly idempotencyKey?: string | null;
}

export interface WaitOptions extends CallOptions {
  /** How long to wait for the end in all; for ever unless told. Then the call fails with TIMEOUT. */
  readonly withinMs?: number;
}

/** What became of one item of a batch. */
export type BatchResult<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: MillraceError };
