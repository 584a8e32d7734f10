import type { NodeDetail } from '../api/types.js';

export type BarKind = 'queued' | 'failed-attempt' | 'delayed' | 'run';

/** A stretch of a node's time. Times in milliseconds since the epoch. */
export interface Bar {
  readonly kind: BarKind;
  readonly from: number;
  readonly to: number;
  readonly words: string;
}

/**
 * What a node did when, in order: waits in the queue, attempts that failed and the waits between them, the last run.
 * Empty for one that was never ready. What is under way reaches to `now`.
 */
export function barsOf(detail: NodeDetail, now: number): readonly Bar[] {
  const bars: Bar[] = [];
  const queued = msOf(detail.queued_at);
  const started = msOf(detail.started_at);
  let end: number | undefined;
  for (const failure of detail.failures) {
    const [from, to] = [Date.parse(failure.started_at), Date.parse(failure.finished_at)];
    if (end !== undefined)
      bars.push({ kind: 'delayed', from: end, to: from, words: 'waited for its next attempt' });
    const words = `attempt ${failure.attempt}: ${failure.error.error_code}`;
    bars.push({ kind: 'failed-attempt', from, to, words });
    end = to;
  }
  const isOnLastFailure = detail.failures.at(-1)?.attempt === detail.attempt;
  if (queued !== undefined && !(isOnLastFailure && detail.state !== 'DELAYED')) {
    const until = started !== undefined && started >= queued ? started : now;
    const isWaiting = started !== undefined || detail.state === 'READY';
    if (end !== undefined && queued > end)
      bars.push({ kind: 'delayed', from: end, to: queued, words: 'waited for its next attempt' });
    if (isWaiting && until > queued && !isOnLastFailure)
      bars.push({ kind: 'queued', from: queued, to: until, words: 'in the queue' });
  }
  if (detail.state === 'DELAYED') {
    const from = end ?? started ?? queued ?? now;
    bars.push({ kind: 'delayed', from, to: Math.max(from, now), words: 'waits' });
  } else if (started !== undefined && !isOnLastFailure) {
    const finished = msOf(detail.finished_at) ?? now;
    bars.push({
      kind: 'run',
      from: started,
      to: Math.max(started, finished),
      words: `attempt ${detail.attempt}`,
    });
  }
  return bars;
}

function msOf(instant: string | null): number | undefined {
  return instant === null ? undefined : Date.parse(instant);
}

/** Steps of 1, 2 or 5 times a power of ten, at most `count` of them, that cover `spanMs`. */
export function tickStepMs(spanMs: number, count: number): number {
  const least = Math.max(1, spanMs / count);
  const power = 10 ** Math.floor(Math.log10(least));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= least) ?? least;
}
