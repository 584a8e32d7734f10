import {
  type LeaseRequest,
  START_OUTCOMES,
  type StartCommand,
  type StartOutcome,
} from '../../model/commands.js';
import { type ExecutionId, partitionOf } from '../../model/ids.js';
import type { Plan } from '../../model/plan.js';
import type { StoreReply } from '../state-store.js';
import type { FanOuts } from './fan-outs.js';
import { partitionBatches } from './partition-batches.js';
import { packForLua } from './plan-wire.js';
import type { ScriptArgument } from './script-registry.js';
import type { StoreContext } from './store-context.js';
import type { TaskLeasing } from './task-leasing.js';

/** Starts pending executions. */
export class Starting {
  readonly #context: StoreContext;
  readonly #leasing: TaskLeasing;
  readonly #fanOuts: FanOuts;

  constructor(context: StoreContext, leasing: TaskLeasing, fanOuts: FanOuts) {
    this.#context = context;
    this.#leasing = leasing;
    this.#fanOuts = fanOuts;
  }

  async start(commands: readonly StartCommand[], lease?: LeaseRequest): Promise<StoreReply<StartOutcome>> {
    const { client, wakeUps, wires } = this.#context;
    const outcomes: StartOutcome[] = [];
    const plans = await this.#plansOf(commands.map((command) => command.executionId));
    const batches = partitionBatches(commands, {
      partitions: client.partitions,
      partitionOf: (command) => partitionOf(command.executionId),
      sizeOf: ({ executionId, params }) => {
        const plan = plans.get(executionId);
        return { weight: plan ? wires.of(plan).firstSize(-1) : 0, bytes: params?.length ?? 0 };
      },
    });
    const tasks = await this.#leasing.along(batches, lease, async ({ partition, items }, leasing) => {
      const reply = await client.call('start', partition, [
        ...this.#arguments(
          items.map(({ item }) => item),
          plans,
        ),
        ...leasing,
      ]);
      for (const [at, { item, index }] of items.entries()) {
        const outcome = START_OUTCOMES[Number(reply.outcomes[at])] ?? 'not_found';
        outcomes[index] = outcome;
        const plan = plans.get(item.executionId);
        if (!plan || outcome !== 'started') continue;
        wakeUps.armed(partition, reply, plan);
        await this.#fanOuts.goOnFrom(item.executionId, plan, -1);
      }
      wakeUps.outboxGrew(partition);
      return reply;
    });
    return { outcomes, tasks, durable: this.#context.durable() };
  }

  /** The commands as the script reads them: packed, each definition once; then the params. */
  #arguments(
    commands: readonly StartCommand[],
    plans: ReadonlyMap<ExecutionId, Plan>,
  ): readonly ScriptArgument[] {
    const { wires } = this.#context;
    const definitions = new Map<Plan | undefined, number>();
    const params: ScriptArgument[] = [];
    const rows = commands.flatMap((command) => {
      const plan = plans.get(command.executionId);
      let place = definitions.get(plan);
      if (place === undefined) {
        place = definitions.size + 1;
        definitions.set(plan, place);
      }
      if (command.params) params.push(command.params);
      return [command.executionId, place, command.params ? 1 : 0];
    });
    const told = [...definitions.keys()].map((plan) => [
      plan?.timeoutMs ?? false,
      plan ? wires.of(plan).first(-1) : false,
    ]);
    return [packForLua([told, rows]), ...params];
  }

  /** Plans of executions that are here. */
  async #plansOf(ids: readonly ExecutionId[]): Promise<Map<ExecutionId, Plan>> {
    const { accepted, plans, reader } = this.#context;
    const found = new Map<ExecutionId, Plan>();
    const unknown: ExecutionId[] = [];
    for (const id of ids) {
      const workflowId = accepted.get(id);
      const plan = workflowId && plans.peek(workflowId);
      accepted.delete(id);
      if (plan) found.set(id, plan);
      else unknown.push(id);
    }
    if (unknown.length === 0) return found;
    const heads = await reader.heads(unknown);
    await Promise.all(
      unknown.map(async (id, index) => {
        const head = heads[index];
        if (head) found.set(id, await plans.get(head.workflowId, partitionOf(id)));
      }),
    );
    return found;
  }
}
