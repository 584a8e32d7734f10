import type { HostId } from '../model/ids.js';
import type { StateStore } from '../store/state-store.js';
import type { Dispatcher } from './dispatcher.js';

export interface LeaseKeeperOptions {
  readonly store: Pick<StateStore, 'heartbeat' | 'reclaim'>;
  readonly dispatcher: Pick<Dispatcher, 'leases' | 'abort' | 'wake'>;
  readonly host: HostId;
  readonly leaseMs: number;
  /** Monotonic milliseconds. */
  readonly elapsed: () => number;
}

/** What a dead host held is taken over within its lease and this. */
const RECLAIM_MS = 1000;
/** Heartbeats of one lease: two of them may be lost. */
const BEATS_PER_LEASE = 3;

/** Keeps the leases of what this host runs, and takes over those that have expired. */
export class LeaseKeeper {
  readonly #options: LeaseKeeperOptions;
  readonly #beatMs: number;
  #beatAt = Number.NEGATIVE_INFINITY;

  constructor(options: LeaseKeeperOptions) {
    this.#options = options;
    this.#beatMs = options.leaseMs / BEATS_PER_LEASE;
  }

  /**
   * Answers the time until the next run. What is due is kept before anything is taken over, so that a host that was frozen for longer
   * than a lease does not take its own tasks from itself.
   */
  async run(): Promise<number> {
    const { store, dispatcher, elapsed } = this.#options;
    const now = elapsed();
    if (now - this.#beatAt >= this.#beatMs) await this.#beat(now);
    const { reclaimed } = await store.reclaim();
    if (reclaimed > 0) dispatcher.wake();
    const left = this.#beatAt + this.#beatMs - elapsed();
    return Math.max(0, Math.min(RECLAIM_MS, left));
  }

  async #beat(now: number): Promise<void> {
    const { store, dispatcher, host } = this.#options;
    const leases = dispatcher.leases();
    if (leases.length > 0) {
      const outcomes = await store.heartbeat(host, leases);
      dispatcher.abort(leases.filter((_lease, index) => outcomes[index] !== 'kept'));
    }
    this.#beatAt = now;
  }
}
