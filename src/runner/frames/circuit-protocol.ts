/**
 * How a call of a service ended, as its circuit sees it. `untold`: it tells nothing of the service, because it was not
 * made or was given up.
 */
export const CALL_ENDS = ['succeeded', 'failed', 'untold'] as const;
export type CallEnd = (typeof CALL_ENDS)[number];

/** What a thread tells of a call that has ended. */
export interface CallReport {
  /** See `circuitName`. */
  readonly circuit: string;
  readonly end: CallEnd;
  /** The trial that it was part of; 0: of none, the circuit was closed. */
  readonly trial: number;
}

/** What the main thread tells a thread of circuits. A circuit that it was never told of is closed. */
export type CircuitNotice =
  /** `retryAt`: `monotonicMs` from which on it is to be asked for; undefined: closed. */
  | { readonly kind: 'circuit'; readonly circuit: string; readonly retryAt: number | undefined }
  /** Answers a question. */
  | { readonly kind: 'verdict'; readonly question: number; readonly verdict: CircuitVerdict };

export type CircuitVerdict =
  /** `trial` as in `CallReport`. */
  | { readonly kind: 'admitted'; readonly trial: number }
  | { readonly kind: 'refused'; readonly retryInMs: number };

/** The circuit of a handler's calls to one origin, as https://host:port. No handler that makes such calls has a colon in
 * its name. */
export function circuitName(handler: string, origin: string): string {
  return `${handler}:${origin}`;
}

export function circuitParts(name: string): { readonly handler: string; readonly origin: string } {
  const colon = name.indexOf(':');
  return { handler: name.slice(0, colon), origin: name.slice(colon + 1) };
}
