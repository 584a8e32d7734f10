import { type Condition, compileCondition } from '../src/model/condition.js';
import type { SecretFields } from '../src/model/secret-fields.js';
import {
  countReferences,
  parseTemplate,
  type ReferenceResolver,
  type Template,
} from '../src/model/template.js';
import type { ProgramSource } from '../src/runner/frames/task-frame.js';
import { type HandlerFault, invalidConfig } from './handler-fault.js';
import { parseJsonBytes } from './json-bytes.js';

/** What a thread keeps of a node, templates and condition compiled. */
export interface Program {
  readonly source: ProgramSource;
  readonly template: Template;
  readonly condition: Condition | undefined;
  /** How many placeholders template and condition have together. */
  readonly references: number;
  /** Ids of the inputs by node index. */
  readonly inputIds: ReadonlyMap<number, string>;
  readonly dependencies: ReadonlySet<number>;
  readonly resolve: ReferenceResolver;
  /** Where its config may hold secrets. */
  readonly secrets: SecretFields | undefined;
  /** What its tasks fail with, where it cannot be compiled. */
  readonly fault: HandlerFault | undefined;
}

/** Never throws: a frame holds the tasks of others too. */
export function compileProgram(source: ProgramSource, secrets?: SecretFields): Program {
  const indices = new Map(source.inputs.map(([index, id]) => [id, index] as const));
  const resolve: ReferenceResolver = (id) => indices.get(id);
  const common = {
    source,
    inputIds: new Map(source.inputs),
    dependencies: new Set(source.dependencies),
    resolve,
    secrets,
  };
  try {
    const template = parseTemplate(source.config, resolve, secrets);
    const condition = source.condition === null ? undefined : compileCondition(source.condition, resolve);
    const references =
      countReferences(template) + (condition === undefined ? 0 : countConditionReferences(condition));
    return { ...common, template, condition, references, fault: undefined };
  } catch (error) {
    const fault = invalidConfig(`The config or condition cannot be compiled: ${String(error)}`);
    const template: Template = { kind: 'value', value: null };
    return { ...common, template, condition: undefined, references: 0, fault };
  }
}

function countConditionReferences({ left, right }: Condition): number {
  return [left, right].reduce((sum, text) => sum + countReferences({ kind: 'text', text }), 0);
}

/** The template of a config that stands in for the program's for one task. `text`: JSON, UTF-8. */
export function compileOverride(program: Program, text: Uint8Array): Template {
  return parseTemplate(parseJsonBytes(text), program.resolve, program.secrets);
}
