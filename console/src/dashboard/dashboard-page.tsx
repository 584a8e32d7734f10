import { useState } from 'preact/hooks';
import { call } from '../api/call.js';
import { messageOf } from '../api/fault.js';
import type { Latencies, Stats } from '../api/types.js';
import { usePoll } from '../parts/poll.js';
import { Fault, Loading } from '../parts/states-of-page.tsx';
import { durationText } from '../parts/time.tsx';
import { Circuits } from './circuits.tsx';
import { keepSample, keptSamples, ratesOf, type Sample } from './history.js';
import { Hosts } from './hosts.tsx';
import { LatencyPanel } from './latency-panel.tsx';
import { Plot } from './plot.tsx';

const SAMPLE_MS = 2000;

export function DashboardPage() {
  const [samples, setSamples] = useState(keptSamples);
  const [fault, setFault] = useState<string>();
  const sample = async (signal: AbortSignal) => {
    try {
      const [stats, { windows }] = await Promise.all([
        call<Stats>('GET', 'api/v1/admin/stats', { signal }),
        call<Latencies>('GET', 'api/v1/admin/latency?window=1m', { signal }),
      ]);
      setSamples(keepSample({ at: Date.now(), stats, latencies: windows['1m']?.stages ?? {} }));
      setFault(undefined);
    } catch (error) {
      if (!signal.aborted) setFault(messageOf(error));
    }
  };
  usePoll(sample, SAMPLE_MS, '');
  const stats = samples.at(-1)?.stats;
  return (
    <div class="page">
      <div class="page-head">
        <h1>Dashboard</h1>
      </div>
      {fault !== undefined && <Fault message={fault} />}
      {!stats && fault === undefined && <Loading what="the figures" />}
      {stats && (
        <>
          <Tiles stats={stats} />
          <Plots samples={samples} />
          <LatencyPanel />
          <Hosts hosts={stats.hosts} />
          <Circuits />
        </>
      )}
    </div>
  );
}

function Tiles({ stats }: { readonly stats: Stats }) {
  const { executions, tasks, totals } = stats;
  const tiles: readonly [string, string][] = [
    ['Running', executions.running.toLocaleString()],
    ['Pending', executions.pending.toLocaleString()],
    ['Ready tasks', tasks.ready.toLocaleString()],
    ['Oldest ready', durationText(stats.oldest_ready_seconds * 1000)],
    ['Completed', totals.completed.toLocaleString()],
    ['Failed', totals.failed.toLocaleString()],
  ];
  return (
    <dl class="tiles">
      {tiles.map(([words, value]) => (
        <div key={words} class="tile">
          <dt>{words}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

const rateText = (value: number) => (value >= 100 ? value.toFixed(0) : value.toFixed(1));
const countText = (value: number) => Math.round(value).toLocaleString();

function Plots({ samples }: { readonly samples: readonly Sample[] }) {
  const times = samples.map(({ at }) => at);
  const of = (value: (stats: Stats) => number) => samples.map(({ stats }) => value(stats));
  const latency = (name: string, figure: 'p50' | 'p99') =>
    samples.map(({ latencies }) => latencies[name]?.[figure] ?? 0);
  return (
    <div class="plots">
      <Plot
        title="Executions a second, on this host"
        times={times}
        format={rateText}
        series={[
          { words: 'completed', style: 1, values: ratesOf(samples, ({ totals }) => totals.completed) },
          { words: 'submitted', style: 2, values: ratesOf(samples, ({ totals }) => totals.submissions) },
          { words: 'failed', style: 3, values: ratesOf(samples, ({ totals }) => totals.failed) },
        ]}
      />
      <Plot
        title="Trigger to end, over a minute"
        times={times}
        format={durationText}
        series={[
          { words: 'p50', style: 1, values: latency('trigger_to_end', 'p50') },
          { words: 'p99', style: 4, values: latency('trigger_to_end', 'p99') },
        ]}
      />
      <Plot
        title="Tasks"
        times={times}
        format={countText}
        series={[
          { words: 'ready', style: 1, values: of(({ tasks }) => tasks.ready) },
          { words: 'running', style: 2, values: of(({ tasks }) => tasks.leased) },
          { words: 'delayed', style: 4, values: of(({ tasks }) => tasks.delayed) },
        ]}
      />
      <Plot
        title="Executions and outbox"
        times={times}
        format={countText}
        series={[
          { words: 'running', style: 1, values: of(({ executions }) => executions.running) },
          { words: 'pending', style: 2, values: of(({ executions }) => executions.pending) },
          { words: 'outbox', style: 4, values: of((stats) => stats.outbox_events) },
        ]}
      />
    </div>
  );
}
