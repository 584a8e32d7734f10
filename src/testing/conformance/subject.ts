import assert from 'node:assert/strict';
import type {
  LeasedTask,
  LeaseRequest,
  StoreSignal,
  SubmitCommand,
  TaskOutcome,
} from '../../model/commands.js';
import type { ExecutionId } from '../../model/ids.js';
import type { Plan } from '../../model/plan.js';
import type { ExecutionSnapshot } from '../../model/snapshot.js';
import type { StateStore } from '../../store/state-store.js';
import { faultOf, HOST, NO_PARAMS, seededIds } from '../machine-fixture.js';

/** A store under test, and what the suite needs beside the interface. */
export interface StoreSubject {
  readonly store: StateStore;
  /** The lease that a heartbeat gives, in milliseconds; a multiple of 100. */
  readonly leaseMs: number;
  /** Deaths of its owner after which a task is a dead letter; at least 3. */
  readonly maxDeliveries: number;
  /** Whether leases stay in force over `crash` until they expire; if not, they end with it, as deaths of their owners. */
  readonly leasesOutliveCrash: boolean;
  /** The store's own time, in milliseconds since the epoch. */
  now(): number;
  /** Lets that much time pass for the store. */
  advance(ms: number): Promise<void>;
  /** What the record has of an execution, once it has all that the store has told it until now. */
  recorded(id: ExecutionId): Promise<ExecutionSnapshot | undefined>;
  /** Has the store let go of what has ended, once the record has it. */
  letGo(): Promise<void>;
  /** Ends the process that has the store, without a goodbye, and opens what it left: the same data, nobody's memory. */
  crash(): Promise<StoreSubject>;
  close(): Promise<void>;
}

export type CreateSubject = () => Promise<StoreSubject>;

/** Runs `check` on a store of its own. */
export async function withSubject(
  create: CreateSubject,
  check: (bench: Bench) => Promise<void>,
): Promise<void> {
  const bench = new Bench(await create());
  try {
    await check(bench);
  } finally {
    await bench.subject.close();
  }
}

/** Calls of a store in the words of a test: each waits until what it did is kept. */
export class Bench {
  subject: StoreSubject;
  readonly #signals: StoreSignal[] = [];
  readonly #ids = seededIds(() => this.subject.now());

  constructor(subject: StoreSubject) {
    this.subject = subject;
    this.#listen();
  }

  get store(): StateStore {
    return this.subject.store;
  }

  nextId(): ExecutionId {
    return this.#ids.next(0);
  }

  async submit(
    plan: Plan,
    options: Partial<Pick<SubmitCommand, 'trigger' | 'params' | 'callbackUrl'>> = {},
  ): Promise<ExecutionId> {
    const executionId = this.nextId();
    const command = { executionId, plan, trigger: true, params: NO_PARAMS, ...options };
    const reply = await this.store.submit([command]);
    assert.deepEqual(reply.outcomes, [{ kind: 'accepted' }]);
    await reply.durable;
    return executionId;
  }

  request(options: Partial<LeaseRequest> = {}): LeaseRequest {
    const { leaseMs } = this.subject;
    return { owner: HOST, leaseMs, lanes: undefined, total: 1000, quarantined: 1000, ...options };
  }

  async lease(options: Partial<LeaseRequest> = {}): Promise<readonly LeasedTask[]> {
    const reply = await this.store.lease(this.request(options));
    await reply.durable;
    return reply.tasks;
  }

  async leaseOne(): Promise<LeasedTask> {
    const [task] = await this.lease({ total: 1 });
    assert.ok(task, 'a task is ready');
    return task;
  }

  async finish(task: LeasedTask, outcome: TaskOutcome = { kind: 'completed' }) {
    const reply = await this.store.advance([{ task, owner: HOST, outcome }]);
    await reply.durable;
    return reply.outcomes[0];
  }

  fail(task: LeasedTask, code = 'HANDLER_ERROR') {
    return this.finish(task, { kind: 'failed', error: faultOf(code) });
  }

  /** From the store or, where that has let go of it, from the record. */
  async read(id: ExecutionId): Promise<ExecutionSnapshot> {
    const [hot] = await this.store.read([id]);
    const snapshot = hot ?? (await this.subject.recorded(id));
    assert.ok(snapshot, `execution ${id} is known`);
    return snapshot;
  }

  async states(id: ExecutionId): Promise<string[]> {
    return (await this.read(id)).nodes.map((node) => node.state);
  }

  /** Redrives an execution that may have left the store for the record. */
  async redrive(options: {
    readonly executionId: ExecutionId;
    readonly plan: Plan;
    readonly node: number;
    readonly failedAt?: number;
    readonly config?: Uint8Array;
  }) {
    const { plan, ...command } = options;
    const first = await this.store.redrive([command]);
    await first.durable;
    if (first.outcomes[0] !== 'not_found') return first.outcomes[0];
    const snapshot = await this.subject.recorded(command.executionId);
    assert.ok(snapshot, 'what the store does not hold is recorded');
    assert.deepEqual((await this.store.restore([{ snapshot, plan }])).outcomes, ['restored']);
    const second = await this.store.redrive([command]);
    await second.durable;
    return second.outcomes[0];
  }

  async crash(): Promise<void> {
    this.subject = await this.subject.crash();
    this.#listen();
  }

  /** The signals of a kind so far, which are then forgotten. */
  takeSignals<K extends StoreSignal['kind']>(kind: K): Extract<StoreSignal, { kind: K }>[] {
    const taken = this.#signals.filter((signal) => signal.kind === kind);
    const rest = this.#signals.filter((signal) => signal.kind !== kind);
    this.#signals.splice(0, this.#signals.length, ...rest);
    return taken as Extract<StoreSignal, { kind: K }>[];
  }

  #listen(): void {
    this.store.onSignals((signals) => this.#signals.push(...signals));
  }
}
