import type { ExecutionId } from '../model/ids.js';

/** An end of an execution that its callback URL has not been told of. Times in milliseconds since the epoch. */
export interface DueCallback {
  readonly executionId: ExecutionId;
  /** With the execution it names the end: a redrive leads to another one. */
  readonly finishedAt: number;
  readonly url: string;
  /** Attempts so far, the present one included. */
  readonly attempt: number;
  /** When it last became due. */
  readonly dueAt: number;
}

export interface CallbackClaim {
  /** At most so many in all. */
  readonly most: number;
  /** At most so many of one origin, unless `rooms` says otherwise of it. */
  readonly perOrigin: number;
  readonly rooms: ReadonlyMap<string, number>;
  /** Origins take turns: those behind this one come first. */
  readonly afterOrigin: string;
  /** Until then nobody else is given them; due again from then on. */
  readonly claimMs: number;
}

/** `retryInMs`: undefined where it is told, or given up. */
export interface CallbackSettlement {
  readonly callback: DueCallback;
  readonly retryInMs: number | undefined;
}

/**
 * Callbacks that are still to be made, kept with the record: an end comes in with its record, before the hot store lets go of it, and goes out
 * once it is settled. Every host may claim; what a host that died had claimed becomes due again.
 */
export interface CallbackOutbox {
  claim(claim: CallbackClaim): Promise<readonly DueCallback[]>;
  settle(settlements: readonly CallbackSettlement[]): Promise<void>;
  /** How many there are; counts no further than `most`. */
  pending(most: number): Promise<number>;
}

/** What callbacks take turns by: scheme, host and port. */
export function originOf(url: string): string {
  return new URL(url).origin;
}
