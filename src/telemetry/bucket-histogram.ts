/** Upper bounds in seconds: half a millisecond to ten minutes, two or three steps a decade. */
export const SECONDS_BUCKETS: readonly number[] = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 600,
];

/** Of batches: to the most items that one call takes. */
export const ITEMS_BUCKETS: readonly number[] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000];

/**
 * Counts of values in fixed buckets. `observe` is a short search and two additions: prom-client's own histogram
 * hashes the labels of each observation, which a task or a request must not pay for; they are joined on a scrape.
 */
export class BucketHistogram {
  /** One more than there are bounds: the last one counts what is over all of them. */
  readonly #counts: Float64Array;
  readonly #bounds: readonly number[];
  #sum = 0;
  #count = 0;

  constructor(bounds: readonly number[] = SECONDS_BUCKETS) {
    this.#bounds = bounds;
    this.#counts = new Float64Array(bounds.length + 1);
  }

  observeMs(durationMs: number): void {
    this.observe(durationMs > 0 ? durationMs / 1000 : 0);
  }

  observe(value: number): void {
    const bounds = this.#bounds;
    let low = 0;
    let high = bounds.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (value <= (bounds[middle] ?? 0)) high = middle;
      else low = middle + 1;
    }
    this.#counts[low] = (this.#counts[low] ?? 0) + 1;
    this.#sum += value;
    this.#count += 1;
  }

  get count(): number {
    return this.#count;
  }

  /** Samples in the Prometheus text format's terms: cumulative buckets, then the sum and the count. */
  samples(name: string, labels: Readonly<Record<string, string>>): Sample[] {
    let cumulative = 0;
    const samples: Sample[] = this.#bounds.map((bound, index) => {
      cumulative += this.#counts[index] ?? 0;
      return { metricName: `${name}_bucket`, labels: { ...labels, le: String(bound) }, value: cumulative };
    });
    samples.push(
      { metricName: `${name}_bucket`, labels: { ...labels, le: '+Inf' }, value: this.#count },
      { metricName: `${name}_sum`, labels, value: this.#sum },
      { metricName: `${name}_count`, labels, value: this.#count },
    );
    return samples;
  }
}

export interface Sample {
  readonly metricName: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}
