import { type ExecutionId, partitionOf } from '../../model/ids.js';
import type { Plan } from '../../model/plan.js';
import type { StoreContext } from './store-context.js';

/** Fan-outs that are too large for one call: their targets are readied chunk by chunk, from a cursor that Redis keeps. */
export class FanOuts {
  readonly #context: StoreContext;

  constructor(context: StoreContext) {
    this.#context = context;
  }

  /** Goes on with a fan-out that one call did not take, until it is done or another host is found at it. */
  async goOnFrom(executionId: ExecutionId, plan: Plan, source: number): Promise<void> {
    const wire = this.#context.wires.of(plan);
    if (!wire.isCut(source)) return;
    await this.#chunks(executionId, plan, source, wire.firstSize(source));
  }

  /** `member`: "execution source" of a fan-out whose host has not gone on with it. */
  async goOnWithStalled(partition: number, member: string): Promise<void> {
    const { client, plans, reader } = this.#context;
    const [id, source] = member.split(' ');
    const executionId = id as ExecutionId;
    const [head] = await reader.heads([executionId]);
    const probe = await client.call('expand', partition, [executionId, Number(source), 0, '']);
    if (!head) return;
    const plan = await plans.get(head.workflowId, partition);
    await this.#chunks(executionId, plan, Number(source), Number(probe.outcomes[0]));
  }

  async #chunks(executionId: ExecutionId, plan: Plan, source: number, from: number): Promise<void> {
    const { client, wakeUps, wires } = this.#context;
    const wire = wires.of(plan);
    const partition = partitionOf(executionId);
    let cursor = from;
    while (cursor >= 0) {
      const args = [executionId, source, cursor, wire.chunk(source, cursor)];
      const reply = await client.call('expand', partition, args);
      wakeUps.afterCall(partition, reply);
      cursor = Number(reply.outcomes[0]);
    }
  }
}
