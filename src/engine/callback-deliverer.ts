import { setMaxListeners } from 'node:events';
import type { Clock } from '../model/clock.js';
import { delayBeforeRetryMs, type RetryPolicy } from '../model/retry-policy.js';
import {
  type CallbackOutbox,
  type CallbackSettlement,
  type DueCallback,
  originOf,
} from '../store/callback-outbox.js';
import { type Background, startBackground } from './background.js';
import { CallbackOrigins, CLAIMED_PER_ORIGIN } from './callback-origins.js';
import type { Logger } from './logger.js';
import type { Telemetry } from './telemetry.js';
import type { ExecutionView } from './workflow-engine.js';

/** How an attempt went. `gone`: the receiver wants no more of it. */
export type CallbackAnswer =
  | { readonly kind: 'delivered' }
  | { readonly kind: 'gone' }
  | { readonly kind: 'failed'; readonly reason: string; readonly retryAfterMs?: number };

export interface CallbackDelivery {
  readonly url: string;
  /** The same for all attempts. */
  readonly id: string;
  readonly attempt: number;
  readonly view: ExecutionView;
}

/** Makes one signed call, within a time of its own. Never rejects. */
export type SendCallback = (delivery: CallbackDelivery, signal: AbortSignal) => Promise<CallbackAnswer>;

export interface CallbackOptions {
  readonly outbox: CallbackOutbox;
  readonly send: SendCallback;
  /** Calls under way on this host. */
  readonly concurrency: number;
  /** How often, and how long apart; its jitter keeps receivers that were down from being called by all at once. */
  readonly retry: RetryPolicy;
  /** Age past which a callback that has failed is given up, however few its attempts. */
  readonly giveUpMs: number;
  /** Longer than an attempt takes; what a host that died had claimed is due again then. */
  readonly claimMs: number;
}

export interface CallbackDelivererOptions extends CallbackOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly telemetry: Pick<Telemetry, 'calledBack'>;
  /** What the record has of an execution. */
  readonly read: (callback: DueCallback) => Promise<ExecutionView | undefined>;
}

/** What other hosts have left behind, and what a lost wake-up was for, is found so often. */
const LOOK_MS = 2000;
const RETRY_MS = 1000;
const STOP_GRACE_MS = 2000;

/**
 * Tells receivers of ends, at least once. It claims from the outbox as far as there is room, makes the calls, and settles how they went; a
 * callback that was not settled, because this host died or the store was away, is due again. An end that a redrive has
 * superseded is told no more: the later end has a callback of its own.
 */
export class CallbackDeliverer {
  readonly #options: CallbackDelivererOptions;
  readonly #origins: CallbackOrigins;
  readonly #background: Background;
  readonly #underWay = new Set<Promise<void>>();
  readonly #stopping = new AbortController();
  #settlements: CallbackSettlement[] = [];
  #lastOrigin = '';

  constructor(options: CallbackDelivererOptions) {
    this.#options = options;
    // As many listen as there are calls under way.
    setMaxListeners(0, this.#stopping.signal);
    this.#origins = new CallbackOrigins(options.concurrency);
    this.#background = startBackground({
      name: 'telling of ends by callbacks',
      clock: options.clock,
      log: options.log,
      run: () => this.#run(),
      retryMs: RETRY_MS,
    });
  }

  /** An end has come into the outbox, or the engine has started. */
  wake(): void {
    this.#background.within(0);
  }

  /** Claims nothing more, lets what is under way end within a short time, and puts back the rest. */
  async stop(): Promise<void> {
    const late = new Promise<void>((resolve) => this.#options.clock.after(STOP_GRACE_MS, resolve));
    await this.#background.stop();
    await Promise.race([Promise.allSettled(this.#underWay), late]);
    this.#stopping.abort();
    await Promise.allSettled(this.#underWay);
    await this.#settle().catch(() => undefined);
  }

  async #run(): Promise<number> {
    await this.#settle();
    const { outbox, concurrency, claimMs } = this.#options;
    const room = concurrency - this.#underWay.size;
    // Who ends makes room, and wakes.
    if (room === 0) return LOOK_MS;
    const claimed = await outbox.claim({
      most: room,
      perOrigin: CLAIMED_PER_ORIGIN,
      rooms: this.#origins.rooms(),
      afterOrigin: this.#lastOrigin,
      claimMs,
    });
    for (const callback of claimed) this.#begin(callback);
    return claimed.length > 0 ? 0 : LOOK_MS;
  }

  #begin(callback: DueCallback): void {
    const origin = originOf(callback.url);
    this.#lastOrigin = origin;
    this.#origins.begin(origin);
    const work = this.#call(callback, origin).finally(() => {
      this.#underWay.delete(work);
      this.wake();
    });
    this.#underWay.add(work);
  }

  async #call(callback: DueCallback, origin: string): Promise<void> {
    let answer: CallbackAnswer | undefined;
    try {
      answer = await this.#attempt(callback);
    } catch (error) {
      // The record is away: that is not the receiver's fault.
      this.#options.log.warn('a callback has to wait for the record', {
        error,
        executionId: callback.executionId,
      });
      this.#origins.end(origin, 'answered');
      this.#settlements.push({ callback, retryInMs: RETRY_MS });
      return;
    }
    this.#origins.end(origin, answer?.kind === 'failed' ? 'failed' : 'answered');
    const retryInMs = this.#judge(callback, answer);
    this.#settlements.push({ callback, retryInMs });
    if (retryInMs !== undefined) this.#background.within(retryInMs);
  }

  /** undefined: there is nothing to tell any more. */
  async #attempt(callback: DueCallback): Promise<CallbackAnswer | undefined> {
    const { read, send } = this.#options;
    const { executionId, finishedAt, url, attempt } = callback;
    // So that what gathered behind a receiver that is down goes at once when its time is over.
    if (this.#isTooOld(callback)) return { kind: 'failed', reason: 'its time is over' };
    const view = await read(callback);
    if (view?.snapshot.finishedAt !== finishedAt) return undefined;
    return send({ url, id: `${executionId}.${finishedAt}`, attempt, view }, this.#stopping.signal);
  }

  /** Milliseconds until the next attempt; undefined: none follows. */
  #judge(callback: DueCallback, answer: CallbackAnswer | undefined): number | undefined {
    const { clock, log, telemetry, retry } = this.#options;
    const { executionId, attempt } = callback;
    if (answer === undefined) return undefined;
    if (answer.kind === 'delivered') {
      telemetry.calledBack('delivered');
      return undefined;
    }
    const isPutBack = this.#stopping.signal.aborted;
    if (isPutBack) return 0;
    const reason = answer.kind === 'gone' ? 'the receiver answered 410 Gone' : answer.reason;
    const retryAfterMs = answer.kind === 'failed' ? answer.retryAfterMs : undefined;
    const isOver = attempt >= retry.maxAttempts || this.#isTooOld(callback);
    if (answer.kind === 'gone' || isOver) {
      telemetry.calledBack('failed');
      log.warn('a callback was given up', { executionId, attempt, reason });
      return undefined;
    }
    telemetry.calledBack('retried');
    return delayBeforeRetryMs({ policy: retry, attempt, random: clock.random(), retryAfterMs });
  }

  /** One that could not be tried before gets its attempt however late, unless its receiver is down. */
  #isTooOld({ finishedAt, attempt, url }: DueCallback): boolean {
    const { clock, giveUpMs } = this.#options;
    if (clock.now() - finishedAt <= giveUpMs) return false;
    return attempt > 1 || this.#origins.isTroubled(originOf(url));
  }

  /** All that has ended meanwhile, in one call. */
  async #settle(): Promise<void> {
    const settlements = this.#settlements;
    if (settlements.length === 0) return;
    this.#settlements = [];
    try {
      await this.#options.outbox.settle(settlements);
    } catch (error) {
      this.#settlements.unshift(...settlements);
      throw error;
    }
  }
}
