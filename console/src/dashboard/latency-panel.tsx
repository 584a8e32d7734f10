import { useState } from 'preact/hooks';
import { call } from '../api/call.js';
import { messageOf } from '../api/fault.js';
import { LATENCY_WINDOWS, type Latencies, type LatencyFigures, type LatencyWindow } from '../api/types.js';
import { usePoll } from '../parts/poll.js';
import { Fault } from '../parts/states-of-page.tsx';
import { durationText } from '../parts/time.tsx';
import { PercentilePlot } from './percentile-plot.tsx';

const REFRESH_MS = 2000;
const STAGE_WORDS: Readonly<Record<string, string>> = {
  submit: 'Submission, until it is durable',
  queue_wait: 'In the queue',
  run: 'In the handler',
  trigger_to_end: 'Trigger to end',
  store_call: 'A call of the store',
  end_to_record: 'End to record',
};
const WINDOW_WORDS: Readonly<Record<LatencyWindow, string>> = {
  '1m': 'Last minute',
  '5m': 'Last five minutes',
  start: 'Since the start',
};
const FIGURES = ['p50', 'p90', 'p99', 'p99_9', 'max'] as const;

type Stages = Readonly<Record<string, LatencyFigures>>;

/** Percentiles of every stage over a window, and as curves. */
export function LatencyPanel() {
  const [window, setWindow] = useState<LatencyWindow>('5m');
  const [stages, setStages] = useState<Stages>({});
  const [fault, setFault] = useState<string>();
  const read = async (signal: AbortSignal) => {
    try {
      const { windows } = await call<Latencies>('GET', `api/v1/admin/latency?window=${window}`, { signal });
      if (signal.aborted) return;
      setStages(windows[window]?.stages ?? {});
      setFault(undefined);
    } catch (error) {
      if (!signal.aborted) setFault(messageOf(error));
    }
  };
  usePoll(read, REFRESH_MS, window);
  return (
    <section class="panel" aria-labelledby="latency">
      <div class="panel-head">
        <h2 id="latency">Latency</h2>
        <fieldset class="chips" aria-label="Window">
          {LATENCY_WINDOWS.map((each) => (
            <button
              key={each}
              type="button"
              class="chip"
              aria-pressed={each === window}
              onClick={() => setWindow(each)}
            >
              {WINDOW_WORDS[each]}
            </button>
          ))}
        </fieldset>
      </div>
      {fault !== undefined && <Fault message={fault} />}
      <div class="latency">
        <FigureTable stages={stages} />
        <PercentilePlot
          curves={[
            { words: 'trigger to end', style: 1, points: stages.trigger_to_end?.curve ?? [] },
            { words: 'in the queue', style: 2, points: stages.queue_wait?.curve ?? [] },
            { words: 'call of the store', style: 4, points: stages.store_call?.curve ?? [] },
          ]}
        />
      </div>
    </section>
  );
}

function FigureTable({ stages }: { readonly stages: Stages }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by keyboard
    <section class="table-scroll" tabIndex={0} aria-label="Percentiles">
      <table class="rows figures">
        <thead>
          <tr>
            <th scope="col">Stage</th>
            {FIGURES.map((figure) => (
              <th key={figure} scope="col" class="number">
                {figure.replace('_', '.')}
              </th>
            ))}
            <th scope="col" class="number">
              count
            </th>
          </tr>
        </thead>
        <tbody>
          {Object.entries(stages).map(([stage, figures]) => (
            <tr key={stage}>
              <th scope="row">{STAGE_WORDS[stage] ?? stage}</th>
              {FIGURES.map((figure) => (
                <td key={figure} class="number">
                  {figures.count === 0 ? '–' : fineText(figures[figure])}
                </td>
              ))}
              <td class="number">{figures.count.toLocaleString()}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function fineText(ms: number): string {
  if (ms < 1) return `${Math.round(ms * 1000)} µs`;
  return ms < 10 ? `${ms.toFixed(2)} ms` : durationText(ms);
}
