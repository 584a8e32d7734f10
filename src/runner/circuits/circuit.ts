import {
  type CircuitBreakerPolicy,
  CircuitState,
  ConsecutiveBreaker,
  ConstantBackoff,
  circuitBreaker,
  handleAll,
} from 'cockatiel';
import type { CallEnd, CircuitVerdict } from '../frames/circuit-protocol.js';
import type { CircuitStatus } from '../task-runner.js';
import { Trial } from './trial.js';

export interface CircuitOptions {
  /** Failures in a row that open it. */
  readonly failureThreshold: number;
  /** How long it stays open before a trial. */
  readonly resetTimeoutMs: number;
  /** Calls of a trial. */
  readonly halfOpenMaxCalls: number;
  /** Milliseconds that never go back. */
  readonly monotonicMs: () => number;
}

/** The library's wait is over at once: it reads the clock of the wall, which may be set back. */
const NO_WAIT = new ConstantBackoff(Number.NEGATIVE_INFINITY);
/** The longest wait of a call that a trial under way has no place for: how soon its outcome is noticed. */
const MAX_TRIAL_WAIT_MS = 5000;
/** A trial that is due is over in a tenth of the time that it was waited for, or is looked at again. */
const TRIAL_WAIT_SHARE = 0.1;

const STATES = {
  [CircuitState.Closed]: 'closed',
  [CircuitState.Open]: 'open',
  [CircuitState.HalfOpen]: 'half_open',
  [CircuitState.Isolated]: 'open',
} as const satisfies Record<CircuitState, CircuitStatus['state']>;

/**
 * The circuit of one service.
 *
 *   closed ──failures in a row──► open ──reset time-out, then a call──► half-open ──every trial call succeeds──► closed
 *                                  ▲                                        │
 *                                  └───────────── a trial call fails ───────┘
 *
 * Calls are made in other threads and told of here, so the library is shown each one after its end, and a trial as one
 * call that ends with it (`Trial`).
 */
export class Circuit {
  readonly #options: CircuitOptions;
  readonly #onChange: () => void;
  #breaker: ConsecutiveBreaker;
  #policy: CircuitBreakerPolicy;
  #trial: Trial | undefined;
  #trials = 0;
  #retryAt = 0;
  #openedAt: number | undefined;
  #refused = 0;

  /** `onChange`: called after each change of state. */
  constructor(options: CircuitOptions, onChange: () => void) {
    this.#options = options;
    this.#onChange = onChange;
    this.#breaker = new ConsecutiveBreaker(options.failureThreshold);
    this.#policy = this.#createPolicy(this.#breaker);
  }

  /** `monotonicMs` from which on a trial may be asked for; undefined: closed. */
  get retryAt(): number | undefined {
    return this.#policy.state === CircuitState.Closed ? undefined : this.#retryAt;
  }

  get status(): Omit<CircuitStatus, 'name' | 'handler' | 'origin'> {
    const state = STATES[this.#policy.state];
    return {
      state,
      failures: this.#breaker.state,
      refused: this.#refused,
      openedAt: state === 'closed' ? undefined : this.#openedAt,
      retryInMs: state === 'open' ? this.#waitMs() : undefined,
    };
  }

  /** Whether a call may be made now. */
  ask(): CircuitVerdict {
    if (this.#policy.state === CircuitState.Closed) return { kind: 'admitted', trial: 0 };
    if (this.#policy.state === CircuitState.Open) {
      if (this.#waitMs() > 0) return { kind: 'refused', retryInMs: this.#waitMs() };
      this.#beginTrial();
    }
    if (this.#trial?.admit()) return { kind: 'admitted', trial: this.#trial.id };
    return { kind: 'refused', retryInMs: this.#trialWaitMs() };
  }

  /** A call has ended. What began before the last change of state changes nothing. */
  report(end: CallEnd, trial: number): void {
    if (trial > 0) {
      if (trial === this.#trial?.id) this.#trial.settle(end);
      return;
    }
    if (end === 'untold' || this.#policy.state !== CircuitState.Closed) return;
    void this.#policy.execute(() => (end === 'failed' ? Promise.reject(FAILED) : undefined)).catch(() => {});
  }

  /** A call was refused in a thread. */
  refuse(): void {
    this.#refused += 1;
  }

  /** Closed, as if nothing had ever failed. */
  reset(): void {
    this.#breaker = new ConsecutiveBreaker(this.#options.failureThreshold);
    this.#policy = this.#createPolicy(this.#breaker);
    this.#trial = undefined;
    this.#onChange();
  }

  #createPolicy(breaker: ConsecutiveBreaker): CircuitBreakerPolicy {
    const policy = circuitBreaker(handleAll, { breaker, halfOpenAfter: NO_WAIT });
    policy.onStateChange((state) => {
      if (policy === this.#policy) this.#enter(state);
    });
    return policy;
  }

  #enter(state: CircuitState): void {
    if (state === CircuitState.Open) {
      this.#openedAt = Date.now();
      this.#retryAt = this.#options.monotonicMs() + this.#options.resetTimeoutMs;
    }
    if (state !== CircuitState.HalfOpen) this.#trial = undefined;
    this.#onChange();
  }

  #beginTrial(): void {
    this.#trials += 1;
    const trial = new Trial(this.#trials, this.#options.halfOpenMaxCalls);
    this.#trial = trial;
    void this.#policy.execute(() => trial.outcome).catch(() => {});
  }

  #waitMs(): number {
    return Math.max(0, this.#retryAt - this.#options.monotonicMs());
  }

  #trialWaitMs(): number {
    return Math.min(MAX_TRIAL_WAIT_MS, this.#options.resetTimeoutMs * TRIAL_WAIT_SHARE);
  }
}

const FAILED = new Error('the call failed');
