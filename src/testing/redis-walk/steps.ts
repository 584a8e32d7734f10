import fc from 'fast-check';
import type { Plan } from '../../model/plan.js';
import { planArbitrary } from '../plan-arbitrary.js';
import type { outcomeOf } from '../walk-steps.js';

type Outcome = Parameters<typeof outcomeOf>[0];

/** Numbers choose among what there is at that moment, modulo how much. `along`: tasks that are leased in the same call. */
export type Act =
  | {
      readonly kind: 'submit';
      readonly items: readonly {
        readonly trigger: boolean;
        readonly key: number | undefined;
        readonly partition: number;
      }[];
      readonly along: number;
    }
  | { readonly kind: 'start'; readonly which: readonly number[]; readonly along: number }
  | { readonly kind: 'cancel' | 'heartbeat'; readonly which: readonly number[] }
  | { readonly kind: 'lease'; readonly total: number; readonly few: boolean; readonly lanes: boolean }
  | {
      readonly kind: 'advance';
      readonly results: readonly {
        readonly which: number;
        readonly outcome: Outcome;
        readonly stale: boolean;
      }[];
      readonly along: number;
    }
  | { readonly kind: 'pass' | 'back'; readonly ms: number }
  | { readonly kind: 'redrive'; readonly which: number; readonly node: number; readonly config: boolean }
  | { readonly kind: 'archive' | 'crash' | 'resume' };

export interface Step {
  readonly act: Act;
  /** The host that does it. */
  readonly host: number;
  /** After so many script calls, one reply is lost; then the host does the same once more. */
  readonly losesAfter: number | undefined;
}

const OUTCOMES: readonly Outcome[] = [
  ...(['completed', 'completed', 'completed', 'completed', 'completed', 'completed', 'skipped'] as const),
  ...(['failed', 'retry', 'uncounted', 'sleep', 'lost', 'released'] as const),
];
const QUEUES = ['default', 'slow'];
/** Every interval but a time-out is a multiple of ten, so that no timer is due at the instant of a deadline. */
const TIMEOUTS = [undefined, 995, 4005];
/** Short ones, one past every lease, one past the grace of what has ended and one past the stay of what nobody triggers. */
const PASSES = [10, 20, 100, 600, 1100, 2500, 40_000, 700_000];

const few = <T>(item: fc.Arbitrary<T>, maxLength: number) => fc.array(item, { minLength: 1, maxLength });
const along = fc.oneof(
  { weight: 2, arbitrary: fc.constant(0) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 4 }) },
);

const act: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('submit' as const),
      items: few(
        fc.record({
          trigger: fc.boolean(),
          key: fc.option(fc.nat(3), { nil: undefined }),
          partition: fc.nat(1),
        }),
        3,
      ),
      along,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('start' as const), which: few(fc.nat(), 3), along }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constantFrom('cancel' as const, 'heartbeat' as const, 'heartbeat' as const),
      which: few(fc.nat(), 2),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('lease' as const),
      total: fc.nat(5),
      few: fc.nat(4).map((draw) => draw === 0),
      lanes: fc.nat(4).map((draw) => draw === 0),
    }),
  },
  {
    weight: 14,
    arbitrary: fc.record({
      kind: fc.constant('advance' as const),
      results: few(
        fc.record({
          which: fc.nat(),
          outcome: fc.constantFrom(...OUTCOMES),
          stale: fc.nat(5).map((draw) => draw === 0),
        }),
        4,
      ),
      along,
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.constantFrom(...PASSES) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('back' as const), ms: fc.constantFrom(10, 500) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('redrive' as const),
      which: fc.nat(),
      node: fc.nat(),
      config: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constantFrom('archive' as const, 'crash' as const, 'resume' as const) }),
  },
);

export const stepArbitrary: fc.Arbitrary<Step> = fc.record({
  act,
  host: fc.nat(1),
  losesAfter: fc.oneof({ weight: 4, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: fc.nat(3) }),
});

export const plansArbitrary: fc.Arbitrary<readonly Plan[]> = fc.array(
  planArbitrary({ maxNodes: 7, queues: QUEUES, timeouts: TIMEOUTS }),
  { minLength: 1, maxLength: 3 },
);
