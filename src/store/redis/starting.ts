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
      const args: ScriptArgument[] = [items.length];
      for (const { item } of items) {
        const plan = plans.get(item.executionId);
        const roots = plan ? wires.of(plan).first(-1) : '';
        args.push(item.executionId, item.params ? 1 : 0, item.params ?? '', plan?.timeoutMs ?? '', roots);
      }
      const ids = items.map(({ item }) => item.executionId);
      const reply = await client.call('start', partition, [...args, ...leasing], ids);
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
