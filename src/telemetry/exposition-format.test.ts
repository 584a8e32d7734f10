import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, test } from 'node:test';
import type { EngineStats } from '../engine/workflow-engine.js';
import { SimulatedClock } from '../testing/simulated-clock.js';
import { MEASURED_VERBS } from './measured-store.js';
import { type MetricRow, metricRows } from './metric-catalog.js';
import { createMetrics } from './metrics.js';

interface ParsedSample {
  readonly name: string;
  readonly labels: ReadonlyMap<string, string>;
  readonly value: number;
}

interface Family {
  readonly type: string;
  readonly help: string;
  readonly samples: ParsedSample[];
}

const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*';
const LABEL = '([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\\\\n]|\\\\[\\\\n"])*)"';
const SAMPLE = new RegExp(
  `^(${NAME})(?:\\{(${LABEL}(?:,${LABEL})*)\\})? (NaN|[+-]Inf|[+-]?[0-9][0-9.e+-]*)$`,
);

/** Reads the text as https://prometheus.io/docs/instrumenting/exposition_formats/ has it; throws where it breaks a rule. */
function parse(text: string): Map<string, Family> {
  assert.ok(text.endsWith('\n'), 'the last line ends');
  const families = new Map<string, Family>();
  const seen = new Set<string>();
  let current = '';
  let help = '';
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const [, kind, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? [];
    if (kind === 'HELP') {
      help = rest;
      current = name;
    } else if (kind === 'TYPE') {
      assert.equal(name, current, 'TYPE follows its HELP');
      assert.ok(!families.has(name), `${name} is told once`);
      families.set(name, { type: rest, help, samples: [] });
    } else {
      const found = SAMPLE.exec(line);
      assert.ok(found, `no sample: ${line}`);
      const base = families.has(found[1] ?? '') ? found[1] : found[1]?.replace(/_(bucket|sum|count)$/, '');
      assert.equal(base, current, `${line} stands with its family`);
      const labels = [...(found[2] ?? '').matchAll(new RegExp(LABEL, 'g'))].map(
        ([, label = '', value = '']) => [label, value] as const,
      );
      const series = `${found[1]}${JSON.stringify([...labels].sort())}`;
      assert.ok(!seen.has(series), `${line} stands once`);
      seen.add(series);
      const value = Number((found.at(-1) ?? '').replace('Inf', 'Infinity'));
      families.get(current)?.samples.push({ name: found[1] ?? '', labels: new Map(labels), value });
    }
  }
  return families;
}

/** What promtool check metrics holds against names and histograms. */
function lint(name: string, { type, help, samples }: Family): void {
  assert.ok(help.length > 0, `${name} has a help`);
  assert.equal(
    name.endsWith('_total'),
    type === 'counter',
    `${name}: counters, and only they, end with _total`,
  );
  assert.doesNotMatch(name, /_(milliseconds|ms|minutes|bucket|count|sum|info)$/);
  if (type !== 'histogram') return;
  const series = new Map<string, ParsedSample[]>();
  for (const sample of samples) {
    const key = JSON.stringify([...sample.labels].filter(([label]) => label !== 'le'));
    series.set(key, [...(series.get(key) ?? []), sample]);
  }
  for (const [key, parts] of series) {
    const buckets = parts.filter((part) => part.name.endsWith('_bucket'));
    const bounds = buckets.map((part) => Number((part.labels.get('le') ?? '').replace('+Inf', 'Infinity')));
    assert.deepEqual(
      bounds,
      [...bounds].sort((a, b) => a - b),
      `${name}${key}`,
    );
    assert.equal(bounds.at(-1), Number.POSITIVE_INFINITY);
    const counts = buckets.map(({ value }) => value);
    assert.deepEqual(
      counts,
      [...counts].sort((a, b) => a - b),
      `${name}${key} grows`,
    );
    assert.equal(counts.at(-1), parts.find((part) => part.name === `${name}_count`)?.value);
    assert.equal(parts.filter((part) => part.name === `${name}_sum`).length, 1);
  }
}

const STATS: EngineStats = {
  store: {
    ...{ pending: 1, running: 2, readyTasks: 3, readyByQueue: new Map(), leasedTasks: 4, delayedTasks: 5 },
    ...{ outbox: 6, oldestReadyMs: 7000 },
  },
  runner: {
    ...{ threads: 2, capacity: 32, running: 4, replaced: { timeout: 1, crash: 0 } },
    circuits: { closed: 2, open: 1, half_open: 0, opened: 4, refused: 9 },
  },
  hosts: [],
  callbacks: 1,
};

/** Metrics in which every series that there is has something. */
async function scrape(): Promise<string> {
  const metrics = createMetrics({
    spans: () => ({ exported: 1, dropped: 2, failed: 3 }),
    ...{ knowsHandler: (name) => name === 'echo', stats: async () => STATS },
    ...{ suppressedLines: () => 0, clock: new SimulatedClock(), processMetrics: true },
  });
  metrics.submitted(1, 2);
  metrics.ended('failed', 30);
  metrics.queueWaited(1);
  metrics.nodeEnded('echo', 'completed', 5);
  metrics.nodeEnded('no "such"\nhandler', 'failed', 5);
  for (const verb of MEASURED_VERBS) metrics.storeCall(verb, 17, 3);
  metrics.script('advance', 1);
  metrics.requestRecorder('/api/v1/workflow/{execution_id}', 'GET').observe(3, 200);
  return (await metrics.scrape()).text;
}

describe('the Prometheus text', () => {
  test('is well formed, and its names and histograms follow the conventions', async () => {
    const families = parse(await scrape());
    assert.ok(families.size > 40);
    for (const [name, family] of families) if (!/^(nodejs|process)_/.test(name)) lint(name, family);
  });

  test('has what the catalog has and nothing else of the engine’s own, with the labels that it names', async () => {
    const families = parse(await scrape());
    const own = [...families.keys()].filter((name) => !/^(nodejs|process)_/.test(name));
    assert.deepEqual(
      own.sort(),
      metricRows()
        .map(([name]) => name)
        .sort(),
    );
    for (const [name, row] of metricRows() as readonly (readonly [string, MetricRow])[]) {
      const family = families.get(name);
      assert.deepEqual([family?.type, family?.help], [row.type, row.help]);
      assert.ok(family && family.samples.length > 0, name);
      const labels = new Set(family.samples.flatMap((sample) => [...sample.labels.keys()]));
      labels.delete('le');
      assert.deepEqual([...labels].sort(), Object.keys(row.labels).sort(), name);
    }
  });

  test('tells of batches and quantiles what was recorded', async () => {
    const families = parse(await scrape());
    const sampleOf = (family: string, sample: string, label: string, value: string) =>
      families.get(family)?.samples.find((each) => each.name === sample && each.labels.get(label) === value)
        ?.value;
    assert.equal(
      sampleOf('millrace_store_batch_items', 'millrace_store_batch_items_sum', 'verb', 'lease'),
      17,
    );
    assert.equal(sampleOf('millrace_latency_seconds', 'millrace_latency_seconds_count', 'stage', 'run'), 2);
    assert.equal(
      sampleOf('millrace_latency_seconds', 'millrace_latency_seconds_sum', 'stage', 'trigger_to_end'),
      0.03,
    );
    const quantiles = families
      .get('millrace_latency_seconds')
      ?.samples.filter(({ labels }) => labels.get('stage') === 'store_call');
    assert.equal(quantiles?.find(({ labels }) => labels.get('quantile') === '0.99')?.value, 0.003);
  });

  test('stands in docs/metrics.md, and the process with it', async () => {
    const page = await readFile(new URL('../../docs/metrics.md', import.meta.url), 'utf8');
    const families = parse(await scrape());
    const named = [...page.matchAll(/`((?:workflow|node|api|redis|millrace|nodejs|process)_[a-z0-9_]+)`/g)];
    for (const [, name = ''] of named) assert.ok(families.has(name), `${name} is told but not there`);
  });
});
