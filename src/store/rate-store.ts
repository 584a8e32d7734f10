/** What the hosts of a store have together let each client spend in the last minute. */
export interface RateStore {
  /** Counts what it grants. Rejects with STORE_UNAVAILABLE. */
  take(client: string, ask: RateAsk): Promise<RateGrant>;
}

export interface RateAsk {
  /** Of all hosts, in any sixty seconds. */
  readonly limit: number;
  /** Wanted now. */
  readonly need: number;
  /** Wanted to be spent later without another question. */
  readonly ahead: number;
  /** How much all hosts together may hold so. */
  readonly mostHeld: number;
  /** How much of it this host holds, not counting what it hands back here. */
  readonly held: number;
  /** For how long it may be held before it is spent or handed back. */
  readonly holdSeconds: number;
  /** What was granted ahead and is handed back. */
  readonly unspent: readonly UnspentLot[];
}

export interface UnspentLot {
  /** As the grant named it. */
  readonly second: number;
  readonly count: number;
}

export interface RateGrant {
  /** Of `need`. */
  readonly granted: number;
  /** Of `ahead`. */
  readonly ahead: number;
  /** The store's second under which both are counted. */
  readonly second: number;
  /** What is left for all hosts. */
  readonly room: number;
  /** Until there is some; 0 where there is. */
  readonly roomInMs: number;
}

/**
 * The window is kept in slots of one second. One slot more than a minute has seconds: the oldest has to pass whole
 * before it is forgotten.
 */
export const RATE_WINDOW_SLOTS = 61;
