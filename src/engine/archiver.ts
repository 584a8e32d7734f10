import type { Clock } from '../model/clock.js';
import type { HistoryStore } from '../store/history-store.js';
import type { StateStore } from '../store/state-store.js';
import { type Background, startBackground } from './background.js';
import type { Logger } from './logger.js';

export interface ArchiverOptions {
  readonly store: Pick<StateStore, 'takeOutbox' | 'acknowledgeOutbox'>;
  readonly history: Pick<HistoryStore, 'record'>;
  readonly clock: Clock;
  readonly log: Logger;
  /** Wait after something was told, so that batches grow under load. */
  readonly gatherMs: number;
  /** Events of one batch. */
  readonly batchSize: number;
}

const LEAST_RETRY_MS = 100;
const MOST_RETRY_MS = 5000;

/**
 * Brings what the record has to learn from the hot store to it. It runs while the store says that there is something, and stops when the
 * outbox is empty. While the record is away it tries again, ever more seldom; nothing is lost meanwhile.
 */
export class Archiver {
  readonly #options: ArchiverOptions;
  readonly #background: Background;
  #failures = 0;

  constructor(options: ArchiverOptions) {
    this.#options = options;
    this.#background = startBackground({
      name: 'archiving',
      clock: options.clock,
      log: options.log,
      run: () => this.#run(),
      retryMs: LEAST_RETRY_MS,
    });
  }

  /** The store has something for the record. */
  wake(): void {
    if (this.#failures === 0) this.#background.within(this.#options.gatherMs);
  }

  async #run(): Promise<number | undefined> {
    const { log } = this.#options;
    try {
      await this.drain();
      if (this.#failures > 0) log.info('the record is reached again');
      this.#failures = 0;
      return undefined;
    } catch (error) {
      if (this.#failures === 0)
        log.error('the record is not reached; executions go on, and it is tried again', { error });
      this.#failures += 1;
      return Math.min(MOST_RETRY_MS, LEAST_RETRY_MS * 2 ** Math.min(this.#failures, 10));
    }
  }

  /** Until the outbox is empty. Rejects where a store is away. */
  async drain(): Promise<void> {
    const { store, history, batchSize } = this.#options;
    for (;;) {
      const events = await store.takeOutbox(batchSize);
      if (events.length === 0) return;
      await history.record(events);
      await store.acknowledgeOutbox(events);
    }
  }

  async stop(): Promise<void> {
    await this.#background.stop();
  }
}
