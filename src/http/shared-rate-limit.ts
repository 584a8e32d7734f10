import { LRUCache } from 'lru-cache';
import type { Clock, Timer } from '../model/clock.js';
import type { RateStore } from '../store/rate-store.js';
import { createLocalRateLimiter } from './local-rate-limit.js';
import { RateAccount } from './rate-account.js';
import { MAX_CLIENTS, type RateDecision, type RateLimiter } from './rate-limit.js';

export interface SharedRateLimiterOptions {
  readonly limitPerMinute: number;
  readonly store: RateStore;
  readonly clock: Pick<Clock, 'now' | 'monotonic' | 'after'>;
}

/** From this limit on hosts take shares ahead; below it they ask the store each time. */
const LEAST_SHARED_LIMIT = 6000;
/** Of the limit: what all hosts together may hold for later, and with it by how much a minute may overshoot. */
const HELD_SHARE = 0.02;
/** How long a share may be held before it is spent or handed back. */
const HOLD_SECONDS = 10;
const RETURN_TICK_MS = 1000;
/** A client that has nothing left is refused so long without a question: others may hand back what they hold. */
const ASK_AGAIN_MS = 1000;
/** So long this host counts alone after the store did not answer. */
const ALONE_MS = 1000;

/**
 * One limit over all hosts of a store. A host takes shares of what a client has left and spends them without a question; the
 * store counts a share when it is taken, not when it is spent, so hosts can never spend the same twice (an escrow: O'Neil, The
 * Escrow Transactional Method, ACM TODS 11(4), 1986). Requests that find no share wait for the answer to one question
 * for all of them. While the store does not answer, each host counts alone.
 */
export function createSharedRateLimiter(options: SharedRateLimiterOptions): RateLimiter {
  const limiter = new SharedRateLimiter(options);
  return {
    take: (client, cost) => limiter.take(client, cost),
    peek: (client) => limiter.peek(client),
  };
}

class SharedRateLimiter {
  readonly #limit: number;
  readonly #mostHeld: number;
  readonly #store: RateStore;
  readonly #clock: SharedRateLimiterOptions['clock'];
  readonly #alone: RateLimiter;
  readonly #accounts = new LRUCache<string, RateAccount>({ max: MAX_CLIENTS });
  /** Those that hold shares. */
  readonly #holding = new Set<RateAccount>();
  #returning: Timer | undefined;
  #aloneUntilMs = Number.NEGATIVE_INFINITY;

  constructor({ limitPerMinute, store, clock }: SharedRateLimiterOptions) {
    this.#limit = limitPerMinute;
    this.#mostHeld = limitPerMinute < LEAST_SHARED_LIMIT ? 0 : Math.floor(limitPerMinute * HELD_SHARE);
    this.#store = store;
    this.#clock = clock;
    this.#alone = createLocalRateLimiter({ limitPerMinute, nowMs: () => clock.now() });
  }

  take(client: string, cost: number): RateDecision | Promise<RateDecision> {
    const account = this.#accountOf(client);
    const now = this.#clock.monotonic();
    account.expire(now);
    if (!account.isWaitedFor) {
      if (account.held >= cost) {
        const spent = account.spend(cost);
        if (account.wantsMore && now >= account.closedUntilMs && now >= this.#aloneUntilMs)
          void this.#ask(account);
        return this.#decide(account, spent);
      }
      if (now < this.#aloneUntilMs) return this.#alone.take(client, cost);
      if (now < account.closedUntilMs) return this.#decide(account, account.spend(cost));
    }
    return new Promise((resolve) => {
      account.waiting.push({ cost, resolve });
      void this.#ask(account);
    });
  }

  peek(client: string): RateDecision {
    const account = this.#accounts.peek(client);
    if (this.#clock.monotonic() < this.#aloneUntilMs || !account) return this.#alone.peek(client);
    return this.#decide(account, 0);
  }

  #accountOf(client: string): RateAccount {
    const known = this.#accounts.get(client);
    if (known) return known;
    const account = new RateAccount(client, this.#limit, this.#mostHeld);
    this.#accounts.set(client, account);
    return account;
  }

  /** One question at a time for a client, for all who wait; never rejects. */
  async #ask(account: RateAccount): Promise<void> {
    if (account.isAsking) return;
    account.isAsking = true;
    do await this.#askOnce(account);
    while (account.waiting.length > 0);
    account.isAsking = false;
  }

  async #askOnce(account: RateAccount): Promise<void> {
    const asked = account.waiting.splice(0);
    const cost = asked.reduce((sum, each) => sum + each.cost, 0);
    account.expire(this.#clock.monotonic());
    const fromHeld = account.spend(cost);
    const need = cost - fromHeld;
    let decide = (granted: number): RateDecision => this.#decide(account, granted);
    let left: number;
    try {
      left = fromHeld + (await this.#question(account, need));
    } catch {
      this.#aloneUntilMs = this.#clock.monotonic() + ALONE_MS;
      left = fromHeld + (await this.#alone.take(account.client, need)).granted;
      decide = (granted) => ({ ...this.#alone.peek(account.client), granted });
    }
    for (const waiting of asked) {
      const granted = Math.min(waiting.cost, left);
      left -= granted;
      waiting.resolve(decide(granted));
    }
  }

  /** How much of `need` the store grants. */
  async #question(account: RateAccount, need: number): Promise<number> {
    const begunMs = this.#clock.monotonic();
    const grant = await this.#store.take(account.client, {
      limit: this.#limit,
      need,
      ahead: account.wantedAhead(need, begunMs),
      mostHeld: this.#mostHeld,
      held: account.held,
      holdSeconds: HOLD_SECONDS,
      unspent: account.takeUnspent(),
    });
    account.room = grant.room;
    account.roomAtMs = this.#clock.monotonic() + grant.roomInMs;
    account.closedUntilMs = begunMs + Math.min(grant.roomInMs, ASK_AGAIN_MS);
    account.add({ second: grant.second, count: grant.ahead, untilMs: begunMs + HOLD_SECONDS * 1000 });
    if (account.held > 0) {
      this.#holding.add(account);
      this.#returning ??= this.#clock.after(RETURN_TICK_MS, () => this.#handBack());
    }
    return grant.granted;
  }

  /** Of clients that send nothing any more. */
  #handBack(): void {
    this.#returning = undefined;
    const now = this.#clock.monotonic();
    for (const account of this.#holding) {
      account.expire(now);
      if (account.hasUnspent && now >= this.#aloneUntilMs) void this.#ask(account);
      if (account.held === 0) this.#holding.delete(account);
    }
    if (this.#holding.size > 0) this.#returning = this.#clock.after(RETURN_TICK_MS, () => this.#handBack());
  }

  #decide(account: RateAccount, granted: number): RateDecision {
    const remaining = Math.max(0, account.room) + account.held;
    const waitMs = account.roomAtMs - this.#clock.monotonic();
    const retryAfterSeconds = remaining > 0 ? 0 : Math.max(1, Math.ceil(waitMs / 1000));
    return { limit: this.#limit, granted, remaining, retryAfterSeconds };
  }
}
