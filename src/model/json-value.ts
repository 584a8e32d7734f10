/** How deep a config, params or an edited config may be nested; the outermost object is level 1. */
export const MAX_JSON_DEPTH = 100;

/** Why a value that JSON.parse made is not taken, and where. */
export interface JsonFault {
  /** JSON pointer (RFC 6901) below the value. */
  readonly path: string;
  readonly message: string;
}

/**
 * Looks for what later steps could not bear: nesting that would exhaust the stack, and numbers past the range of a
 * double, which JSON.parse turns into infinities and which JSON cannot write again. Answers the first fault. The walk
 * itself goes no deeper than the limit.
 */
export function findJsonFault(value: unknown, depth = 1): JsonFault | undefined {
  if (typeof value === 'number') {
    return Number.isFinite(value) ? undefined : { path: '', message: 'is a number out of range' };
  }
  if (typeof value !== 'object' || value === null) return undefined;
  if (depth > MAX_JSON_DEPTH) return { path: '', message: `is nested deeper than ${MAX_JSON_DEPTH} levels` };
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) {
      const fault = findJsonFault(value[index], depth + 1);
      if (fault !== undefined) return { path: `/${index}${fault.path}`, message: fault.message };
    }
    return undefined;
  }
  const record = value as Record<string, unknown>;
  for (const key of Object.keys(record)) {
    const fault = findJsonFault(record[key], depth + 1);
    if (fault !== undefined) return { path: `/${pointerToken(key)}${fault.path}`, message: fault.message };
  }
  return undefined;
}

/** Whether the value consists of more than `limit` values, itself included; stops counting there. */
export function hasMoreValuesThan(value: unknown, limit: number): boolean {
  const waiting: unknown[] = [value];
  let count = 0;
  while (waiting.length > 0) {
    if (++count > limit) return true;
    const next = waiting.pop();
    if (typeof next !== 'object' || next === null) continue;
    for (const item of Object.values(next)) {
      waiting.push(item);
      if (waiting.length > limit) return true;
    }
  }
  return false;
}

/** A key as one reference token of a JSON pointer (RFC 6901, section 3). */
export function pointerToken(key: string): string {
  return key.replaceAll('~', '~0').replaceAll('/', '~1');
}

/** The keys that a JSON pointer leads through. */
export function pointerKeys(pointer: string): readonly string[] {
  return pointer
    .split('/')
    .slice(1)
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** A client's own text as part of a message: in quotes, escaped, and cut where it is long. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > MAX_QUOTED_LENGTH ? `${text.slice(0, MAX_QUOTED_LENGTH)}…` : text);
}

const MAX_QUOTED_LENGTH = 128;
