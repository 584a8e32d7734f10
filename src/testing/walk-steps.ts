import fc from 'fast-check';
import type { RedriveCommand, TaskOutcome } from '../model/commands.js';
import type { ExecutionId, HostId } from '../model/ids.js';
import type { Plan } from '../model/plan.js';
import { faultOf } from './machine-fixture.js';
import type { NaiveExecution } from './naive-machine.js';
import { planArbitrary } from './plan-arbitrary.js';

/** One thing that is done to a machine. Numbers choose among what there is at that moment, modulo how much. */
export type Step =
  | { readonly kind: 'submit'; readonly trigger: boolean; readonly key: number | undefined }
  | { readonly kind: 'start' | 'cancel' | 'acknowledge' | 'revive'; readonly which: number }
  | { readonly kind: 'lease'; readonly total: number; readonly few: boolean; readonly lanes: boolean }
  | { readonly kind: 'result'; readonly which: number; readonly outcome: Outcome; readonly stale: boolean }
  | { readonly kind: 'heartbeat'; readonly which: number; readonly owner: number }
  | { readonly kind: 'pass'; readonly ms: number }
  | { readonly kind: 'redrive'; readonly which: number; readonly node: number; readonly config: boolean }
  | { readonly kind: 'restart' };
type Outcome = 'completed' | 'skipped' | 'failed' | 'retry' | 'uncounted' | 'sleep' | 'lost' | 'released';

const OUTCOMES: readonly Outcome[] = [
  ...(['completed', 'completed', 'completed', 'completed', 'completed', 'skipped', 'failed'] as const),
  ...(['retry', 'uncounted', 'sleep', 'lost', 'released'] as const),
];
const QUEUES = ['default', 'slow'];
export const HOSTS = ['host-a', 'host-b'] as readonly string[] as readonly HostId[];
export const LEASE_MS = 60;
export const KEY_TTL_MS = 200;
/** Every interval but a time-out is a multiple of ten, so that no timer is due at the instant of a deadline. */
const TIMEOUTS = [undefined, 95, 405];

export const stepArbitrary: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('submit' as const),
      trigger: fc.boolean(),
      key: fc.option(fc.nat(3), { nil: undefined }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constantFrom(
        'start' as const,
        'start' as const,
        'cancel' as const,
        'acknowledge' as const,
        'revive' as const,
      ),
      which: fc.nat(),
    }),
  },
  {
    weight: 10,
    arbitrary: fc.record({
      kind: fc.constant('lease' as const),
      total: fc.nat(4),
      few: fc.boolean(),
      lanes: fc.boolean(),
    }),
  },
  {
    weight: 16,
    arbitrary: fc.record({
      kind: fc.constant('result' as const),
      which: fc.nat(),
      outcome: fc.constantFrom(...OUTCOMES),
      stale: fc.nat(5).map((draw) => draw === 0),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('heartbeat' as const), which: fc.nat(), owner: fc.nat(1) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.constantFrom(10, 20, 60, 100) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('redrive' as const),
      which: fc.nat(),
      node: fc.nat(),
      config: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart' as const) }) },
);

export const plansArbitrary: fc.Arbitrary<readonly Plan[]> = fc.array(
  planArbitrary({ maxNodes: 6, queues: QUEUES, timeouts: TIMEOUTS }),
  { minLength: 1, maxLength: 3 },
);

/** `seed` decides what is left open: delays, and whether there is an output. */
export function outcomeOf(outcome: Outcome, seed: number, maxDeliveries: number): TaskOutcome {
  const output = seed % 4 === 0 ? {} : { output: Buffer.from(`{"seed":${seed}}`) };
  const delayMs = (seed % 5) * 10;
  const error = faultOf('HANDLER_ERROR');
  switch (outcome) {
    case 'completed':
      return { kind: 'completed', ...output };
    case 'failed':
      return { kind: 'failed', error };
    case 'retry':
    case 'uncounted':
      return { kind: 'retry', delayMs, error, countsAttempt: outcome === 'retry' };
    case 'sleep':
      return { kind: 'sleep', delayMs, ...output };
    case 'lost':
      return { kind: 'lost', error, maxDeliveries };
    case 'skipped':
    case 'released':
      return { kind: outcome };
  }
}

/** Mostly of the node that is dead, mostly by the instant at which it failed; else of any node, or of an earlier failure. */
export function redriveOf(
  executionId: ExecutionId,
  known: NaiveExecution | undefined,
  { node: draw, config }: { readonly node: number; readonly config: boolean },
): RedriveCommand {
  const failed = known?.nodes.findIndex((each) => each.state === 'failed') ?? -1;
  const failedAt = known?.finishedAt;
  return {
    executionId,
    node: draw % 4 === 0 || failed < 0 ? draw % 3 : failed,
    ...(failedAt !== undefined && draw % 5 !== 1 && { failedAt: draw % 5 === 2 ? failedAt - 10 : failedAt }),
    ...(config && { config: Buffer.from(`{"edited":${draw}}`) }),
  };
}

/** The one of `items` that a number chooses; undefined: there is none. */
export function chosen<T>(items: readonly T[], which: number): T | undefined {
  return items[which % Math.max(1, items.length)];
}
