import {
  headCandidates,
  mayHavePlaceholder,
  type PathStep,
  type Piece,
  type Placeholder,
  reservedHead,
  scanPlaceholders,
} from './placeholder.js';
import { type SecretFields, secretFieldsBelow } from './secret-fields.js';

/** The index of a node that may be referred to, by its id; undefined where there is none. */
export type ReferenceResolver = (nodeId: string) => number | undefined;

/** What placeholders are replaced by. Values are as JSON.parse makes them. */
export interface TemplateScope {
  readonly params: unknown;
  /** The output of a node by the index that the resolver gave; undefined where it has none. */
  outputs(nodeIndex: number): unknown;
  /** Throws where there is none of this name. Without it no template may hold secrets. */
  secret?(name: string): string;
}

/** Where a placeholder's value comes from. */
export interface Reference {
  /** Index of a node, `PARAMS` or `SECRETS`. */
  readonly source: number;
  readonly steps: readonly ReferenceStep[];
  /** The placeholder's own text, which stays where there is no value. */
  readonly raw: string;
}

export interface ReferenceStep {
  readonly key: string;
  /** The key as a list index; -1 where it is none. */
  readonly index: number;
}

/** `Reference.source` of the trigger parameters. */
export const PARAMS = -1;
/** `Reference.source` of the secrets of the host; its one step names one. */
export const SECRETS = -2;

/** Plain text and references, in order. */
export type TextTemplate = readonly (string | Reference)[];

/** A JSON value that was compiled once, to be rendered for each task. Immutable. */
export type Template =
  | { readonly kind: 'value'; readonly value: unknown }
  | { readonly kind: 'reference'; readonly reference: Reference }
  | { readonly kind: 'text'; readonly text: TextTemplate }
  | { readonly kind: 'list'; readonly items: readonly Template[] }
  | { readonly kind: 'record'; readonly entries: readonly (readonly [key: string, template: Template])[] };

/**
 * Compiles a JSON value: a string at any depth may hold placeholders, keys may not. `resolve` need only know the nodes
 * that the value may refer to, which are `plan.nodes[i].inputs`: of several ids that a dotted path may begin with, the
 * longest that it knows wins. A placeholder that begins with neither such an id nor `params` is plain text.
 *
 * `{{ secrets.NAME }}` is a placeholder only where `secrets` says so of its place, and plain text elsewhere.
 *
 * The value must be nested no deeper than `MAX_JSON_DEPTH` (json-value).
 */
export function parseTemplate(value: unknown, resolve: ReferenceResolver, secrets?: SecretFields): Template {
  if (typeof value === 'string') return parseString(value, resolve, secrets);
  if (typeof value !== 'object' || value === null) return { kind: 'value', value };
  if (Array.isArray(value)) {
    const below = secretFieldsBelow(secrets, undefined);
    return { kind: 'list', items: value.map((item) => parseTemplate(item, resolve, below)) };
  }
  const entries = Object.entries(value).map(
    ([key, item]) => [key, parseTemplate(item, resolve, secretFieldsBelow(secrets, key))] as const,
  );
  return { kind: 'record', entries };
}

function parseString(value: string, resolve: ReferenceResolver, secrets?: SecretFields): Template {
  if (!mayHavePlaceholder(value)) return { kind: 'value', value };
  const text = resolvePieces(scanPlaceholders(value), resolve, secrets);
  const [first] = text;
  if (text.length === 1 && typeof first === 'object') return { kind: 'reference', reference: first };
  return text.every((part) => typeof part === 'string') ? { kind: 'value', value } : { kind: 'text', text };
}

/** Ties the placeholders among the pieces to what they refer to. */
export function resolvePieces(
  pieces: readonly Piece[],
  resolve: ReferenceResolver,
  secrets?: SecretFields,
): TextTemplate {
  return pieces.map((piece) =>
    typeof piece === 'string' ? piece : (resolvePlaceholder(piece, resolve, secrets) ?? piece.raw),
  );
}

function resolvePlaceholder(
  placeholder: Placeholder,
  resolve: ReferenceResolver,
  secrets: SecretFields | undefined,
): Reference | undefined {
  const { path, raw } = placeholder;
  const reserved = reservedHead(path);
  if (reserved === 'secrets') {
    const isOne = secrets?.isSecret === true && path.length === 2;
    return isOne ? { source: SECRETS, steps: stepsAfter(path, 1), raw } : undefined;
  }
  if (reserved === 'params') return { source: PARAMS, steps: stepsAfter(path, 1), raw };
  const candidates = headCandidates(path);
  for (const [index, candidate] of candidates.entries()) {
    const source = resolve(candidate);
    if (source !== undefined) return { source, steps: stepsAfter(path, candidates.length - index), raw };
  }
  return undefined;
}

const LIST_INDEX = /^(?:0|[1-9][0-9]{0,9})$/;

function stepsAfter(path: readonly PathStep[], count: number): readonly ReferenceStep[] {
  return path
    .slice(count)
    .map(({ name }) => ({ key: name, index: LIST_INDEX.test(name) ? Number(name) : -1 }));
}

/**
 * The value with its placeholders replaced. A string that is one placeholder and nothing else keeps the type of the
 * value; inside a longer string it is written as `textOf` says. A placeholder without a value stays as it stands, and
 * substituted text is not searched for placeholders again.
 *
 * Lists and records are made anew with each call, so that a handler may change them; values that came from the scope
 * are shared with it.
 */
export function renderTemplate(template: Template, scope: TemplateScope): unknown {
  switch (template.kind) {
    case 'value':
      return template.value;
    case 'reference':
      return renderReference(template.reference, scope);
    case 'text':
      return renderText(template.text, scope);
    case 'list':
      return template.items.map((item) => renderTemplate(item, scope));
    case 'record':
      return renderRecord(template.entries, scope);
  }
}

function renderReference(reference: Reference, scope: TemplateScope): unknown {
  const value = lookUp(reference, scope);
  return value === undefined ? reference.raw : value;
}

function renderRecord(
  entries: readonly (readonly [key: string, template: Template])[],
  scope: TemplateScope,
): Record<string, unknown> {
  const record: Record<string, unknown> = {};
  for (const [key, template] of entries) {
    const value = renderTemplate(template, scope);
    // An assignment to this key would set the prototype instead of making a property.
    if (key === '__proto__') {
      Object.defineProperty(record, key, { value, writable: true, enumerable: true, configurable: true });
    } else {
      record[key] = value;
    }
  }
  return record;
}

/** The text with its placeholders replaced. */
export function renderText(text: TextTemplate, scope: TemplateScope): string {
  let rendered = '';
  for (const part of text) {
    if (typeof part === 'string') {
      rendered += part;
      continue;
    }
    const value = lookUp(part, scope);
    rendered += value === undefined ? part.raw : textOf(value);
  }
  return rendered;
}

/**
 * Whether what placeholders put in has at most `limit` characters in all, objects as JSON. A short template makes much
 * of large values that it names often; this makes none of it, and stops where the limit is passed.
 */
export function substitutesWithin(template: Template, scope: TemplateScope, limit: number): boolean {
  return spend(template, scope, limit) >= 0;
}

/** What is left of `budget`; below 0 where it does not suffice. */
function spend(template: Template, scope: TemplateScope, budget: number): number {
  switch (template.kind) {
    case 'value':
      return budget;
    case 'reference':
      return budget - lengthOf(template.reference, scope);
    case 'text':
      return spendAll(template.text, budget, (part, left) =>
        typeof part === 'string' ? left : left - lengthOf(part, scope),
      );
    case 'list':
      return spendAll(template.items, budget, (item, left) => spend(item, scope, left));
    case 'record':
      return spendAll(template.entries, budget, ([, item], left) => spend(item, scope, left));
  }
}

function spendAll<T>(parts: readonly T[], budget: number, take: (part: T, left: number) => number): number {
  let left = budget;
  for (const part of parts) {
    if (left < 0) break;
    left = take(part, left);
  }
  return left;
}

function lengthOf(reference: Reference, scope: TemplateScope): number {
  const value = lookUp(reference, scope);
  return value === undefined ? reference.raw.length : textOf(value).length;
}

/** A JSON value as it stands inside a longer text: a string as it is, anything else as JSON. */
export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** Follows a path through own properties and list items only; undefined where it leads nowhere. */
function lookUp(reference: Reference, scope: TemplateScope): unknown {
  if (reference.source === SECRETS) return scope.secret?.(reference.steps[0]?.key ?? '');
  let value = reference.source === PARAMS ? scope.params : scope.outputs(reference.source);
  for (const { key, index } of reference.steps) {
    if (typeof value !== 'object' || value === null) return undefined;
    if (Array.isArray(value)) value = index === -1 ? undefined : value[index];
    else value = Object.hasOwn(value, key) ? (value as Record<string, unknown>)[key] : undefined;
  }
  return value;
}

/** How often the template refers to a value. */
export function countReferences(template: Template): number {
  switch (template.kind) {
    case 'value':
      return 0;
    case 'reference':
      return 1;
    case 'text':
      return template.text.filter((part) => typeof part === 'object').length;
    case 'list':
      return template.items.reduce((sum, item) => sum + countReferences(item), 0);
    case 'record':
      return template.entries.reduce((sum, [, item]) => sum + countReferences(item), 0);
  }
}

/** Indices of the nodes that the template refers to; ascending, each once. */
export function templateReferences(template: Template): readonly number[] {
  const found = new Set<number>();
  collectReferences(template, found);
  return [...found].sort((a, b) => a - b);
}

function collectReferences(template: Template, found: Set<number>): void {
  switch (template.kind) {
    case 'value':
      return;
    case 'reference':
      collectTextReferences([template.reference], found);
      return;
    case 'text':
      collectTextReferences(template.text, found);
      return;
    case 'list':
      for (const item of template.items) collectReferences(item, found);
      return;
    case 'record':
      for (const [, item] of template.entries) collectReferences(item, found);
      return;
  }
}

/** Adds the indices of the nodes that the text refers to. */
export function collectTextReferences(text: TextTemplate, found: Set<number>): void {
  for (const part of text) {
    if (typeof part === 'object' && part.source >= 0) found.add(part.source);
  }
}
