import type { LatencyFigures } from '../api/types.js';
import { durationText } from '../parts/time.tsx';

const WORDS: Readonly<Record<string, string>> = {
  submit: 'Submission, until it is durable',
  queue_wait: 'In the queue',
  run: 'In the handler',
  trigger_to_end: 'Trigger to end',
};

export function LatencyTable({
  latencies,
}: {
  readonly latencies: Readonly<Record<string, LatencyFigures>>;
}) {
  return (
    <section class="panel" aria-labelledby="latency">
      <h2 id="latency">Latency</h2>
      <div class="table-scroll">
        <table class="rows figures">
          <thead>
            <tr>
              <th scope="col">Stage</th>
              {['p50', 'p90', 'p99', 'max', 'count'].map((words) => (
                <th key={words} scope="col" class="number">
                  {words}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {Object.entries(latencies).map(([stage, { p50, p90, p99, max, count }]) => (
              <tr key={stage}>
                <th scope="row">{WORDS[stage] ?? stage}</th>
                {[p50, p90, p99, max].map((value, at) => (
                  <td key={at} class="number">
                    {count === 0 ? '–' : fineText(value)}
                  </td>
                ))}
                <td class="number">{count.toLocaleString()}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function fineText(ms: number): string {
  return ms < 10 ? `${ms.toFixed(2)} ms` : durationText(ms);
}
