const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const NEWLINE = 0x0a;

/** Whether the text begins as a JSON array does. */
export function isArrayText(bytes: Buffer): boolean {
  return bytes[skipSpace(bytes, 0, bytes.length)] === OPEN_BRACKET;
}

/** The lines that are not blank. */
export function splitLines(bytes: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  for (let start = 0; start < bytes.length; ) {
    const newline = bytes.indexOf(NEWLINE, start);
    const end = newline < 0 ? bytes.length : newline;
    const line = trimmed(bytes, start, end);
    if (line.length > 0) lines.push(line);
    start = end + 1;
  }
  return lines;
}

/**
 * The texts of the elements of a JSON array, found by its commas and brackets alone: one pass over the bytes, so that
 * an element that was seen before need not be parsed. Undefined where they cannot be told apart; the elements
 * themselves may still be broken.
 */
export function splitArray(bytes: Buffer): Buffer[] | undefined {
  const elements: Buffer[] = [];
  let start = skipSpace(bytes, 0, bytes.length) + 1;
  let depth = 0;
  for (let index = start; index < bytes.length; index += 1) {
    const byte = bytes[index];
    if (byte === QUOTE) index = endOfString(bytes, index);
    else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) depth += 1;
    else if (depth > 0 && (byte === CLOSE_BRACE || byte === CLOSE_BRACKET)) depth -= 1;
    else if (depth === 0 && (byte === COMMA || byte === CLOSE_BRACKET)) {
      const element = trimmed(bytes, start, index);
      const isEmptyArray = byte === CLOSE_BRACKET && elements.length === 0 && element.length === 0;
      if (element.length === 0 && !isEmptyArray) return undefined;
      if (!isEmptyArray) elements.push(element);
      start = index + 1;
      if (byte === CLOSE_BRACKET)
        return skipSpace(bytes, start, bytes.length) === bytes.length ? elements : undefined;
    }
  }
  return undefined;
}

/** Index of the closing quote; the length of the text where there is none. */
function endOfString(bytes: Buffer, open: number): number {
  for (let index = open + 1; index < bytes.length; index += 1) {
    if (bytes[index] === BACKSLASH) index += 1;
    else if (bytes[index] === QUOTE) return index;
  }
  return bytes.length;
}

function trimmed(bytes: Buffer, start: number, end: number): Buffer {
  const first = skipSpace(bytes, start, end);
  let last = end;
  while (last > first && isSpace(bytes[last - 1])) last -= 1;
  return bytes.subarray(first, last);
}

function skipSpace(bytes: Buffer, start: number, end: number): number {
  let index = start;
  while (index < end && isSpace(bytes[index])) index += 1;
  return index;
}

/** White space of JSON (RFC 8259, section 2). */
function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}
