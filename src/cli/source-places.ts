import { findNodeAtLocation, type Node, type ParseError, parseTree, printParseErrorCode } from 'jsonc-parser';

export interface Place {
  /** From 1. */
  readonly line: number;
  readonly column: number;
}

/** A JSON text whose values have places. */
export interface SourceText {
  /** Where it is no JSON; undefined: it is. */
  readonly fault: (Place & { readonly message: string }) | undefined;
  /** Of the value that a JSON pointer (RFC 6901) names, or of the nearest one around it that is there. */
  placeOf(pointer: string): Place;
}

export function readSource(text: string): SourceText {
  const errors: ParseError[] = [];
  const root = parseTree(text, errors, { disallowComments: true, allowTrailingComma: false });
  const [first] = errors;
  return {
    fault: first && { ...placeAt(text, first.offset), message: wordsOf(printParseErrorCode(first.error)) },
    placeOf(pointer) {
      const node = root && nearestNode(root, pointer);
      // A property is shown at its name, not at its value.
      const property = node?.parent?.type === 'property' ? node.parent : node;
      return placeAt(text, property?.offset ?? 0);
    },
  };
}

function nearestNode(root: Node, pointer: string): Node {
  const keys = pointer
    .split('/')
    .slice(1)
    .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'));
  for (let length = keys.length; length > 0; length--) {
    const parent = findNodeAtLocation(root, pathOf(root, keys.slice(0, length)));
    if (parent) return parent;
  }
  return root;
}

/** Keys of a pointer with the indices of lists as numbers, as far as there are values. */
function pathOf(root: Node, keys: readonly string[]): (string | number)[] {
  const path: (string | number)[] = [];
  for (const key of keys) {
    const holder = path.length === 0 ? root : findNodeAtLocation(root, path);
    path.push(holder?.type === 'array' ? Number(key) : key);
  }
  return path;
}

function placeAt(text: string, offset: number): Place {
  const before = text.slice(0, offset).split('\n');
  return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
}

/** CommaExpected as "comma expected". */
function wordsOf(code: string): string {
  return code
    .replaceAll(/(?<=[a-z])[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
    .replace(/^[A-Z]/, (letter) => letter.toLowerCase());
}
