import { type Piece, scanPlaceholders } from './placeholder.js';
import {
  collectTextReferences,
  type ReferenceResolver,
  renderText,
  resolvePieces,
  type TemplateScope,
  type TextTemplate,
} from './template.js';

/** A condition that was compiled once, to be evaluated when its node is ready. Immutable. */
export interface Condition {
  /** undefined: the condition is one text alone. */
  readonly operator: ConditionOperator | undefined;
  readonly left: TextTemplate;
  /** Empty where there is no operator. */
  readonly right: TextTemplate;
}

export type ConditionOperator = '==' | '!=';

/**
 * Compiles the text of a condition. Its operator is the first `==` or `!=` that stands in its own text: not in a
 * placeholder, and not in quotes that the condition begins with (`'a == b' == {{ x.y }}` compares with `a == b`).
 * `resolve` is as for `parseTemplate`.
 */
export function compileCondition(text: string, resolve: ReferenceResolver): Condition {
  const pieces = scanPlaceholders(text);
  const found =
    findOperator(pieces, { skipLeadingQuotes: true }) ?? findOperator(pieces, { skipLeadingQuotes: false });
  if (found === undefined) return { operator: undefined, left: resolvePieces(pieces, resolve), right: [] };
  const { piece, offset, operator } = found;
  const own = pieces[piece] as string;
  const left = [...pieces.slice(0, piece), own.slice(0, offset)];
  const right = [own.slice(offset + operator.length), ...pieces.slice(piece + 1)];
  return { operator, left: resolvePieces(left, resolve), right: resolvePieces(right, resolve) };
}

/**
 * Whether the node runs. Placeholders are replaced first. `A == B` and `A != B` then compare as text, each side trimmed
 * and freed of one pair of quotes around it; `True` is `true` and `False` is `false`. Alone, `true`, `1` and `yes` run,
 * `false`, `0`, `no` and nothing at all skip, in any case of letters; any other text runs, a placeholder that stayed
 * for want of a value and `null` among them.
 */
export function evaluateCondition(condition: Condition, scope: TemplateScope): boolean {
  const left = operand(renderText(condition.left, scope));
  if (condition.operator === undefined) return !SKIPS.has(left.trim().toLowerCase());
  const right = operand(renderText(condition.right, scope));
  return (left === right) === (condition.operator === '==');
}

/** Indices of the nodes that the condition refers to; ascending, each once. */
export function conditionReferences(condition: Condition): readonly number[] {
  const found = new Set<number>();
  collectTextReferences(condition.left, found);
  collectTextReferences(condition.right, found);
  return [...found].sort((a, b) => a - b);
}

const SKIPS: ReadonlySet<string> = new Set(['false', '0', 'no', '']);

function operand(text: string): string {
  const bare = unquote(text.trim());
  if (bare === 'True') return 'true';
  return bare === 'False' ? 'false' : bare;
}

function unquote(text: string): string {
  const quote = text[0];
  const isQuoted = text.length >= 2 && (quote === '"' || quote === "'") && text.endsWith(quote);
  return isQuoted ? text.slice(1, -1) : text;
}

interface FoundOperator {
  /** Index of the piece of plain text that it stands in, and the offset there. */
  readonly piece: number;
  readonly offset: number;
  readonly operator: ConditionOperator;
}

const OPERATOR = /[=!]=/g;

function findOperator(
  pieces: readonly Piece[],
  options: { readonly skipLeadingQuotes: boolean },
): FoundOperator | undefined {
  const start = options.skipLeadingQuotes ? afterLeadingQuotes(pieces) : { piece: 0, offset: 0 };
  if (start === undefined) return undefined;
  for (let piece = start.piece; piece < pieces.length; piece++) {
    const own = pieces[piece];
    if (typeof own !== 'string') continue;
    OPERATOR.lastIndex = piece === start.piece ? start.offset : 0;
    const match = OPERATOR.exec(own);
    if (match !== null) return { piece, offset: match.index, operator: match[0] as ConditionOperator };
  }
  return undefined;
}

/** Just behind the quotes that the condition begins with; its very start where it begins with none; undefined where
 * they never close. */
function afterLeadingQuotes(pieces: readonly Piece[]): { piece: number; offset: number } | undefined {
  const first = pieces[0];
  const opening = typeof first === 'string' ? first.length - first.trimStart().length : -1;
  const quote = typeof first === 'string' ? first[opening] : undefined;
  if (quote !== '"' && quote !== "'") return { piece: 0, offset: 0 };
  for (const [piece, own] of pieces.entries()) {
    if (typeof own !== 'string') continue;
    const closing = own.indexOf(quote, piece === 0 ? opening + 1 : 0);
    if (closing !== -1) return { piece, offset: closing + 1 };
  }
  return undefined;
}
