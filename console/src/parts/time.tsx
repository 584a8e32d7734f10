import { useEffect, useState } from 'preact/hooks';

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** The time of now, told anew each `everyMs`. */
export function useNow(everyMs: number): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return now;
}

/** As `12 s ago`; a time that is still to come as `in 12 s`. */
export function relativeText(instantMs: number, nowMs: number): string {
  const distance = Math.abs(nowMs - instantMs);
  const text = coarseText(distance);
  if (distance < 2 * SECOND_MS) return 'just now';
  return instantMs > nowMs ? `in ${text}` : `${text} ago`;
}

function coarseText(ms: number): string {
  if (ms < MINUTE_MS) return `${Math.floor(ms / SECOND_MS)} s`;
  if (ms < HOUR_MS) return `${Math.floor(ms / MINUTE_MS)} min`;
  if (ms < DAY_MS) return `${Math.floor(ms / HOUR_MS)} h`;
  return `${Math.floor(ms / DAY_MS)} d`;
}

/** As `340 ms`, `12.3 s`, `4 min 05 s`, `2 h 10 min`. */
export function durationText(ms: number): string {
  if (ms < SECOND_MS) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < MINUTE_MS) return `${(ms / SECOND_MS).toFixed(ms < 10 * SECOND_MS ? 2 : 1)} s`;
  if (ms < HOUR_MS) return `${Math.floor(ms / MINUTE_MS)} min ${pad((ms % MINUTE_MS) / SECOND_MS)} s`;
  return `${Math.floor(ms / HOUR_MS)} h ${pad((ms % HOUR_MS) / MINUTE_MS)} min`;
}

function pad(value: number): string {
  return String(Math.floor(value)).padStart(2, '0');
}

export function clockText(instant: string): string {
  return new Date(instant).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
}

/** A time as its distance from now, with the whole of it as a title. */
export function RelativeTime({ at, now }: { readonly at: string; readonly now: number }) {
  return (
    <time dateTime={at} title={clockText(at)}>
      {relativeText(Date.parse(at), now)}
    </time>
  );
}

/** From the start to the end, or until now; empty before the start. */
export function durationOf(
  times: { readonly started_at: string | null; readonly finished_at: string | null },
  now: number,
): string {
  if (times.started_at === null) return '';
  const end = times.finished_at === null ? now : Date.parse(times.finished_at);
  return durationText(end - Date.parse(times.started_at));
}
