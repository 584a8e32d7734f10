/**
 * One step of a placeholder's path. A `dotted` step was written with a dot (or stands first, bare), so that it may be
 * part of an id that has dots in it; one in brackets stands for itself.
 */
export interface PathStep {
  readonly name: string;
  readonly dotted: boolean;
}

/** A placeholder as it was found in a string. */
export interface Placeholder {
  /** The text from its opening to its closing braces. */
  readonly raw: string;
  /** At least one step. */
  readonly path: readonly PathStep[];
}

/** A stretch of plain text, or a placeholder. */
export type Piece = string | Placeholder;

/** Longest id of a node, in characters; a longer dotted name cannot be one. */
export const MAX_NODE_ID_LENGTH = 128;

const OPENING = '{{';
const CLOSING = '}}';
const SPACE = /\s*/y;
/** A bare name: no space, dot, bracket, brace or quote. */
const BARE_NAME = /[^\s.[\]{}'"]+/y;
/** A list index, or a name in quotes. Braces are left out so that no attempt reads past the next opening. */
const BRACKETED = /\[(?:(0|[1-9][0-9]{0,9})|'([^'{}]+)'|"([^"{}]+)")\]/y;

/** Whether a placeholder may stand in the text; quick and, where it says no, exact. */
export function mayHavePlaceholder(text: string): boolean {
  return text.includes(OPENING);
}

/**
 * Cuts a string into plain text and placeholders: `{{ path }}`, where the path is a bare name or `['a name']`,
 * followed by `.name`, `[0]`, `['name']` or `["name"]`. What is no whole placeholder is plain text. Joined again, the
 * pieces (a placeholder by its `raw`) are the string.
 *
 * Cost: linear. An attempt ends at the next brace at the latest, so each character is read by one attempt, or two.
 */
export function scanPlaceholders(text: string): readonly Piece[] {
  const pieces: Piece[] = [];
  let plainFrom = 0;
  let at = text.indexOf(OPENING);
  while (at !== -1) {
    const placeholder = placeholderAt(text, at);
    if (placeholder === undefined) {
      at = text.indexOf(OPENING, at + 1);
      continue;
    }
    if (at > plainFrom) pieces.push(text.slice(plainFrom, at));
    pieces.push(placeholder);
    plainFrom = at + placeholder.raw.length;
    at = text.indexOf(OPENING, plainFrom);
  }
  if (plainFrom < text.length) pieces.push(text.slice(plainFrom));
  return pieces;
}

function placeholderAt(text: string, start: number): Placeholder | undefined {
  const path: PathStep[] = [];
  let at = skipSpace(text, start + OPENING.length);
  for (;;) {
    const isFirst = path.length === 0;
    if (text[at] === '[') {
      BRACKETED.lastIndex = at;
      const match = BRACKETED.exec(text);
      const name = match?.[1] ?? match?.[2] ?? match?.[3];
      if (match === null || name === undefined || (isFirst && match[1] !== undefined)) return undefined;
      path.push({ name, dotted: false });
      at = BRACKETED.lastIndex;
    } else if (isFirst || text[at] === '.') {
      BARE_NAME.lastIndex = isFirst ? at : at + 1;
      const match = BARE_NAME.exec(text);
      if (match === null) return undefined;
      path.push({ name: match[0], dotted: true });
      at = BARE_NAME.lastIndex;
    } else {
      break;
    }
  }
  const end = skipSpace(text, at);
  if (!text.startsWith(CLOSING, end)) return undefined;
  return { raw: text.slice(start, end + CLOSING.length), path };
}

function skipSpace(text: string, at: number): number {
  SPACE.lastIndex = at;
  SPACE.exec(text);
  return SPACE.lastIndex;
}

/**
 * The node ids that a path may begin with, longest first: `a.b.c` may begin with the node `a.b.c`, `a.b` or `a`;
 * `['a.b'].c` only with `a.b`. The nth from the end takes n steps of the path. At most 64, as ids are bounded.
 */
export function headCandidates(path: readonly PathStep[]): readonly string[] {
  const candidates: string[] = [];
  let id = '';
  for (let index = 0; index < path.length; index++) {
    const { name, dotted } = path[index] as PathStep;
    if (index > 0 && !(dotted && path[0]?.dotted)) break;
    id = index === 0 ? name : `${id}.${name}`;
    if (id.length > MAX_NODE_ID_LENGTH) break;
    candidates.push(id);
  }
  return candidates.reverse();
}

/** First parts that name something other than a node. `secrets` only where a handler's schema says so. */
export type ReservedHead = 'params' | 'secrets';

/** Whether the path begins with a reserved word; no longer id may begin with one in a placeholder's bare spelling. */
export function reservedHead(path: readonly PathStep[]): ReservedHead | undefined {
  const name = path[0]?.name;
  return name === 'params' || name === 'secrets' ? name : undefined;
}
