import { createHash } from 'node:crypto';
import {
  type LeaseRequest,
  SUBMIT_OUTCOMES,
  type SubmitCommand,
  type SubmitOutcome,
} from '../../model/commands.js';
import { type ExecutionId, partitionOf, timeOfExecutionId, type WorkflowId } from '../../model/ids.js';
import type { Plan } from '../../model/plan.js';
import type { StoreReply } from '../state-store.js';
import type { FanOuts } from './fan-outs.js';
import { type Placed, partitionBatches } from './partition-batches.js';
import { asksForDefinition, type ScriptReply } from './partition-client.js';
import { definitionBody } from './plan-shelf.js';
import { packForLua } from './plan-wire.js';
import type { ScriptArgument } from './script-registry.js';
import type { StoreContext } from './store-context.js';
import type { TaskLeasing } from './task-leasing.js';

const MAX_DEFINITIONS_KNOWN = 100_000;

/** Creates executions. A definition goes along only with the first call that needs it in a partition. */
export class Submitting {
  readonly #context: StoreContext;
  readonly #leasing: TaskLeasing;
  readonly #fanOuts: FanOuts;
  /** "partition workflow" of definitions that the partition has had. */
  readonly #definitionsSent = new Set<string>();

  constructor(context: StoreContext, leasing: TaskLeasing, fanOuts: FanOuts) {
    this.#context = context;
    this.#leasing = leasing;
    this.#fanOuts = fanOuts;
  }

  async submit(commands: readonly SubmitCommand[], lease?: LeaseRequest): Promise<StoreReply<SubmitOutcome>> {
    const { accepted, client, depths, wakeUps, wires } = this.#context;
    depths.refuseWhenFull();
    const outcomes: SubmitOutcome[] = [];
    const batches = partitionBatches(commands, {
      partitions: client.partitions,
      partitionOf: (command) => partitionOf(command.executionId),
      sizeOf: ({ trigger, plan, params }) => ({
        weight: trigger ? wires.of(plan).firstSize(-1) : 0,
        bytes: params.length + plan.definitionBytes,
      }),
    });
    const tasks = await this.#leasing.along(batches, lease, async ({ partition, items }, leasing) => {
      const reply = await this.#call(partition, items, leasing);
      for (const [at, outcome] of reply.outcomes.entries()) {
        const place = items[at];
        if (place) outcomes[place.index] = submitOutcome(outcome as unknown[]);
      }
      const taken = items.filter((item) => outcomes[item.index]?.kind === 'accepted');
      depths.accepted(partition, taken.length);
      for (const { item } of taken) {
        if (!item.trigger) {
          accepted.set(item.executionId, item.plan.workflowId);
          continue;
        }
        wakeUps.armed(partition, reply, item.plan);
        await this.#fanOuts.goOnFrom(item.executionId, item.plan, -1);
      }
      wakeUps.outboxGrew(partition);
      return reply;
    });
    return { outcomes, tasks, durable: this.#context.durable() };
  }

  async #call(
    partition: number,
    items: readonly Placed<SubmitCommand>[],
    leasing: readonly ScriptArgument[],
  ): Promise<ScriptReply> {
    const { client } = this.#context;
    const plans = [...new Map(items.map(({ item }) => [item.plan.workflowId, item.plan])).values()];
    for (const plan of plans) this.#context.plans.keep(plan);
    const packed = this.#pack(items, plans);
    const params = items.map(({ item }) => item.params);
    const send = (definitions: 'new' | 'all'): Promise<ScriptReply> => {
      const bodies = plans.map((plan) => {
        const isKnown = definitions === 'new' && this.#definitionsSent.has(`${partition} ${plan.workflowId}`);
        return isKnown ? '' : definitionBody(plan);
      });
      return client.call('submit', partition, [packed, ...bodies, ...params, ...leasing]);
    };
    let reply: ScriptReply;
    try {
      reply = await send('new');
    } catch (error) {
      if (!asksForDefinition(error)) throw error;
      reply = await send('all');
    }
    if (this.#definitionsSent.size > MAX_DEFINITIONS_KNOWN) this.#definitionsSent.clear();
    for (const plan of plans) this.#definitionsSent.add(`${partition} ${plan.workflowId}`);
    return reply;
  }

  #pack(items: readonly Placed<SubmitCommand>[], plans: readonly Plan[]): Buffer {
    const { wires } = this.#context;
    const places = new Map(plans.map((plan, at) => [plan.workflowId, at + 1]));
    const definitions = plans.map((plan) => [
      ...[plan.workflowId, plan.nodes.length, plan.timeoutMs ?? false],
      wires.of(plan).first(-1),
    ]);
    const rows = items.flatMap(({ item: { executionId, plan, trigger, idempotency } }) => [
      ...[executionId, places.get(plan.workflowId), trigger ? 1 : 0, timeOfExecutionId(executionId)],
      ...(idempotency
        ? [hashOf(idempotency.key), idempotency.bodyHash, idempotency.ttlMs]
        : [false, false, false]),
    ]);
    const callbacks = items.flatMap(({ item: { callbackUrl } }, at) =>
      callbackUrl === undefined ? [] : [at + 1, callbackUrl],
    );
    return packForLua([definitions, rows, callbacks]);
  }

  /** The store was emptied: every definition goes along again. */
  forgetDefinitions(): void {
    this.#definitionsSent.clear();
  }
}

function hashOf(key: string): string {
  return createHash('sha256').update(key).digest('base64url');
}

function submitOutcome(row: readonly unknown[]): SubmitOutcome {
  const kind = SUBMIT_OUTCOMES[Number(row[0])];
  if (kind !== 'duplicate') return { kind: kind ?? 'accepted' };
  return { kind, executionId: String(row[1]) as ExecutionId, workflowId: String(row[2]) as WorkflowId };
}
