/** Over how long a rate is averaged. */
export const RATE_WINDOW_SECONDS = 10;

/**
 * The growth of counters a second, over the last ten. They are looked at once a second, so that what is counted pays nothing for it.
 */
export class RateMeter<Name extends string> {
  readonly #read: () => Readonly<Record<Name, number>>;
  readonly #nowMs: () => number;
  /** The oldest first. */
  #looks: { readonly atMs: number; readonly counts: Readonly<Record<Name, number>> }[] = [];

  constructor(monotonicMs: () => number, read: () => Readonly<Record<Name, number>>) {
    this.#nowMs = monotonicMs;
    this.#read = read;
    this.look();
  }

  /** To be called once a second. */
  look(): void {
    const look = { atMs: this.#nowMs(), counts: this.#read() };
    this.#looks = [...this.#looks.slice(-RATE_WINDOW_SECONDS), look];
  }

  /** Rounded to two digits after the point. */
  perSecond(): Record<Name, number> {
    const now = this.#read();
    const first = this.#looks[0];
    const seconds = first ? (this.#nowMs() - first.atMs) / 1000 : 0;
    const rateOf = (name: Name): number => {
      const growth = now[name] - (first?.counts[name] ?? 0);
      return seconds > 0 ? Math.round((growth / seconds) * 100) / 100 : 0;
    };
    const names = Object.keys(now) as Name[];
    return Object.fromEntries(names.map((name) => [name, rateOf(name)])) as Record<Name, number>;
  }
}
