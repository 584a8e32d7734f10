import type { LeasedTask, LeaseRef } from '../../model/commands.js';
import type { ExecutionId } from '../../model/ids.js';

/** The leases that this host holds, as far as it knows. */
export class HeldLeases {
  readonly #byExecution = new Map<ExecutionId, Map<number, LeasedTask>>();

  add(task: LeasedTask): void {
    const tasks = this.#byExecution.get(task.executionId);
    if (tasks) tasks.set(task.node, task);
    else this.#byExecution.set(task.executionId, new Map([[task.node, task]]));
  }

  remove({ executionId, node, fence }: LeaseRef): void {
    const tasks = this.#byExecution.get(executionId);
    if (tasks?.get(node)?.fence !== fence) return;
    tasks.delete(node);
    if (tasks.size === 0) this.#byExecution.delete(executionId);
  }

  has({ executionId, node, fence }: LeaseRef): boolean {
    return this.#byExecution.get(executionId)?.get(node)?.fence === fence;
  }

  /** The leases of an execution that has ended: they are void now. */
  takeExecution(id: ExecutionId): LeaseRef[] {
    const tasks = this.#byExecution.get(id);
    this.#byExecution.delete(id);
    return [...(tasks?.values() ?? [])].map(({ executionId, node, fence }) => ({ executionId, node, fence }));
  }

  takeAll(): LeaseRef[] {
    return [...this.#byExecution.keys()].flatMap((id) => this.takeExecution(id));
  }
}
