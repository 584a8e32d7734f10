import { compilePlan } from '../../model/compile-plan.js';
import type { NodeDefinition } from '../../model/definition.js';
import type { Plan } from '../../model/plan.js';
import type { SeededRandom } from '../seeded-random.js';
import { HANDLER } from './simulated-runner.js';

const MAX_NODES = 8;

/** A random workflow: each node depends on any of those before it; retries, time-outs and queues at random. */
export function randomPlan(random: SeededRandom, name: string): Plan {
  const size = random.integer(1, MAX_NODES);
  const density = random.next() * 2;
  const nodes = Array.from({ length: size }, (_, index): NodeDefinition => {
    const before = Array.from({ length: index }, (_unused, other) => other);
    return {
      id: `n${index}`,
      handler: HANDLER,
      dependencies: before.filter(() => random.chance(density / index)).map((other) => `n${other}`),
      queue: random.chance(0.2) ? 'slow' : 'default',
      ...(random.chance(0.03) && { config: { poison: true } }),
      ...(random.chance(0.3) && { timeout_seconds: random.integer(1, 4) }),
      ...(random.chance(0.5) && { retry: { max_attempts: random.integer(1, 3) } }),
    };
  });
  return compilePlan({
    name,
    ...(random.chance(0.4) && { timeout_seconds: random.integer(1, 8) }),
    dag: { nodes },
  });
}
