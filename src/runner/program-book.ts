import type { Plan } from '../model/plan.js';
import type { ProgramSource, TaskFrameWriter } from './frames/task-frame.js';

export interface ProgramLimits {
  readonly maxPrograms: number;
  /** Of JSON text. */
  readonly maxBytes: number;
}

interface Entry {
  readonly id: number;
  readonly bytes: number;
  /** Asked for since it was last looked at for eviction. */
  used: boolean;
}

/** A node's index fits below; see MAX_NODES. */
const NODES_PER_PLAN = 2 ** 24;

/** Numbers plans, so that a program's key is one number. A plan that is compiled anew is another plan. */
export class PlanNumbers {
  readonly #numbers = new WeakMap<Plan, number>();
  #last = 0;

  keyOf(plan: Plan, node: number): number {
    let number = this.#numbers.get(plan);
    if (number === undefined) {
      number = ++this.#last;
      this.#numbers.set(plan, number);
    }
    return number * NODES_PER_PLAN + node;
  }
}

/**
 * The programs that one thread has. This side decides what the thread keeps, so that neither asks the other: what the
 * book lacks goes along with the task, what falls out of it is named in the same frame and forgotten after it.
 * Eviction is second chance (CLOCK): a hit costs one look-up and no reordering.
 */
export class ProgramBook {
  readonly #numbers: PlanNumbers;
  readonly #limits: ProgramLimits;
  readonly #entries = new Map<number, Entry>();
  #bytes = 0;
  #lastId = 0;

  constructor(numbers: PlanNumbers, limits: ProgramLimits) {
    this.#numbers = numbers;
    this.#limits = limits;
  }

  /** The id under which the thread has, or will have read from this frame, the node's program. */
  idFor(plan: Plan, node: number, frame: TaskFrameWriter): number {
    const key = this.#numbers.keyOf(plan, node);
    const known = this.#entries.get(key);
    if (known !== undefined) {
      known.used = true;
      return known.id;
    }
    const text = Buffer.from(JSON.stringify(programOf(plan, node)));
    const entry: Entry = { id: ++this.#lastId, bytes: text.length, used: false };
    this.#entries.set(key, entry);
    this.#bytes += entry.bytes;
    frame.addProgram(entry.id, text);
    this.#evict(frame);
    return entry.id;
  }

  /** Keeps the newest in any case. An entry that is put back comes up again in the same walk. */
  #evict(frame: TaskFrameWriter): void {
    for (const [key, entry] of this.#entries) {
      const fits = this.#entries.size <= this.#limits.maxPrograms && this.#bytes <= this.#limits.maxBytes;
      if (fits || this.#entries.size === 1) return;
      if (entry.id === this.#lastId) continue;
      this.#entries.delete(key);
      if (entry.used) {
        entry.used = false;
        this.#entries.set(key, entry);
      } else {
        this.#bytes -= entry.bytes;
        frame.forgetProgram(entry.id);
      }
    }
  }
}

function programOf(plan: Plan, index: number): ProgramSource {
  const node = plan.nodes[index];
  const definition = plan.definition.dag.nodes[index];
  if (node === undefined || definition === undefined) {
    throw new RangeError(`workflow ${plan.workflowId} has no node ${index}`);
  }
  return {
    handler: node.handler,
    nodeId: node.id,
    workflowName: plan.name,
    config: definition.config ?? {},
    condition: definition.condition ?? null,
    inputs: node.inputs.map((input) => [input, plan.nodes[input]?.id ?? ''] as const),
    dependencies: node.dependencies,
  };
}
