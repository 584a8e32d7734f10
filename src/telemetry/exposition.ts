import type { Metric, Registry } from 'prom-client';
import type { BucketHistogram, Sample } from './bucket-histogram.js';
import { type HistogramName, METRICS, type MetricName, type ValueName } from './metric-catalog.js';

export type Labels = Readonly<Record<string, string>>;

/**
 * Exposes metrics that are read when somebody scrapes. prom-client offers no way to set a counter or the buckets of a histogram, so the
 * registry is given objects that answer as its own metrics do.
 */
export class Exposition {
  readonly #registry: Registry;

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  /** `read`: every series with its labels; none where the value is not known now. */
  values(name: ValueName, read: () => readonly (readonly [Labels, number])[]): void {
    this.samples(name, () => read().map(([labels, value]) => ({ metricName: name, labels, value })));
  }

  histograms(name: HistogramName, read: () => readonly (readonly [Labels, BucketHistogram])[]): void {
    this.samples(name, () => read().flatMap(([labels, histogram]) => histogram.samples(name, labels)));
  }

  samples(name: MetricName, read: () => readonly Sample[]): void {
    const { type, help } = METRICS[name];
    const metric = { name, get: async () => ({ name, help, type, aggregator: 'sum', values: read() }) };
    this.#registry.registerMetric(metric as unknown as Metric);
  }
}
