import { Packr } from 'msgpackr';
import { BUILTIN_HANDLERS } from '../../model/builtin-handlers.js';
import type { Plan } from '../../model/plan.js';

/** Inputs past this number are read in pages, not with the lease. */
const MAX_INLINE_INPUTS = 64;
const BUILTIN: ReadonlySet<string> = new Set(BUILTIN_HANDLERS);
const packr = new Packr({ useRecords: false });
const NOTHING = Buffer.alloc(0);

export function packForLua(value: unknown): Buffer {
  // The packer reuses its buffer for what is not copied out.
  return Buffer.from(packr.pack(value));
}
export function unpackFromLua(bytes: Uint8Array): unknown {
  return packr.unpack(bytes);
}

/** Queue and handler class of a node: `queue:` for handlers that every host has, else `queue:handler`. */
export function laneOf(queue: string, handler: string): string {
  return `${encodeURIComponent(queue)}:${BUILTIN.has(handler) ? '' : encodeURIComponent(handler)}`;
}

/** `lane`: as the scripts name it, with the rank first. */
export function queueOfLane(lane: string): string {
  return decodeURIComponent(lane.split(':')[1] ?? '');
}

/** A plan as the scripts are told of it, made when first asked for. */
export class PlanWire {
  readonly #plan: Plan;
  readonly #chunk: number;
  readonly #lanes: string[];
  readonly #inputs: string[];
  readonly #firsts = new Map<number, Buffer>();

  constructor(plan: Plan, chunk: number) {
    this.#plan = plan;
    this.#chunk = chunk;
    this.#lanes = plan.nodes.map((node) => laneOf(node.queue, node.handler));
    this.#inputs = plan.nodes.map(({ inputs }) =>
      inputs.length > MAX_INLINE_INPUTS ? '*' : inputs.join(','),
    );
  }

  lane(node: number): string {
    return this.#lanes[node] ?? '';
  }
  /** Indices of the outputs that an attempt is handed, comma-separated; `*`: too many to go with the lease. */
  inputs(node: number): string {
    return this.#inputs[node] ?? '';
  }

  /** Nodes that `source` makes ready; -1: the start. */
  targets(source: number): readonly number[] {
    return source < 0 ? this.#plan.roots : (this.#plan.nodes[source]?.successors ?? []);
  }

  /** Whether one call does not take the fan-out. */
  isCut(source: number): boolean {
    return this.targets(source).length > this.#chunk;
  }

  /** Targets of the first chunk. */
  firstSize(source: number): number {
    return Math.min(this.targets(source).length, this.#chunk);
  }

  first(source: number): Buffer {
    if (this.targets(source).length === 0) return NOTHING;
    const known = this.#firsts.get(source);
    if (known) return known;
    const made = this.chunk(source, 0);
    this.#firsts.set(source, made);
    return made;
  }

  /** [how many in all, then node, dependencies, lane and inputs of each]. */
  chunk(source: number, from: number): Buffer {
    const targets = this.targets(source);
    const spec: unknown[] = [targets.length];
    for (const node of targets.slice(from, from + this.#chunk)) {
      spec.push(node, this.#plan.nodes[node]?.dependencies.length ?? 0, this.lane(node), this.inputs(node));
    }
    return packForLua(spec);
  }
}

/** Wires of plans, as long as the plans live. */
export class PlanWires {
  readonly #chunk: number;
  readonly #wires = new WeakMap<Plan, PlanWire>();

  constructor(chunk: number) {
    this.#chunk = chunk;
  }

  of(plan: Plan): PlanWire {
    let wire = this.#wires.get(plan);
    if (!wire) {
      wire = new PlanWire(plan, this.#chunk);
      this.#wires.set(plan, wire);
    }
    return wire;
  }
}
