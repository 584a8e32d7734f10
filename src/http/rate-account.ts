import type { UnspentLot } from '../store/rate-store.js';
import type { RateDecision } from './rate-limit.js';

/** A share of a client's limit that this host may spend without a question. */
export interface Lot {
  /** The store's second under which it is counted. */
  readonly second: number;
  count: number;
  /** Monotonic; after it what is left is handed back. */
  readonly untilMs: number;
}

/** A request that found no share. */
export interface Waiting {
  readonly cost: number;
  readonly resolve: (decision: RateDecision) => void;
}

const LEAST_AHEAD = 8;
/** A share that lasts less makes the next one larger, one that lasts longer makes it smaller. */
const SHORT_MS = 200;
const LONG_MS = 1000;

/** What one host knows of one client's limit. */
export class RateAccount {
  readonly client: string;
  readonly waiting: Waiting[] = [];
  isAsking = false;
  /** What the store had left for all hosts when it was last asked. */
  room: number;
  /** Monotonic; when there is room again. */
  roomAtMs = 0;
  /** Monotonic; until then a question would be answered as before. */
  closedUntilMs = Number.NEGATIVE_INFINITY;
  held = 0;
  readonly #mostHeld: number;
  #ahead: number;
  #lowMark = 0;
  #askedAtMs = Number.NEGATIVE_INFINITY;
  /** Oldest first; lots of one second are one. */
  #lots: Lot[] = [];
  #unspent: UnspentLot[] = [];

  constructor(client: string, limit: number, mostHeld: number) {
    this.client = client;
    this.room = limit;
    this.#mostHeld = mostHeld;
    this.#ahead = Math.min(LEAST_AHEAD, mostHeld);
  }

  get isWaitedFor(): boolean {
    return this.waiting.length > 0;
  }

  get hasUnspent(): boolean {
    return this.#unspent.length > 0;
  }

  /** Half of what the last answer left is spent. */
  get wantsMore(): boolean {
    return this.held < this.#lowMark;
  }

  /** How much to ask for: what lasts for some tenths of a second at the present pace; nothing for a client that has gone. */
  wantedAhead(need: number, nowMs: number): number {
    if (need === 0 && !this.wantsMore) return 0;
    const lastedMs = nowMs - this.#askedAtMs;
    this.#askedAtMs = nowMs;
    if (lastedMs < SHORT_MS) this.#ahead = Math.min(this.#mostHeld, this.#ahead * 2);
    else if (lastedMs > LONG_MS)
      this.#ahead = Math.min(this.#mostHeld, Math.max(LEAST_AHEAD, this.#ahead / 2));
    return Math.max(0, Math.ceil(this.#ahead) - this.held);
  }

  /** What an answer brought, if only nothing. */
  add(lot: Lot): void {
    this.held += lot.count;
    this.#lowMark = this.held / 2;
    const last = this.#lots.at(-1);
    if (last?.second === lot.second) last.count += lot.count;
    else if (lot.count > 0) this.#lots.push(lot);
  }

  /** Spends as much of `cost` as is held, the oldest first. */
  spend(cost: number): number {
    let left = Math.min(cost, this.held);
    const spent = left;
    this.held -= spent;
    while (left > 0) {
      const [lot] = this.#lots;
      if (!lot) break;
      const part = Math.min(left, lot.count);
      lot.count -= part;
      left -= part;
      if (lot.count === 0) this.#lots.shift();
    }
    return spent;
  }

  /** Sets aside, to be handed back, what was held too long. */
  expire(nowMs: number): void {
    for (let lot = this.#lots[0]; lot && lot.untilMs <= nowMs; lot = this.#lots[0]) {
      this.#lots.shift();
      this.held -= lot.count;
      this.#unspent.push({ second: lot.second, count: lot.count });
      this.#lowMark = 0;
    }
  }

  /** What the next question hands back. Where that fails it stays counted until its minute is over: handed back twice it would be granted twice. */
  takeUnspent(): readonly UnspentLot[] {
    const unspent = this.#unspent;
    this.#unspent = [];
    return unspent;
  }
}
