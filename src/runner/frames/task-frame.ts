import type { RunnerInput } from '../task-runner.js';
import { joinFrame, openFrame, type PayloadReader } from './byte-frame.js';
import { FlatList } from './flat-list.js';

/** What a thread must know of a node to run its tasks; sent once, as JSON, and kept until it is evicted. */
export interface ProgramSource {
  readonly handler: string;
  readonly nodeId: string;
  readonly workflowName: string;
  readonly config: unknown;
  /** null: the node always runs. */
  readonly condition: string | null;
  /** Index and id of `PlanNode.inputs`. */
  readonly inputs: ReadonlyArray<readonly [index: number, id: string]>;
  /** Which of the inputs are dependencies. */
  readonly dependencies: readonly number[];
}

/** Why a task's signal fires: its own time is over, or nobody wants its result any more. */
export const ABORT_REASONS = ['timeout', 'cancelled'] as const;
export type AbortReason = (typeof ABORT_REASONS)[number];

/** One task as a thread receives it. */
export interface TaskOrder {
  readonly slot: number;
  readonly ticket: number;
  readonly programId: number;
  readonly attempt: number;
  readonly executionId: string;
  readonly idempotencyKey: string;
  /** As in `RunnerTask`. */
  readonly params: Uint8Array;
  readonly inputs: readonly RunnerInput[];
  /** JSON text of a config that stands in for the program's; undefined: none. */
  readonly configOverride: Uint8Array | undefined;
}

/** From the main thread to a worker thread. Programs are learned before the tasks, and forgotten after them. */
export interface TaskFrame {
  readonly programs: ReadonlyArray<{ readonly id: number; readonly source: ProgramSource }>;
  readonly tasks: readonly TaskOrder[];
  /** Slot and ticket of the tasks whose signal is to fire, and why. */
  readonly aborts: ReadonlyArray<{
    readonly slot: number;
    readonly ticket: number;
    readonly reason: AbortReason;
  }>;
  readonly forgottenPrograms: readonly number[];
  /** Answered by the same number as soon as the thread gets to it; 0: no answer is asked for. */
  readonly ping: number;
}

const NO_PAYLOAD = -1;

/** Collects what one thread is to be told, and writes it as one frame. */
export class TaskFrameWriter {
  #programs: number[] = [];
  #programPayloads: Uint8Array[] = [];
  #tasks: (number | string)[] = [];
  #taskPayloads: Uint8Array[] = [];
  #aborts: number[] = [];
  #forgotten: number[] = [];
  #ping = 0;
  #taskCount = 0;

  get isEmpty(): boolean {
    return this.#tasks.length + this.#aborts.length + this.#forgotten.length + this.#ping === 0;
  }

  get taskCount(): number {
    return this.#taskCount;
  }

  /** `text`: JSON of a ProgramSource, UTF-8. */
  addProgram(id: number, text: Uint8Array): void {
    this.#programs.push(id, text.length);
    this.#programPayloads.push(text);
  }

  addTask(order: TaskOrder): void {
    const { params, configOverride, inputs } = order;
    this.#taskCount += 1;
    this.#tasks.push(
      order.slot,
      order.ticket,
      order.programId,
      order.attempt,
      order.executionId,
      order.idempotencyKey,
    );
    this.#tasks.push(params.length, configOverride?.length ?? NO_PAYLOAD, inputs.length);
    this.#taskPayloads.push(params);
    if (configOverride !== undefined) this.#taskPayloads.push(configOverride);
    for (const input of inputs) {
      this.#tasks.push(input.node, input.output.length);
      this.#taskPayloads.push(input.output);
    }
  }

  addAbort(slot: number, ticket: number, reason: AbortReason): void {
    this.#aborts.push(slot, ticket, ABORT_REASONS.indexOf(reason));
  }

  forgetProgram(id: number): void {
    this.#forgotten.push(id);
  }

  askForAnswer(ping: number): void {
    this.#ping = ping;
  }

  /** The frame, of which the writer keeps nothing. */
  take(): Buffer<ArrayBuffer> {
    const frame = joinFrame(
      [this.#programs, this.#tasks, this.#aborts, this.#forgotten, this.#ping],
      [...this.#programPayloads, ...this.#taskPayloads],
    );
    this.#programs = [];
    this.#programPayloads = [];
    this.#tasks = [];
    this.#taskPayloads = [];
    this.#aborts = [];
    this.#forgotten = [];
    this.#ping = 0;
    this.#taskCount = 0;
    return frame;
  }
}

export function readTaskFrame(bytes: Uint8Array): TaskFrame {
  const { head, payloads } = openFrame(bytes);
  const [programs, tasks, aborts, forgotten, ping] = head as readonly unknown[];
  return {
    programs: readPrograms(new FlatList(programs), payloads),
    tasks: readTasks(new FlatList(tasks), payloads),
    aborts: readAborts(new FlatList(aborts)),
    forgottenPrograms: forgotten as readonly number[],
    ping: ping as number,
  };
}

function readPrograms(list: FlatList, payloads: PayloadReader): TaskFrame['programs'] {
  const programs: { id: number; source: ProgramSource }[] = [];
  while (!list.done) {
    const id = list.number();
    const text = Buffer.from(payloads.next(list.number())).toString();
    programs.push({ id, source: JSON.parse(text) as ProgramSource });
  }
  return programs;
}

const NO_INPUTS: readonly RunnerInput[] = [];

function readTasks(list: FlatList, payloads: PayloadReader): readonly TaskOrder[] {
  const tasks: TaskOrder[] = [];
  while (!list.done) {
    const slot = list.number();
    const ticket = list.number();
    const programId = list.number();
    const attempt = list.number();
    const executionId = list.text();
    const idempotencyKey = list.text();
    const params = payloads.next(list.number());
    const overrideLength = list.number();
    const inputCount = list.number();
    const configOverride = overrideLength === NO_PAYLOAD ? undefined : payloads.next(overrideLength);
    const inputs = inputCount === 0 ? NO_INPUTS : readInputs(list, payloads, inputCount);
    tasks.push({
      slot,
      ticket,
      programId,
      attempt,
      executionId,
      idempotencyKey,
      params,
      inputs,
      configOverride,
    });
  }
  return tasks;
}

function readInputs(list: FlatList, payloads: PayloadReader, count: number): readonly RunnerInput[] {
  const inputs: RunnerInput[] = [];
  for (let i = 0; i < count; i++) {
    const node = list.number();
    inputs.push({ node, output: payloads.next(list.number()) });
  }
  return inputs;
}

function readAborts(list: FlatList): TaskFrame['aborts'] {
  const aborts: { slot: number; ticket: number; reason: AbortReason }[] = [];
  while (!list.done) {
    const [slot, ticket] = [list.number(), list.number()];
    aborts.push({ slot, ticket, reason: ABORT_REASONS[list.number()] ?? 'cancelled' });
  }
  return aborts;
}
