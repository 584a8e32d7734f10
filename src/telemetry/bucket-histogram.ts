/** Upper bounds in seconds: half a millisecond to ten minutes, two or three steps a decade. */
export const SECONDS_BUCKETS: readonly number[] = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 600,
];

/**
 * Counts of durations in fixed buckets. `observe` is a short search and two additions: prom-client's own histogram
 * hashes the labels of each observation, which a task or a request must not pay for; they are joined on a scrape.
 */
export class BucketHistogram {
  /** One more than there are bounds: the last one counts what is over all of them. */
  readonly #counts = new Float64Array(SECONDS_BUCKETS.length + 1);
  #sumSeconds = 0;
  #count = 0;

  observe(durationMs: number): void {
    const seconds = durationMs > 0 ? durationMs / 1000 : 0;
    let low = 0;
    let high = SECONDS_BUCKETS.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (seconds <= (SECONDS_BUCKETS[middle] ?? 0)) high = middle;
      else low = middle + 1;
    }
    this.#counts[low] = (this.#counts[low] ?? 0) + 1;
    this.#sumSeconds += seconds;
    this.#count += 1;
  }

  get count(): number {
    return this.#count;
  }

  /** Samples in the Prometheus text format's terms: cumulative buckets, then the sum and the count. */
  samples(name: string, labels: Readonly<Record<string, string>>): HistogramSample[] {
    let cumulative = 0;
    const samples: HistogramSample[] = SECONDS_BUCKETS.map((bound, index) => {
      cumulative += this.#counts[index] ?? 0;
      return { metricName: `${name}_bucket`, labels: { ...labels, le: String(bound) }, value: cumulative };
    });
    samples.push(
      { metricName: `${name}_bucket`, labels: { ...labels, le: '+Inf' }, value: this.#count },
      { metricName: `${name}_sum`, labels, value: this.#sumSeconds },
      { metricName: `${name}_count`, labels, value: this.#count },
    );
    return samples;
  }
}

export interface HistogramSample {
  readonly metricName: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}
