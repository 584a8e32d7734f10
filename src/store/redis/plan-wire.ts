import { Packr } from 'msgpackr';
import { BUILTIN_HANDLERS } from '../../model/builtin-handlers.js';
import type { Plan } from '../../model/plan.js';

/** Inputs past this number are read in pages, not with the lease. */
const MAX_INLINE_INPUTS = 64;
const BUILTIN: ReadonlySet<string> = new Set(BUILTIN_HANDLERS);
/** Instants come as 64-bit integers, and are far below 2^53. */
const packr = new Packr({ useRecords: false, int64AsType: 'number' });

/** How many nodes a fan-out readies in all, then node, dependencies, lane and inputs of each of the first; false: none. */
export type Targets = readonly (number | string)[] | false;
/** What the scripts are told of a node with an outcome: node, lane, inputs, and what it readies. */
export type Step = readonly [node: number, lane: string, inputs: string, targets: Targets];

export function packForLua(value: unknown): Buffer {
  // The packer reuses its buffer for what is not copied out.
  return Buffer.from(packr.pack(value));
}
export function unpackFromLua(bytes: Uint8Array): unknown {
  return packr.unpack(bytes);
}
/** Texts that a script joined (lib/partition.lua); null: there is none. They share the memory of the reply. */
export function separateTexts([lengths, bytes]: readonly [Buffer, Buffer]): (Buffer | null)[] {
  let at = 0;
  return (unpackFromLua(lengths) as number[]).map((length) => {
    if (length < 0) return null;
    at += length;
    return bytes.subarray(at - length, at);
  });
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
  readonly #firsts = new Map<number, Targets>();
  readonly #steps = new Map<number, Step>();
  readonly #places = new Map<number, Step>();

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

  /** The node, and what its end readies in one call. The same object each time, so that a call tells it once. */
  step(node: number): Step {
    return this.#kept(this.#steps, node, () => [node, this.lane(node), this.inputs(node), this.first(node)]);
  }
  /** The node alone, as `step`. -1: the execution. */
  place(node: number): Step {
    return this.#kept(this.#places, node, () => [node, this.lane(node), this.inputs(node), false]);
  }

  /** Targets of the first chunk. */
  first(source: number): Targets {
    return this.#kept(
      this.#firsts,
      source,
      () => this.targets(source).length > 0 && this.#targetsFrom(source, 0),
    );
  }

  #kept<T>(known: Map<number, T>, node: number, make: () => T): T {
    let kept = known.get(node);
    if (kept === undefined) {
      kept = make();
      known.set(node, kept);
    }
    return kept;
  }

  chunk(source: number, from: number): Buffer {
    return packForLua(this.#targetsFrom(source, from));
  }

  #targetsFrom(source: number, from: number): (number | string)[] {
    const targets = this.targets(source);
    const told: (number | string)[] = [targets.length];
    for (const node of targets.slice(from, from + this.#chunk)) {
      told.push(node, this.#plan.nodes[node]?.dependencies.length ?? 0, this.lane(node), this.inputs(node));
    }
    return told;
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
