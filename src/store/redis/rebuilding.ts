import type { RedriveCommand, RedriveOutcome, RestoreCommand, RestoreOutcome } from '../../model/commands.js';
import { type ExecutionId, partitionOf } from '../../model/ids.js';
import type { Plan } from '../../model/plan.js';
import type { ExecutionSnapshot } from '../../model/snapshot.js';
import { hasEnded } from '../../model/states.js';
import { Machine } from '../../model/transitions.js';
import type { StoreReply } from '../state-store.js';
import { Installer } from './installer.js';
import { eachPartition } from './partition-batches.js';
import type { StoreContext } from './store-context.js';

const NO_IDEMPOTENCY = { get: () => undefined, set: () => undefined };
const EXAMINED_PER_CALL = 100;
const PAGES_PER_RECONCILE = 20;

/** Rare transitions that need a whole plan: the machine of the model computes them, and the installer puts the outcome in place. */
export class Rebuilding {
  readonly #context: StoreContext;
  readonly #installer: Installer;
  readonly #cursors: string[];

  constructor(context: StoreContext) {
    this.#context = context;
    this.#installer = new Installer(context);
    this.#cursors = new Array<string>(context.client.partitions).fill('0');
  }

  async redrive(commands: readonly RedriveCommand[]): Promise<StoreReply<RedriveOutcome>> {
    const outcomes: RedriveOutcome[] = [];
    for (const command of commands) outcomes.push(await this.#redrive(command));
    return { outcomes, tasks: [], durable: this.#context.durable() };
  }

  async #redrive(command: RedriveCommand): Promise<RedriveOutcome> {
    for (;;) {
      const [hot] = await this.#context.reader.read([command.executionId]);
      if (!hot) return 'not_found';
      const { state } = hot.snapshot;
      // Only what has failed goes through the machine: it would count the leases of a running one as lost.
      if (state !== 'failed') return hasEnded(state) ? 'ended' : 'not_dead';
      const machine = this.#machine();
      const now = await this.#now(partitionOf(command.executionId));
      const { maxDeliveries } = this.#context.options;
      machine.restore({ snapshot: hot.snapshot, plan: hot.plan }, { maxDeliveries, now });
      const outcome = machine.redrive(command, now);
      const snapshot = machine.read(command.executionId);
      if (outcome !== 'redriven' || !snapshot) return outcome;
      const installed = await this.#install({
        snapshot,
        plan: hot.plan,
        kind: 'redriven',
        mode: 'exact',
        expectedRevision: hot.snapshot.revision,
        notes: true,
      });
      if (installed) return outcome;
    }
  }

  async restore(commands: readonly RestoreCommand[]): Promise<StoreReply<RestoreOutcome>> {
    const outcomes: RestoreOutcome[] = [];
    for (const command of commands) outcomes.push(await this.#restore(command));
    return { outcomes, tasks: [], durable: this.#context.durable() };
  }

  async #restore({ snapshot, plan }: RestoreCommand): Promise<RestoreOutcome> {
    const machine = this.#machine();
    const now = await this.#now(partitionOf(snapshot.executionId));
    const { maxDeliveries } = this.#context.options;
    machine.restore({ snapshot, plan }, { maxDeliveries, now });
    const restored = machine.read(snapshot.executionId);
    if (!restored) return 'newer_here';
    this.#context.plans.keep(plan);
    const installed = await this.#install({
      snapshot: restored,
      plan,
      kind: 'started',
      mode: 'restore',
      expectedRevision: snapshot.revision,
      notes: restored.revision !== snapshot.revision,
    });
    return installed ? 'restored' : 'newer_here';
  }

  /** Looks for running executions that nothing would wake, and repairs them; answers how many there were. */
  async reconcile(): Promise<number> {
    const { client } = this.#context;
    let repaired = 0;
    await eachPartition(client.partitions, async (partition) => {
      let pages = 0;
      do {
        const cursor = this.#cursors[partition] ?? '0';
        const { outcomes } = await client.call('reconcile', partition, [cursor, EXAMINED_PER_CALL]);
        const [next, idle] = outcomes as [Buffer, Buffer[]];
        this.#cursors[partition] = String(next);
        for (const id of idle) if (await this.#repair(String(id) as ExecutionId)) repaired += 1;
        pages += 1;
      } while (this.#cursors[partition] !== '0' && pages < PAGES_PER_RECONCILE);
    });
    return repaired;
  }

  async #repair(id: ExecutionId): Promise<boolean> {
    const [hot] = await this.#context.reader.read([id]);
    if (hot?.snapshot.state !== 'running') return false;
    const machine = this.#machine();
    const now = await this.#now(partitionOf(id));
    machine.restore(
      { snapshot: hot.snapshot, plan: hot.plan },
      { maxDeliveries: Number.MAX_SAFE_INTEGER, now },
    );
    const snapshot = machine.read(id);
    if (!snapshot) return false;
    const expectedRevision = hot.snapshot.revision;
    const notes = snapshot.revision !== expectedRevision;
    const common = { snapshot, plan: hot.plan, kind: 'started', mode: 'exact' } as const;
    return this.#install({ ...common, expectedRevision, notes: notes || hot.head.kind !== 'started' });
  }

  #machine(): Machine {
    const { maxExecutionBytes, maxFailuresKept } = this.#context.options;
    return new Machine({ idempotency: NO_IDEMPOTENCY, maxExecutionBytes, maxFailuresKept });
  }

  async #now(partition: number): Promise<number> {
    return (await this.#context.client.call('reconcile', partition, ['0', 1])).now;
  }

  async #install(options: {
    readonly snapshot: ExecutionSnapshot;
    readonly plan: Plan;
    readonly kind: 'started' | 'redriven';
    readonly mode: 'restore' | 'exact';
    readonly expectedRevision: number;
    readonly notes: boolean;
  }): Promise<boolean> {
    const { state } = options.snapshot;
    const { wakeUps } = this.#context;
    const { graceMs, parkAfterMs } = this.#context.options;
    const stays = state === 'running' || options.notes;
    const leaveMs = stays ? undefined : state === 'pending' ? parkAfterMs : graceMs;
    const reply = await this.#installer.install({ ...options, leaveMs });
    if (!reply) return false;
    const partition = partitionOf(options.snapshot.executionId);
    wakeUps.timerSet(partition, reply.now, 0);
    wakeUps.afterCall(partition, reply);
    if (options.notes) wakeUps.outboxGrew(partition);
    return true;
  }
}
