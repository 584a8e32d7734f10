import { changePosition } from '../model/change-position.js';
import type { Clock, Timer } from '../model/clock.js';
import type { ExecutionId } from '../model/ids.js';
import { hasEnded } from '../model/states.js';
import type { Logger } from './logger.js';
import type { ExecutionView, ExecutionWatch, WatchListener } from './workflow-engine.js';

export interface WatchedState {
  readonly view: ExecutionView;
  /** Whether the hot store holds it; what only the record has changes seldom. */
  readonly isHot: boolean;
}

export interface WatchesOptions {
  readonly clock: Clock;
  readonly log: Logger;
  /** Undefined: in neither store, or between them. */
  readonly read: (id: ExecutionId) => Promise<WatchedState | undefined>;
  /** Time between looks at an execution whose changes nobody tells. */
  readonly pollMs: number;
}

/** Least time between two looks at one execution; what happens in between is merged. */
const LEAST_GAP_MS = 20;
/** An execution of more nodes is looked at less often: a look costs O(nodes). */
const MANY_NODES = 400;
const LARGE_GAP_MS = 1000;
const RECORD_POLL_MS = 2000;
/** Looks that may find nothing in a row before the execution counts as gone. */
const MAX_MISSES = 5;

/**
 * Executions that somebody watches. Each is looked at when the store tells of a change (`tell`) and every `pollMs`, however many
 * listen; its listener hears only of looks that found a change.
 *
 *     idle ──tell, pollMs──► looking ──► idle
 *                               └──ended, gone──► closed
 */
export class ExecutionWatches {
  readonly #options: WatchesOptions;
  readonly #watches = new Map<ExecutionId, Set<Watch>>();

  constructor(options: WatchesOptions) {
    this.#options = options;
  }

  has(id: ExecutionId): boolean {
    return this.#watches.has(id);
  }

  get size(): number {
    return this.#watches.size;
  }

  /** `first`: what the listener knows already. */
  open(id: ExecutionId, first: WatchedState, listener: WatchListener): ExecutionWatch {
    const watch = new Watch(this.#options, { id, first, listener, onClose: () => this.#remove(id, watch) });
    const watches = this.#watches.get(id) ?? new Set();
    this.#watches.set(id, watches.add(watch));
    watch.begin();
    return { first: first.view, close: () => watch.close() };
  }

  tell(id: ExecutionId): void {
    for (const watch of this.#watches.get(id) ?? []) watch.within(0);
  }

  /** The engine stops: everybody's watch ends. */
  closeAll(): void {
    for (const watches of [...this.#watches.values()]) for (const watch of [...watches]) watch.end();
  }

  #remove(id: ExecutionId, watch: Watch): void {
    const watches = this.#watches.get(id);
    watches?.delete(watch);
    if (watches?.size === 0) this.#watches.delete(id);
  }
}

interface WatchParts {
  readonly id: ExecutionId;
  readonly first: WatchedState;
  readonly listener: WatchListener;
  readonly onClose: () => void;
}

class Watch {
  readonly #options: WatchesOptions;
  readonly #parts: WatchParts;
  readonly #gapMs: number;
  #position: string;
  #timer: Timer | undefined;
  #dueAt = Number.POSITIVE_INFINITY;
  #lookedAt: number;
  #isLooking = false;
  #isClosed = false;
  #misses = 0;

  constructor(options: WatchesOptions, parts: WatchParts) {
    this.#options = options;
    this.#parts = parts;
    this.#position = changePosition(parts.first.view.snapshot);
    this.#gapMs = parts.first.view.plan.nodes.length > MANY_NODES ? LARGE_GAP_MS : LEAST_GAP_MS;
    this.#lookedAt = options.clock.monotonic();
  }

  begin(): void {
    this.within(this.#pollMs(this.#parts.first.isHot));
  }

  /** Looks within `ms`, but not before its gap is over. */
  within(ms: number): void {
    const now = this.#options.clock.monotonic();
    const at = Math.max(now + ms, this.#lookedAt + this.#gapMs);
    if (this.#isClosed || at >= this.#dueAt) return;
    this.#dueAt = at;
    if (!this.#isLooking) this.#schedule();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#parts.onClose();
  }

  /** Closes it and tells so. */
  end(): void {
    if (this.#isClosed) return;
    this.close();
    this.#parts.listener.closed();
  }

  #schedule(): void {
    this.#timer?.cancel();
    const ms = Math.max(0, this.#dueAt - this.#options.clock.monotonic());
    this.#timer = this.#options.clock.after(ms, () => void this.#look());
  }

  async #look(): Promise<void> {
    this.#dueAt = Number.POSITIVE_INFINITY;
    this.#isLooking = true;
    let isHot = true;
    try {
      const state = await this.#options.read(this.#parts.id);
      isHot = state?.isHot ?? true;
      this.#found(state?.view);
    } catch (error) {
      this.#options.log.debug('a watched execution could not be read; it is tried again', { error });
    }
    this.#isLooking = false;
    this.#lookedAt = this.#options.clock.monotonic();
    if (this.#isClosed) return;
    this.within(this.#pollMs(isHot));
    this.#schedule();
  }

  #found(view: ExecutionView | undefined): void {
    if (this.#isClosed) return;
    this.#misses = view ? 0 : this.#misses + 1;
    if (!view) {
      if (this.#misses >= MAX_MISSES) this.end();
      return;
    }
    const position = changePosition(view.snapshot);
    if (position !== this.#position) {
      this.#position = position;
      this.#parts.listener.changed(view);
    }
    if (hasEnded(view.snapshot.state)) this.close();
  }

  #pollMs(isHot: boolean): number {
    return isHot ? this.#options.pollMs : Math.max(this.#options.pollMs, RECORD_POLL_MS);
  }
}
