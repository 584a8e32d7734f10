/** Callbacks of one origin under way at once, and of those that one claim takes: a claim comes while half are free. */
export const MOST_PER_ORIGIN = 16;
export const CLAIMED_PER_ORIGIN = MOST_PER_ORIGIN / 2;
/** Failures in a row after which an origin gets one attempt at a time, until one succeeds. */
const TROUBLED_AFTER = 3;
/** Origins in trouble that are remembered; the one that failed longest ago is forgotten first. */
const MOST_REMEMBERED = 1000;

/**
 * How much each receiver may take of this host: a slow or dead one holds up to `MOST_PER_ORIGIN` attempts, then one, and all that
 * are in trouble together at most half of what may be under way.
 */
export class CallbackOrigins {
  readonly #most: number;
  readonly #underWay = new Map<string, number>();
  readonly #failures = new Map<string, number>();

  constructor(mostUnderWay: number) {
    this.#most = mostUnderWay;
  }

  begin(origin: string): void {
    this.#underWay.set(origin, (this.#underWay.get(origin) ?? 0) + 1);
  }

  end(origin: string, outcome: 'answered' | 'failed'): void {
    const left = (this.#underWay.get(origin) ?? 1) - 1;
    if (left === 0) this.#underWay.delete(origin);
    else this.#underWay.set(origin, left);
    const failures = (this.#failures.get(origin) ?? 0) + 1;
    this.#failures.delete(origin);
    if (outcome === 'answered') return;
    this.#failures.set(origin, failures);
    const [oldest] = this.#failures.keys();
    if (this.#failures.size > MOST_REMEMBERED && oldest !== undefined) this.#failures.delete(oldest);
  }

  isTroubled(origin: string): boolean {
    return (this.#failures.get(origin) ?? 0) >= TROUBLED_AFTER;
  }

  /** What may be claimed of the origins that are not to get `CLAIMED_PER_ORIGIN`. */
  rooms(): ReadonlyMap<string, number> {
    const troubled = [...this.#failures].filter(([, failures]) => failures >= TROUBLED_AFTER);
    let held = 0;
    for (const [origin] of troubled) held += this.#underWay.get(origin) ?? 0;
    let free = Math.max(1, Math.floor(this.#most / 2)) - held;
    const rooms = new Map<string, number>();
    for (const [origin, count] of this.#underWay) {
      if (count > MOST_PER_ORIGIN - CLAIMED_PER_ORIGIN) rooms.set(origin, 0);
    }
    for (const [origin] of troubled) {
      const isFree = free > 0 && !this.#underWay.has(origin);
      rooms.set(origin, isFree ? 1 : 0);
      if (isFree) free -= 1;
    }
    return rooms;
  }
}
