import { LRUCache } from 'lru-cache';
import type { Clock } from '../../model/clock.js';
import type { ExecutionId, HostId, WorkflowId } from '../../model/ids.js';
import type { Plan } from '../../model/plan.js';
import type { DeadLetter } from '../../model/snapshot.js';
import type { HostFate } from '../host-registry.js';
import type { DeadLetterQuery } from '../state-store.js';
import { ExecutionReader } from './execution-reader.js';
import { HeldLeases } from './held-leases.js';
import { HostNumbers } from './host-numbers.js';
import { HotDepths } from './hot-depths.js';
import type { PartitionClient } from './partition-client.js';
import { PlanShelf } from './plan-shelf.js';
import { PlanWires } from './plan-wire.js';
import { UnreadableExecutions } from './unreadable-executions.js';
import { WakeUps } from './wake-ups.js';

/** Dead letters of the record. */
export interface DeadLetterRecord {
  list(query: DeadLetterQuery): Promise<readonly DeadLetter[]>;
  read(ids: readonly string[]): Promise<readonly (DeadLetter | undefined)[]>;
  remove(ids: readonly string[]): Promise<readonly ('deleted' | 'not_found')[]>;
}

export interface RedisStateStoreOptions {
  readonly client: PartitionClient;
  readonly clock: Clock;
  readonly host: HostId;
  readonly leaseMs: number;
  readonly maxDeliveries: number;
  readonly maxExecutionBytes: number;
  readonly maxFailuresKept: number;
  /** How long what has ended stays after the record has it. */
  readonly graceMs: number;
  /** Age at which an untriggered execution that is recorded leaves. */
  readonly parkAfterMs: number;
  /** Bytes of executions that are here, past which no submission is taken. */
  readonly maxBytes: number;
  /** Successors that one call readies. */
  readonly fanOutChunk: number;
  readonly planCacheBytes: number;
  /** Queues that this host takes; undefined: every one. */
  readonly queues: readonly string[] | undefined;
  /** User handlers that this host may be handed now. */
  readonly handlers: () => readonly string[];
  /** What became of a host whose lease was found to have run out at that instant (by `clock.now`): only a dead owner counts against
   * the task. */
  readonly fateOf: (host: string, since: number) => HostFate;
  readonly deadLetters: DeadLetterRecord;
  /** An execution that makes no sense was passed over; once for each. */
  readonly onUnreadable: (executionId: ExecutionId, error: unknown) => void;
  /** Brings back running executions that only the record still knows; answers how many there were. */
  readonly compareRecord?: (() => Promise<number>) | undefined;
  /** Whether Redis itself is short of memory. */
  readonly isShortOfMemory: () => boolean;
  /** Waits until replicas have what was written; undefined: none are asked for. */
  readonly replicated?: (() => Promise<void>) | undefined;
  /** Leases are read whatever their idle time: the instants are not the server's own. */
  readonly ignoresIdleTime?: boolean;
}

const ACCEPTED_KNOWN = 20_000;

/** What the verbs of one store share. */
export interface StoreContext {
  readonly options: RedisStateStoreOptions;
  readonly client: PartitionClient;
  readonly wires: PlanWires;
  readonly plans: PlanShelf;
  readonly hosts: HostNumbers;
  readonly reader: ExecutionReader;
  readonly held: HeldLeases;
  readonly unreadable: UnreadableExecutions;
  readonly wakeUps: WakeUps;
  readonly depths: HotDepths;
  /** Workflows of executions that this host has lately accepted and nobody has triggered yet, so that a trigger need not ask. */
  readonly accepted: LRUCache<ExecutionId, WorkflowId>;
  /** undefined: it cannot be read, and the execution is passed over. */
  planOf(executionId: ExecutionId, workflowId: WorkflowId, partition: number): Promise<Plan | undefined>;
  /** Resolves when replicas have what was written until now. */
  durable(): Promise<void>;
}

export function createStoreContext(options: RedisStateStoreOptions): StoreContext {
  const { client } = options;
  const plans = new PlanShelf(client, options.planCacheBytes);
  const hosts = new HostNumbers(client);
  const held = new HeldLeases();
  const unreadable = new UnreadableExecutions(options.onUnreadable);
  return {
    options,
    client,
    wires: new PlanWires(options.fanOutChunk),
    plans,
    hosts,
    reader: new ExecutionReader({ client, plans, hosts }),
    held,
    unreadable,
    wakeUps: new WakeUps(client.partitions, held, () => options.clock.monotonic()),
    accepted: new LRUCache({ max: ACCEPTED_KNOWN }),
    depths: new HotDepths(client.partitions, options),
    async planOf(executionId, workflowId, partition) {
      try {
        return await plans.get(workflowId, partition);
      } catch (error) {
        unreadable.passOver(executionId, error);
        return undefined;
      }
    },
    durable() {
      const durable = options.replicated?.() ?? Promise.resolve();
      durable.catch(() => undefined);
      return durable;
    },
  };
}
