import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import type { HandlerCatalog } from './builtin-handlers.js';
import type { NodeDefinition } from './definition.js';
import { hasMoreValuesThan, pointerToken, quoted } from './json-value.js';
import { mayHavePlaceholder, scanPlaceholders } from './placeholder.js';
import { type Problem, ProblemList } from './problems.js';

/** Ids that placeholders or JavaScript's own objects use for something else. */
export const RESERVED_NODE_IDS: ReadonlySet<string> = new Set(['params', 'secrets', '__proto__']);

export interface NodeChecker {
  /** Throws INVALID_NODE: a reserved id, or a config that breaks the schema of its handler. */
  check(nodes: readonly NodeDefinition[], catalog: HandlerCatalog): void;
  /** The same of one node's config alone; paths begin with /config. */
  checkConfig(node: NodeDefinition, catalog: HandlerCatalog): void;
}

interface Validators {
  readonly first: ValidateFunction;
  readonly all: ValidateFunction;
}

/** Larger configs are searched for their first error only: each error is an object. */
const MAX_EXHAUSTIVE_VALUES = 5000;

const NO_CONFIG = {};

/** Compiles each handler's schema once, when a node first uses it. Handlers that the catalog lacks pass. */
export function createNodeChecker(): NodeChecker {
  const compiled = new WeakMap<object, Validators>();
  const validatorsOf = (schema: object): Validators => {
    const known = compiled.get(schema) ?? compileConfigSchema(schema);
    compiled.set(schema, known);
    return known;
  };
  const collect = (node: NodeDefinition, path: string, catalog: HandlerCatalog, problems: ProblemList) => {
    const schema = catalog.get(node.handler)?.configSchema;
    if (schema === undefined) return;
    for (const error of configErrors(validatorsOf(schema), node.config ?? NO_CONFIG)) {
      problems.add(() => describeConfigError(error, node, path));
    }
  };
  return {
    check(nodes, catalog) {
      const problems = new ProblemList();
      for (const [index, node] of nodes.entries()) {
        const path = `/dag/nodes/${index}`;
        if (RESERVED_NODE_IDS.has(node.id)) {
          problems.add(() => ({
            path: `${path}/id`,
            message: `${quoted(node.id)} is reserved; choose another id`,
          }));
        }
        collect(node, `${path}/config`, catalog, problems);
      }
      throwInvalid(problems);
    },
    checkConfig(node, catalog) {
      const problems = new ProblemList();
      collect(node, '/config', catalog, problems);
      throwInvalid(problems);
    },
  };
}

function throwInvalid(problems: ProblemList): void {
  problems.throwIfAny('INVALID_NODE', ({ path, message }) => `${path}: ${message}`);
}

/** Schemas are users' own: unknown keywords and formats pass, and inherited properties are not seen. */
function compileConfigSchema(schema: object): Validators {
  const compile = (allErrors: boolean) => {
    const ajv = new Ajv2020({
      allErrors,
      strict: false,
      ownProperties: true,
      addUsedSchema: false,
      logger: false,
    });
    addFormats.default(ajv);
    return ajv.compile(schema);
  };
  return { first: compile(false), all: compile(true) };
}

/** The errors that no value of a placeholder could mend. */
function configErrors(validators: Validators, config: Record<string, unknown>): readonly ErrorObject[] {
  if (validators.first(config)) return [];
  const validate = hasMoreValuesThan(config, MAX_EXHAUSTIVE_VALUES) ? validators.first : validators.all;
  validate(config);
  const errors = validate.errors ?? [];
  const templated = templatedPaths(config);
  return templated.length === 0 ? errors : errors.filter((error) => isCertain(error, templated));
}

/** Keywords that look at which properties or items there are and not at their values. */
const SHAPE_KEYWORDS: ReadonlySet<string> = new Set([
  'type',
  'required',
  'dependentRequired',
  'additionalProperties',
  'minProperties',
  'maxProperties',
  'minItems',
  'maxItems',
  'propertyNames',
]);
/** Under these an error is only part of a decision, which other values may turn. */
const DECIDING_KEYWORDS =
  /\/(?:anyOf|oneOf|not|if|then|else|contains|dependentSchemas|unevaluated\w+)(?:\/|$)/;

/** Errors at or above a string with placeholders may vanish with its value; they are left to the check at run time. */
function isCertain(error: ErrorObject, templated: readonly string[]): boolean {
  const path = error.instancePath;
  if (templated.includes(path)) return false;
  if (!templated.some((other) => other.startsWith(`${path}/`))) return true;
  return SHAPE_KEYWORDS.has(error.keyword) && !DECIDING_KEYWORDS.test(error.schemaPath);
}

/** JSON pointers of the strings that hold a placeholder. */
function templatedPaths(value: unknown, path = '', found: string[] = []): readonly string[] {
  if (typeof value === 'string') {
    const isTemplated =
      mayHavePlaceholder(value) && scanPlaceholders(value).some((piece) => typeof piece === 'object');
    if (isTemplated) found.push(path);
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, item] of Object.entries(value))
      templatedPaths(item, `${path}/${pointerToken(key)}`, found);
  }
  return found;
}

function describeConfigError(error: ErrorObject, node: NodeDefinition, path: string): Problem {
  const isMissing = error.keyword === 'required';
  const missing = isMissing ? `/${pointerToken(String(error.params.missingProperty))}` : '';
  const fault = isMissing ? 'is required' : (error.message ?? 'is wrong');
  return {
    path: `${path}${error.instancePath}${missing}`,
    message: `${fault} by handler ${quoted(node.handler)} (node ${quoted(node.id)})`,
  };
}
