import { setTimeout as pause } from 'node:timers/promises';
import { build, type Histogram } from 'hdr-histogram-js';
import type { MillraceClient, Submission } from '../../client/index.js';
import { usageFailure } from '../command-failure.js';
import { type CommandSpec, type OptionValues, textOf } from '../command-spec.js';
import { EXIT } from '../exit-codes.js';
import type { Session } from '../session.js';

const ASK_AGAIN_MS = 50;
const ENDS_WITHIN_MS = 60_000;
const ASKED_AT_ONCE = 1000;
const PERCENTILES = [50, 90, 99] as const;

interface Load {
  readonly seconds: number;
  readonly connections: number;
  readonly batch: number;
  readonly submission: Submission;
}

interface BenchReport {
  readonly seconds: number;
  readonly submitted: number;
  readonly refused: number;
  readonly completed: number;
  readonly failed: number;
  readonly unfinished: number;
  readonly completed_per_second: number;
  /** Of a request that submits and triggers. */
  readonly submit_ms: Readonly<Record<string, number>>;
  /** As the instance tells it. */
  readonly start_to_end_ms: Readonly<Record<string, number>>;
}

export const bench: CommandSpec = {
  name: 'bench',
  summary: 'Put a load of small workflows on an instance and tell how fast it is',
  description:
    'Closed loop over one client process, so it finds the limit of that client as often as the one of the engine: npm run bench in a checkout measures the engine',
  options: [
    { flags: '--seconds N', meaning: 'how long to submit; 5' },
    { flags: '--connections N', meaning: 'requests under way at a time; 16' },
    { flags: '--batch N', meaning: 'workflows of one request; 1' },
    { flags: '--nodes N', meaning: 'nodes of a workflow, in a chain; 2' },
  ],
  examples: ['millrace bench --seconds 1', 'millrace bench --seconds 1 --batch 100 --json'],
  async run(session, _, options) {
    const load: Load = {
      seconds: numberOf(options, 'seconds', 5),
      connections: numberOf(options, 'connections', 16),
      batch: Math.min(1000, numberOf(options, 'batch', 1)),
      submission: chain(numberOf(options, 'nodes', 2)),
    };
    const report = await measure(session, load);
    session.show(report, (told) => textOfReport(session, told));
    return report.completed === report.submitted && report.completed > 0 ? EXIT.OK : EXIT.FAILED;
  },
};

async function measure(session: Session, load: Load): Promise<BenchReport> {
  const began = performance.now();
  const submitTimes = histogram();
  const ids: string[] = [];
  let refused = 0;
  const lane = async (): Promise<void> => {
    while (performance.now() - began < load.seconds * 1000) {
      const sent = performance.now();
      const items = Array.from({ length: load.batch }, () => load.submission);
      const results = await session.client.submitBatch(items, { signal: session.signal });
      submitTimes.recordValue(Math.round((performance.now() - sent) * 1000));
      for (const each of results) {
        if (each.ok) ids.push(each.value.execution_id);
        else refused += 1;
      }
    }
  };
  await Promise.all(Array.from({ length: load.connections }, lane));
  const runTimes = histogram();
  const ends = await awaitEnds(session.client, ids, runTimes, session.signal);
  const seconds = (performance.now() - began) / 1000;
  return {
    ...{ seconds: round(seconds), submitted: ids.length, refused, ...ends },
    completed_per_second: round(ends.completed / seconds),
    submit_ms: figures(submitTimes),
    start_to_end_ms: figures(runTimes),
  };
}

async function awaitEnds(
  client: MillraceClient,
  ids: readonly string[],
  times: Histogram,
  signal: AbortSignal,
): Promise<{ completed: number; failed: number; unfinished: number }> {
  const deadline = performance.now() + ENDS_WITHIN_MS;
  let [left, completed, failed] = [ids, 0, 0];
  for (;;) {
    const unfinished: string[] = [];
    for (let from = 0; from < left.length; from += ASKED_AT_ONCE) {
      const part = left.slice(from, from + ASKED_AT_ONCE);
      const statuses = await client.statuses(part, { signal });
      for (const [index, each] of statuses.entries()) {
        if (!each.ok || each.value.status === 'FAILED' || each.value.status === 'CANCELLED') failed += 1;
        else if (each.value.status === 'COMPLETED') {
          const { started_at, finished_at } = each.value;
          completed += 1;
          times.recordValue(
            Math.max(0, (Date.parse(finished_at ?? '') - Date.parse(started_at ?? '')) * 1000),
          );
        } else unfinished.push(part[index] ?? '');
      }
    }
    if (unfinished.length === 0 || performance.now() > deadline)
      return { completed, failed, unfinished: unfinished.length };
    left = unfinished;
    await pause(ASK_AGAIN_MS, undefined, { signal });
  }
}

function chain(length: number): Submission {
  const nodes = Array.from({ length }, (_, index) => ({
    id: `n${index}`,
    handler: 'echo',
    config: { n: index },
    ...(index > 0 && { dependencies: [`n${index - 1}`] }),
  }));
  return { name: 'millrace bench', dag: { nodes }, trigger: true };
}

function textOfReport(session: Session, report: BenchReport): string {
  const spans = { submit: report.submit_ms, 'start to end': report.start_to_end_ms };
  return [
    `workflows/s: ${report.completed_per_second}`,
    `completed:   ${report.completed} of ${report.submitted} submitted in ${report.seconds} s`,
    `failed: ${report.failed}, unfinished: ${report.unfinished}, refused: ${report.refused}`,
    '',
    session.table(
      ['MILLISECONDS', ...PERCENTILES.map((each) => `P${each}`), 'MAX'],
      Object.entries(spans).map(([span, values]) => [span, ...Object.values(values).map(String)]),
    ),
  ].join('\n');
}

/** Microseconds. */
function histogram(): Histogram {
  return build({ highestTrackableValue: 3_600_000_000, numberOfSignificantValueDigits: 3 });
}

function figures(times: Histogram): Readonly<Record<string, number>> {
  // A percentile is the upper end of its bucket, which may lie above all that was recorded.
  const most = times.maxValue;
  const rows = PERCENTILES.map(
    (each) => [`p${each}`, round(Math.min(most, times.getValueAtPercentile(each)) / 1000)] as const,
  );
  return Object.fromEntries([...rows, ['max', round(most / 1000)]]);
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

function numberOf(options: OptionValues, name: string, fallback: number): number {
  const value = Number(textOf(options, name) ?? fallback);
  const isWhole = name === 'seconds' || Number.isInteger(value);
  if (!(value > 0) || !isWhole) throw usageFailure(`--${name} ${options[name]}: expected a number above 0`);
  return value;
}
