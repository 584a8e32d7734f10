import { createBodyShapes, nodesOf } from './body-shape.js';
import type { HandlerCatalog } from './builtin-handlers.js';
import { analyseDefinition, buildPlan } from './compile-plan.js';
import { createNodeChecker } from './config-check.js';
import { MillraceError } from './errors.js';
import { type ConfigOverride, checkOverride } from './override-check.js';
import type { Plan } from './plan.js';
import { ProblemList } from './problems.js';

/** A submission that was accepted, ready for the engine. */
export interface ParsedSubmission {
  readonly plan: Plan;
  /** JSON text, UTF-8; `{}` where the body names none. Not to be changed. */
  readonly params: Uint8Array;
  readonly trigger: boolean;
  readonly idempotencyKey?: string;
  /** Normalized. */
  readonly callbackUrl?: string;
}

export interface SubmissionLimits {
  readonly maxNodes: number;
  /** Of the JSON text. */
  readonly maxParamsBytes: number;
}

/**
 * Turns bodies, as JSON.parse made them, into what the engine takes. All methods throw a MillraceError:
 * VALIDATION_ERROR where the shape is wrong, PAYLOAD_TOO_LARGE past a limit. `context.errors` lists what is wrong as
 * `{path, message}`, with JSON pointers into the body; `validationDetail` (problems) makes the rows of `detail` of it.
 * A body belongs to the parser from then on: a plan shares its configs.
 */
export interface SubmissionParser {
  /** Also EMPTY_WORKFLOW, DUPLICATE_NODE_ID, INVALID_NODE_REFERENCE, CYCLIC_DEPENDENCY, INVALID_NODE and
   * INVALID_TEMPLATE_REFERENCE, the first of these that applies. */
  parse(body: unknown): ParsedSubmission;
  /** The value of a `params` field; undefined stands for `{}`. Answers JSON text. */
  parseParams(value: unknown): Uint8Array;
  /** The body that runs a known workflow again; undefined where there is none. */
  parseRerun(body: unknown): Pick<ParsedSubmission, 'params' | 'trigger' | 'callbackUrl'>;
  /** The body of a trigger; undefined where there is none. Without `params` those of the submission stand. */
  parseTrigger(body: unknown): { readonly params?: Uint8Array };
  /** The body that retries a dead letter; undefined where there is none. */
  parseRedrive(body: unknown): { readonly config?: Record<string, unknown> };
  /** See `checkOverride`. */
  checkOverride(override: ConfigOverride): void;
}

/** Takes some milliseconds; `catalog` is asked anew for each submission. */
export function createSubmissionParser(options: {
  readonly limits: SubmissionLimits;
  readonly catalog: () => HandlerCatalog;
  /** Why no callback may go to this URL; undefined: it may. */
  readonly refusalOfCallback: (url: URL) => string | undefined;
}): SubmissionParser {
  const { limits, catalog } = options;
  const callbackOf = (body: { readonly callback_url?: string | null }) => {
    if (typeof body.callback_url !== 'string') return {};
    return { callbackUrl: checkCallback(body.callback_url, options.refusalOfCallback) };
  };
  const shapes = createBodyShapes();
  const checker = createNodeChecker();
  const paramsText = (params: object | null | undefined) => encodeParams(params, limits.maxParamsBytes);
  return {
    parse(input) {
      checkNodeCount(nodesOf(input).length, limits.maxNodes);
      const body = shapes.submission(input);
      const params = paramsText(body.params);
      const callback = callbackOf(body);
      const analysed = analyseDefinition(body);
      checker.check(analysed.definition.dag.nodes, catalog());
      analysed.references.problems.throwIfAny(
        'INVALID_TEMPLATE_REFERENCE',
        ({ path, message }) => `${path}: ${message}`,
      );
      return {
        plan: buildPlan(analysed),
        params,
        trigger: body.trigger ?? false,
        ...(typeof body.idempotency_key === 'string' && { idempotencyKey: body.idempotency_key }),
        ...callback,
      };
    },
    parseParams: (value) => paramsText(shapes.trigger({ params: value ?? null }).params),
    parseRerun(input) {
      const body = input === undefined ? {} : shapes.rerun(input);
      return { params: paramsText(body.params), trigger: body.trigger ?? false, ...callbackOf(body) };
    },
    parseTrigger(input) {
      const { params = null } = input === undefined ? {} : shapes.trigger(input);
      return params === null ? {} : { params: paramsText(params) };
    },
    parseRedrive(input) {
      const { config = null } = input === undefined ? {} : shapes.redrive(input);
      return config === null ? {} : { config };
    },
    checkOverride: (override) => checkOverride(override, checker, catalog()),
  };
}

const NO_PARAMS: Uint8Array = Buffer.from('{}');

function encodeParams(params: object | null | undefined, maxParamsBytes: number): Uint8Array {
  if (params === undefined || params === null) return NO_PARAMS;
  const bytes = Buffer.from(JSON.stringify(params));
  if (bytes.length > maxParamsBytes) {
    throw new MillraceError(
      'PAYLOAD_TOO_LARGE',
      `params have ${bytes.length} bytes as JSON, at most ${maxParamsBytes} are taken; send a reference to the data instead`,
      { context: { limit_bytes: maxParamsBytes, actual_bytes: bytes.length } },
    );
  }
  return bytes;
}

function checkCallback(text: string, refusalOf: (url: URL) => string | undefined): string {
  const problems = new ProblemList();
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const refusal = url === undefined ? 'must be an absolute URL' : refusalOf(url);
  if (refusal !== undefined)
    problems.add(() => ({ path: '/callback_url', message: refusal, type: 'value_error' }));
  problems.throwIfAny('VALIDATION_ERROR', ({ path, message }) => `${path} ${message}`);
  return url?.href ?? text;
}

function checkNodeCount(count: number, maxNodes: number): void {
  if (count <= maxNodes) return;
  throw new MillraceError(
    'PAYLOAD_TOO_LARGE',
    `The DAG has ${count} nodes, at most ${maxNodes} are taken; split the workflow`,
    { context: { limit_nodes: maxNodes, actual_nodes: count } },
  );
}
