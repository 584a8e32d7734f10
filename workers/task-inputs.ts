import type { TemplateScope } from '../src/model/template.js';
import { withoutTrace } from '../src/model/trace-context.js';
import type { TaskOrder } from '../src/runner/frames/task-frame.js';
import { parseJsonBytes } from './json-bytes.js';
import type { Program } from './program.js';
import type { TaskSecrets } from './task-secrets.js';

/** Params, upstream outputs and secrets of one task. Their JSON is parsed when it is first asked for, and once. */
export class TaskInputs implements TemplateScope {
  readonly #order: TaskOrder;
  readonly #secrets: TaskSecrets;
  #params: unknown = undefined;
  #texts: Map<number, Uint8Array> | undefined = undefined;
  readonly #values = new Map<number, unknown>();

  constructor(order: TaskOrder, secrets: TaskSecrets) {
    this.#order = order;
    this.#secrets = secrets;
  }

  /** Bytes of all their JSON. */
  get byteLength(): number {
    return this.#order.inputs.reduce((sum, { output }) => sum + output.length, this.#order.params.length);
  }

  get params(): unknown {
    if (this.#params === undefined) this.#params = parseJsonBytes(withoutTrace(this.#order.params));
    return this.#params;
  }

  outputs(nodeIndex: number): unknown {
    this.#texts ??= new Map(this.#order.inputs.map(({ node, output }) => [node, output] as const));
    const text = this.#texts.get(nodeIndex);
    if (text === undefined) return undefined;
    let value = this.#values.get(nodeIndex);
    if (value === undefined) {
      value = parseJsonBytes(text);
      this.#values.set(nodeIndex, value);
    }
    return value;
  }

  secret(name: string): string {
    return this.#secrets.take(name);
  }

  /** Outputs of the dependencies that have one, by node id. The record has no prototype, so that any id is safe. */
  ofDependencies(program: Program): Readonly<Record<string, unknown>> {
    const outputs = Object.create(null) as Record<string, unknown>;
    for (const { node } of this.#order.inputs) {
      const id = program.inputIds.get(node);
      if (id !== undefined && program.dependencies.has(node)) outputs[id] = this.outputs(node);
    }
    return outputs;
  }
}
