import type { LoadName } from '../load/load-order.js';
import type { Fsync, StoreName } from './bench-store.js';
import type { PayloadName } from './workloads.js';

/** What is compared: one of these a row. */
export interface BenchCase {
  readonly scenario: string;
  readonly store: StoreName;
  readonly hosts: number;
  /** Of Redis; without meaning for the embedded store, which syncs always. */
  readonly fsync: Fsync;
  readonly payload: PayloadName;
  readonly load: LoadName;
}

/** What all cases of a bench have in common. */
export interface RunSettings {
  readonly seconds: number;
  /** Of the same load before what is measured. */
  readonly warmupSeconds: number;
  readonly connections: number;
  readonly batchSize: number;
  /** Executions of the load `alone`, of a workflow that is not large. */
  readonly aloneCount: number;
  readonly seed: number;
  readonly largeNodes?: number;
}

/** As `two-node, distributed ×2 (everysec), rest, 1k`. */
export function nameOfCase({ scenario, store, hosts, fsync, payload, load }: BenchCase): string {
  const place = store === 'embedded' ? store : `${store}${hosts > 1 ? ` ×${hosts}` : ''} (${fsync})`;
  return `${scenario}, ${place}, ${load}${payload === 'small' ? '' : `, ${payload}`}`;
}
