import type { HostId } from '../model/ids.js';

/** A host as the others see it. Times in milliseconds since the epoch. */
export interface HostInfo {
  readonly host: HostId;
  readonly roles: readonly string[];
  /** Queues that it takes; undefined: every one. */
  readonly queues: readonly string[] | undefined;
  /** The user's own handlers that it has. */
  readonly handlers: readonly string[];
  readonly threads: number;
  readonly running: number;
  readonly startedAt: number;
  readonly lastSeenAt: number;
}

/** Whether the owner of a lease that ran out died or lives; undecided: neither can be said yet. */
export type HostFate = 'dead' | 'alive' | 'undecided';

/** Who works on this store. */
export interface HostRegistry {
  living(): Promise<readonly HostInfo[]>;
}
