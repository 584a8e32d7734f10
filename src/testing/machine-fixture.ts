import type { LeasedTask, LeaseRequest, TaskOutcome } from '../model/commands.js';
import type { NodeError } from '../model/errors.js';
import { createExecutionIdSource, type ExecutionId, type HostId } from '../model/ids.js';
import type { Plan } from '../model/plan.js';
import type { ExecutionSnapshot } from '../model/snapshot.js';
import { type IdempotencyRecord, Machine } from '../model/transitions.js';
import { createSeededRandom } from './seeded-random.js';

export const HOST = 'host-a' as HostId;
export const OTHER_HOST = 'host-b' as HostId;
export const NO_PARAMS: Uint8Array = Buffer.from('{}');

export function faultOf(code: string): NodeError {
  return { code, message: `it failed with ${code}`, category: 'handler' };
}

export function jsonOf(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value));
}

/** Execution ids that a seed fixes. `now` in milliseconds since the epoch. */
export function seededIds(now: () => number, seed = 1): { next(partition: number): ExecutionId } {
  const random = createSeededRandom(seed);
  return createExecutionIdSource(now, (count) =>
    Uint8Array.from({ length: count }, () => random.integer(0, 255)),
  );
}

/** A machine with its own time, for tests that do one thing after another. */
export class MachineFixture {
  now = 1_000_000;
  readonly machine: Machine;
  readonly #ids = seededIds(() => this.now);

  constructor(options: { readonly maxExecutionBytes?: number; readonly maxFailuresKept?: number } = {}) {
    const keys = new Map<string, IdempotencyRecord>();
    this.machine = new Machine({
      idempotency: { get: (key) => keys.get(key), set: (key, record) => void keys.set(key, record) },
      maxExecutionBytes: options.maxExecutionBytes ?? 1 << 20,
      maxFailuresKept: options.maxFailuresKept ?? 50,
    });
  }

  nextId(): ExecutionId {
    return this.#ids.next(0);
  }

  /** Submits, and starts unless told otherwise. */
  submit(
    plan: Plan,
    options: { readonly trigger?: boolean; readonly params?: Uint8Array } = {},
  ): ExecutionId {
    const executionId = this.nextId();
    const { trigger = true, params = NO_PARAMS } = options;
    this.machine.submit({ executionId, plan, params, trigger }, this.now);
    return executionId;
  }

  lease(options: Partial<LeaseRequest> = {}): LeasedTask[] {
    const request = { owner: HOST, leaseMs: 1000, lanes: undefined, total: 1000, quarantined: 1000 };
    return this.machine.lease({ ...request, ...options }, this.now);
  }

  leaseOne(): LeasedTask {
    const [task] = this.lease({ total: 1 });
    if (!task) throw new Error('nothing is ready');
    return task;
  }

  finish(task: LeasedTask, outcome: TaskOutcome = { kind: 'completed' }) {
    return this.machine.advance({ task, owner: HOST, outcome }, this.now);
  }

  fail(task: LeasedTask, code = 'HANDLER_ERROR') {
    return this.finish(task, { kind: 'failed', error: faultOf(code) });
  }

  read(id: ExecutionId): ExecutionSnapshot {
    const snapshot = this.machine.read(id);
    if (!snapshot) throw new Error(`execution ${id} is not there`);
    return snapshot;
  }

  states(id: ExecutionId): string[] {
    return this.read(id).nodes.map((node) => node.state);
  }

  /** Lets time pass and what is due happen. */
  pass(ms: number) {
    this.now += ms;
    return this.machine.promote(this.now);
  }
}
