import type { HostId } from '../model/ids.js';
import type { StateStore } from '../store/state-store.js';
import type { Dispatcher } from './dispatcher.js';

/**
 * Keeps the leases of what this host runs, then takes over those that have expired. In this order, so that a host that
 * was frozen for longer than a lease does not take its own tasks from itself.
 */
export async function keepLeases(
  store: Pick<StateStore, 'heartbeat' | 'reclaim'>,
  dispatcher: Pick<Dispatcher, 'leases' | 'abort' | 'wake'>,
  host: HostId,
): Promise<void> {
  const leases = dispatcher.leases();
  if (leases.length > 0) {
    const outcomes = await store.heartbeat(host, leases);
    dispatcher.abort(leases.filter((_lease, index) => outcomes[index] !== 'kept'));
  }
  const { reclaimed } = await store.reclaim();
  if (reclaimed > 0) dispatcher.wake();
}
