import type { HandlerCatalog } from './builtin-handlers.js';
import type { NodeChecker } from './config-check.js';
import { MillraceError } from './errors.js';
import { pointerToken, quoted } from './json-value.js';
import { headCandidates, mayHavePlaceholder, reservedHead, scanPlaceholders } from './placeholder.js';
import type { Plan } from './plan.js';
import { ProblemList } from './problems.js';

/** A config that is to stand in for the one of a node's definition. */
export interface ConfigOverride {
  readonly plan: Plan;
  readonly node: number;
  readonly config: Record<string, unknown>;
}

/**
 * Throws INVALID_NODE where the config breaks the schema of the node's handler, and INVALID_TEMPLATE_REFERENCE where it names a node
 * whose output the node is not handed: that was settled with the definition. Paths begin with /config.
 */
export function checkOverride(override: ConfigOverride, checker: NodeChecker, catalog: HandlerCatalog): void {
  const { plan, node, config } = override;
  const definition = plan.definition.dag.nodes[node];
  if (definition === undefined) throw new MillraceError('INVALID_NODE', `The workflow has no node ${node}`);
  checker.checkConfig({ ...definition, config }, catalog);
  const problems = new ProblemList();
  findStrangers(override, config, '/config', problems);
  problems.throwIfAny('INVALID_TEMPLATE_REFERENCE', ({ path, message }) => `${path}: ${message}`);
}

function findStrangers(
  { plan, node, config }: ConfigOverride,
  value: unknown,
  path: string,
  problems: ProblemList,
): void {
  if (typeof value === 'string') {
    if (!mayHavePlaceholder(value)) return;
    for (const piece of scanPlaceholders(value)) {
      if (typeof piece === 'string' || reservedHead(piece.path) !== undefined) continue;
      const named = headCandidates(piece.path).flatMap((id) => plan.indexById.get(id) ?? []);
      if (named.length === 0 || named.some((index) => plan.nodes[node]?.inputs.includes(index))) continue;
      const message = `node ${quoted(plan.nodes[node]?.id ?? '')} uses ${quoted(piece.raw)}, whose output its definition does not read`;
      problems.add(() => ({ path, message }));
    }
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, item] of Object.entries(value))
      findStrangers({ plan, node, config }, item, `${path}/${pointerToken(key)}`, problems);
  }
}
