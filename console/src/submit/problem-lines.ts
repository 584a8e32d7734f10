import { findNodeAtLocation, type Node, type ParseError, parseTree, printParseErrorCode } from 'jsonc-parser';
import type { ApiFault } from '../api/fault.js';

/** Something wrong with the text, and where. */
export interface TextProblem {
  /** From 1. */
  readonly line: number;
  /** Into the text; -1: nowhere in particular. */
  readonly offset: number;
  readonly path: string;
  readonly message: string;
}

/** What is no JSON. */
export function syntaxProblems(text: string): readonly TextProblem[] {
  const errors: ParseError[] = [];
  parseTree(text, errors, { disallowComments: true, allowTrailingComma: false });
  return errors.map(({ error, offset }) => ({
    ...{ line: lineOf(text, offset), offset, path: '' },
    message: spaced(printParseErrorCode(error)),
  }));
}

/** What the engine refuses, each at the value that its JSON pointer (RFC 6901) names, or at the nearest that is there. */
export function refusalProblems(text: string, fault: ApiFault): readonly TextProblem[] {
  const tree = parseTree(text);
  const at = (path: string, message: string): TextProblem => {
    const node = tree && nearestNode(tree, segmentsOf(path));
    const offset = node?.offset ?? -1;
    return { line: offset < 0 ? 1 : lineOf(text, offset), offset, path, message };
  };
  if (fault.problems.length > 0) return fault.problems.map(({ path, message }) => at(path, message));
  const { cycle_nodes, position } = fault.context;
  if (Array.isArray(cycle_nodes)) {
    return cycle_nodes.map((id) => at(pathOfNode(tree, String(id)), `“${id}” is part of a cycle`));
  }
  if (typeof position === 'number') {
    return [{ line: lineOf(text, position), offset: position, path: '', message: fault.message }];
  }
  return [at('', fault.message)];
}

function segmentsOf(pointer: string): readonly string[] {
  const parts = pointer.split('/').slice(1);
  return parts.map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function nearestNode(tree: Node, segments: readonly string[]): Node {
  for (let length = segments.length; length > 0; length--) {
    const found = findNodeAtLocation(tree, locationOf(tree, segments.slice(0, length)));
    // The whole property, so that its line is that of its name.
    if (found) return found.parent?.type === 'property' ? found.parent : found;
  }
  return tree;
}

/** Digits stand for places only where the value is an array. */
function locationOf(tree: Node, segments: readonly string[]): (string | number)[] {
  const location: (string | number)[] = [];
  for (const segment of segments) {
    const holder = location.length === 0 ? tree : findNodeAtLocation(tree, location);
    location.push(holder?.type === 'array' ? Number(segment) : segment);
  }
  return location;
}

function pathOfNode(tree: Node | undefined, id: string): string {
  const nodes = tree && findNodeAtLocation(tree, ['dag', 'nodes']);
  const index = nodes?.children?.findIndex((node) => findNodeAtLocation(node, ['id'])?.value === id) ?? -1;
  return index < 0 ? '/dag/nodes' : `/dag/nodes/${index}/id`;
}

function lineOf(text: string, offset: number): number {
  let line = 1;
  for (let at = text.indexOf('\n'); at >= 0 && at < offset; at = text.indexOf('\n', at + 1)) line += 1;
  return line;
}

/** `InvalidSymbol` as `Invalid symbol`. */
function spaced(code: string): string {
  const words = code.replace(/([a-z])([A-Z])/g, '$1 $2').toLowerCase();
  return words.charAt(0).toUpperCase() + words.slice(1);
}
