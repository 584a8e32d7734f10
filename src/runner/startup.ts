import type { HandlerDescriptor } from '../model/builtin-handlers.js';
import type { ThreadNotice } from './frames/thread-protocol.js';
import { HandlersBroken } from './thread-crew.js';
import type { WorkerThread } from './worker-thread.js';

/** A directory of handlers that has not loaded by then is taken to hang. */
const LOAD_TIMEOUT_MS = 60_000;

/** Waits until the first threads are up, and keeps the handlers that they report. */
export class Startup {
  readonly handlers = new Map<string, HandlerDescriptor>();
  readonly #settled: Promise<void>;
  #missing: number;
  #resolve: () => void = () => {};
  #reject: (reason: Error) => void = () => {};

  constructor(threads: number) {
    this.#missing = threads;
    this.#settled = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#settled.catch(() => {});
  }

  /** Rejects where a thread does not come up. `loading`: the file that a thread is importing, for the message. */
  async done(loading: () => string | undefined): Promise<void> {
    const timer = setTimeout(() => {
      const seconds = LOAD_TIMEOUT_MS / 1000;
      this.#reject(
        new Error(`Handlers did not load within ${seconds} s: ${loading() ?? 'no file was begun'}`),
      );
    }, LOAD_TIMEOUT_MS);
    try {
      await this.#settled;
    } finally {
      clearTimeout(timer);
    }
  }

  onReady(notice: ThreadNotice & { kind: 'ready' }): void {
    if (this.handlers.size === 0) {
      for (const handler of notice.handlers) this.handlers.set(handler.name, handler);
    }
    this.#missing -= 1;
    if (this.#missing === 0) this.#resolve();
  }

  onDeath(thread: WorkerThread, reason: Error): void {
    const where = thread.loading === undefined ? '' : ` while it loaded ${thread.loading}`;
    const isExplained = reason instanceof HandlersBroken;
    this.#reject(
      isExplained ? reason : new Error(`A worker thread ended${where}: ${reason.message}`, { cause: reason }),
    );
  }
}
