import type { ExecutionRecord } from './execution-record.js';
import { ReadyLanes } from './ready-lanes.js';

/**
 * Deaths of its owner after which a node is quarantined. A process that dies takes all that it had leased with it, and
 * one task at most is to blame; handed out few at a time, the innocent are done before they have been counted out.
 */
export const QUARANTINE_DELIVERIES = 2;

/** Ready nodes whose owners died more than once. Those of the fewest deaths come first, so that deaths that none of them
 * has caused are spread over all. */
export class Quarantine {
  readonly #byDeliveries: ReadyLanes[] = [];

  get size(): number {
    let size = 0;
    for (const lanes of this.#byDeliveries) size += lanes.size;
    return size;
  }

  push(execution: ExecutionRecord, node: number, queue: string, deliveries: number): void {
    const rank = deliveries - QUARANTINE_DELIVERIES;
    while (this.#byDeliveries.length <= rank) this.#byDeliveries.push(new ReadyLanes());
    this.#byDeliveries[rank]?.push(execution, node, queue);
  }

  drop(execution: ExecutionRecord): void {
    for (const lanes of this.#byDeliveries) lanes.drop(execution);
  }

  /** The fewest deaths first. */
  lanes(): Iterable<ReadyLanes> {
    return this.#byDeliveries;
  }
}
