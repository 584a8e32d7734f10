import { createReadStream, existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { ExecutionSnapshot } from '../../model/snapshot.js';
import type { Shape } from './mixed-shapes.js';

/** One run of the handler `count`, as it noted it before it did anything else. */
interface Effect {
  readonly node: string;
  readonly attempt: number;
  readonly idempotencyKey: string;
}

export type EffectsByExecution = ReadonlyMap<string, readonly Effect[]>;

/** A line that a killed host left unfinished is put together with the next one; neither counts as a run of a known node. */
export async function readEffects(file: string): Promise<EffectsByExecution> {
  const effects = new Map<string, Effect[]>();
  if (!existsSync(file)) return effects;
  for await (const line of createInterface({ input: createReadStream(file) })) {
    const [execution = '', node = '', attempt, idempotencyKey = ''] = line.split(' ');
    const known = effects.get(execution);
    const effect = { node, attempt: Number(attempt), idempotencyKey };
    if (known) known.push(effect);
    else effects.set(execution, [effect]);
  }
  return effects;
}

/**
 * What the effects of an execution's counting nodes contradict in its record: each attempt that is recorded ran at least once, none
 * ran that is not, there were no more runs than leases, and all of a node's runs had one key.
 */
export function effectProblems(
  snapshot: ExecutionSnapshot,
  shape: Shape,
  effects: readonly Effect[],
): string[] {
  const problems: string[] = [];
  for (const [index, { id, handler }] of shape.body.dag.nodes.entries()) {
    const node = snapshot.nodes[index];
    if (handler !== 'count' || !node) continue;
    const runs = effects.filter((effect) => effect.node === id);
    const ran = new Set(runs.map(({ attempt }) => attempt));
    for (let attempt = 1; attempt <= node.attempt; attempt++) {
      if (!ran.delete(attempt)) problems.push(`${id} is recorded with attempt ${attempt}, which never ran`);
    }
    if (ran.size > 0) problems.push(`${id} ran attempts ${[...ran].join()} that are not recorded`);
    if (runs.length > node.fence) problems.push(`${id} ran ${runs.length} times with ${node.fence} leases`);
    if (new Set(runs.map(({ idempotencyKey }) => idempotencyKey)).size > 1)
      problems.push(`${id} ran with several keys`);
  }
  return problems;
}
