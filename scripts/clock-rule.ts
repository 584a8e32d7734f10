import ts from 'typescript';

/** One place that reads time, chance or the environment where it may not. */
export interface Violation {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  readonly what: string;
}

const CLOCK_MEMBERS = new Set([
  'Date.now',
  'performance.now',
  'Math.random',
  'process.hrtime',
  'crypto.randomUUID',
]);
const CLOCK_GLOBALS = new Set(['setTimeout', 'setInterval', 'setImmediate']);
const CLOCK_MODULES = new Set(['node:timers', 'node:timers/promises', 'node:perf_hooks']);
const RANDOM_IMPORTS = /^(random|webcrypto$)/;

/** Whether time, chance and timers have to come through `Clock` in this file (a path with forward slashes). */
export function mustUseClock(file: string): boolean {
  return /^src\/(model|store|engine)\//.test(file) && file !== 'src/engine/clock.ts' && !isTest(file);
}

/** Whether the file must take its settings from `config.ts`. */
export function mustUseConfig(file: string): boolean {
  return /^(src|workers)\//.test(file) && !/^src\/(config\.ts$|testing\/)/.test(file) && !isTest(file);
}

function isTest(file: string): boolean {
  return file.endsWith('.test.ts');
}

/** What breaks the rules in a file of this name. */
export function findViolations(file: string, text: string): Violation[] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const violations: Violation[] = [];
  const report = (node: ts.Node, what: string): void => {
    const { line } = source.getLineAndCharacterOfPosition(node.getStart(source));
    violations.push({ file, line: line + 1, what });
  };
  const visit = (node: ts.Node): void => {
    if (mustUseClock(file)) {
      const what = clockUse(node);
      if (what) report(node, `${what}: time, chance and timers come through Clock (src/model/clock.ts)`);
    }
    if (mustUseConfig(file) && memberOf(node) === 'process.env') {
      report(node, 'process.env: settings are read in src/config.ts only');
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return violations;
}

/** How the node reads time, chance or a timer; undefined where it does not. */
function clockUse(node: ts.Node): string | undefined {
  const member = memberOf(node);
  if (member !== undefined) return CLOCK_MEMBERS.has(member) ? member : undefined;
  if (ts.isIdentifier(node) && CLOCK_GLOBALS.has(node.text) && isReference(node)) return node.text;
  if (ts.isNewExpression(node) && isDate(node.expression) && !node.arguments?.length) return 'new Date()';
  if (ts.isCallExpression(node) && isDate(node.expression)) return 'Date()';
  if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier))
    return clockImport(node, node.moduleSpecifier.text);
  return undefined;
}

/** `a.b` of a.b, a?.b, a['b'] and globalThis.a.b. */
function memberOf(node: ts.Node): string | undefined {
  let name: string | undefined;
  if (ts.isPropertyAccessExpression(node)) name = node.name.text;
  else if (ts.isElementAccessExpression(node) && ts.isStringLiteralLike(node.argumentExpression)) {
    name = node.argumentExpression.text;
  } else return undefined;
  const object = (node as ts.PropertyAccessExpression | ts.ElementAccessExpression).expression;
  if (ts.isIdentifier(object)) return `${object.text}.${name}`;
  return ts.isPropertyAccessExpression(object) && object.expression.getText() === 'globalThis'
    ? `${object.name.text}.${name}`
    : undefined;
}

function isDate(expression: ts.Expression): boolean {
  return ts.isIdentifier(expression) && expression.text === 'Date';
}

/** False for names that only declare or label something: members of interfaces, keys of objects, methods of others. */
function isReference(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent))
    return parent.expression === node || parent.expression.getText() === 'globalThis';
  if (ts.isPropertyAssignment(parent)) return parent.initializer === node;
  return !(
    ts.isPropertySignature(parent) ||
    ts.isMethodSignature(parent) ||
    ts.isMethodDeclaration(parent) ||
    ts.isTypeQueryNode(parent)
  );
}

function clockImport(node: ts.ImportDeclaration, module: string): string | undefined {
  if (node.importClause?.isTypeOnly) return undefined;
  if (CLOCK_MODULES.has(module)) return `import of ${module}`;
  if (module !== 'node:crypto') return undefined;
  const bindings = node.importClause?.namedBindings;
  if (!bindings || !ts.isNamedImports(bindings)) return 'import of all of node:crypto';
  const random = bindings.elements.find((element) =>
    RANDOM_IMPORTS.test((element.propertyName ?? element.name).text),
  );
  return random && `import of ${(random.propertyName ?? random.name).text} from node:crypto`;
}
