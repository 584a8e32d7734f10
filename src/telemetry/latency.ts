import type { Clock } from '../model/clock.js';
import { type CountedCells, LatencyCells } from './latency-cells.js';

/**
 * The stretches that are measured. `submit`: from the batch's call to its being durable; `queue_wait`: from ready to leased here; `run`: in a
 * worker thread; `trigger_to_end`: from the start of an execution to its end; `store_call`: one call of the hot
 * store, to its being durable; `end_to_record`: from the end of an execution to its being in the record.
 */
export const LATENCY_STAGES = [
  'submit',
  'queue_wait',
  'run',
  'trigger_to_end',
  'store_call',
  'end_to_record',
] as const;
export type LatencyStage = (typeof LATENCY_STAGES)[number];

/** The last minute, the last five, and all since the process started. */
export const LATENCY_WINDOWS = ['1m', '5m', 'start'] as const;
export type LatencyWindow = (typeof LATENCY_WINDOWS)[number];

const INTERVAL_MS = 10_000;
/** Whole intervals of a window; what has passed of the present one comes on top. */
const INTERVALS_OF = { '1m': 6, '5m': 30 } as const;
const INTERVALS_KEPT = INTERVALS_OF['5m'];

export interface LatencyView {
  /** How long ago the window begins. */
  readonly seconds: number;
  readonly stages: Readonly<Record<LatencyStage, CountedCells>>;
}

interface Interval {
  readonly begunMs: number;
  readonly cells: CountedCells;
}

/** One stage: the interval that runs, those before it, and the sum of all that are over. */
class StageHistory {
  readonly running = new LatencyCells();
  readonly #over = new LatencyCells();
  #intervals: Interval[] = [];

  rotate(begunMs: number): void {
    const cells = this.running.counted();
    this.#over.add(cells);
    this.running.clear();
    this.#intervals = [...this.#intervals.slice(1 - INTERVALS_KEPT), { begunMs, cells }];
  }

  sinceStart(): CountedCells {
    const sum = new LatencyCells();
    sum.add(this.#over.counted());
    sum.add(this.running.counted());
    return sum.counted();
  }

  since(begunMs: number): CountedCells {
    const sum = new LatencyCells();
    for (const interval of this.#intervals) if (interval.begunMs >= begunMs) sum.add(interval.cells);
    sum.add(this.running.counted());
    return sum.counted();
  }
}

/**
 * How long each stage takes, over sliding windows. Recording touches only the counts of the interval that runs; every ten seconds its
 * counts are put away, some kilobytes of them, and windows are summed up when somebody asks.
 */
export class LatencyRecorder {
  readonly #clock: Pick<Clock, 'monotonic' | 'after'>;
  readonly #startedMs: number;
  #begunMs: number;
  readonly #stages = ofEachStage(() => new StageHistory());

  constructor(clock: Pick<Clock, 'monotonic' | 'after'>) {
    this.#clock = clock;
    this.#startedMs = clock.monotonic();
    this.#begunMs = this.#startedMs;
    this.#rotateLater();
  }

  record(stage: LatencyStage, durationMs: number): void {
    this.#stages[stage].running.record(durationMs);
  }

  view(window: LatencyWindow): LatencyView {
    const nowMs = this.#clock.monotonic();
    const wantedMs =
      window === 'start' ? this.#startedMs : this.#begunMs - INTERVALS_OF[window] * INTERVAL_MS;
    const beginsMs = Math.max(this.#startedMs, wantedMs);
    const of = (stage: LatencyStage) =>
      window === 'start' ? this.#stages[stage].sinceStart() : this.#stages[stage].since(beginsMs);
    return {
      seconds: (nowMs - beginsMs) / 1000,
      stages: ofEachStage(of),
    };
  }

  #rotateLater(): void {
    this.#clock.after(INTERVAL_MS, () => {
      for (const stage of LATENCY_STAGES) this.#stages[stage].rotate(this.#begunMs);
      this.#begunMs = this.#clock.monotonic();
      this.#rotateLater();
    });
  }
}

export function ofEachStage<T>(make: (stage: LatencyStage) => T): Readonly<Record<LatencyStage, T>> {
  return {
    submit: make('submit'),
    queue_wait: make('queue_wait'),
    run: make('run'),
    trigger_to_end: make('trigger_to_end'),
    store_call: make('store_call'),
    end_to_record: make('end_to_record'),
  };
}
