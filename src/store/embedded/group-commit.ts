import type { Clock } from '../../model/clock.js';

export interface GroupCommitOptions {
  readonly clock: Clock;
  /** Writes all changes made so far in one transaction and resolves when it is synced. `commit` is its number. */
  readonly write: (commit: number) => Promise<void>;
  /** A commit failed; the changes are still to be written. */
  readonly onFailure: (error: unknown) => void;
  /** The first commit after a failure succeeded. */
  readonly onRecovery: () => void;
  readonly retryMs: number;
}

/**
 * One commit at a time. Changes that are made while one is being synced wait together for the next, so that the number
 * of syncs does not grow with the load and an idle store answers after one.
 *
 *     changes   a  b c d     e f
 *     commits   [a]····[b c d]····[e f]
 *
 * A failed commit rejects those who wait for it and is tried again, by itself, until it succeeds; who asks meanwhile
 * waits for the next try.
 */
export class GroupCommit {
  readonly #options: GroupCommitOptions;
  #running = false;
  #scheduled = false;
  #failing = false;
  #closed = false;
  #sequence = 0;
  #synced = 0;
  #next: Waiters | undefined;
  #current: Promise<void> = Promise.resolve();

  constructor(options: GroupCommitOptions) {
    this.#options = options;
  }

  get failing(): boolean {
    return this.#failing;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** The number of the last commit that is synced. */
  get synced(): number {
    return this.#synced;
  }

  /** Resolves once everything changed until now is synced. Calls for a commit; rejects once closed. */
  request(): Promise<void> {
    if (!this.#next) {
      this.#next = createWaiters();
      if (this.#closed) this.#next.reject(closed());
      if (!this.#running && !this.#failing) this.#schedule();
    }
    return this.#next.promise;
  }

  /** Resolves once the commit under way, if any, is synced. Calls for none. */
  current(): Promise<void> {
    return this.#running ? this.#current : Promise.resolve();
  }

  /** Resolves once every commit that is under way or was called for is synced. Calls for none. */
  settled(): Promise<void> {
    return this.#next?.promise ?? this.current();
  }

  /** Commits what there is and takes no more. Rejects where that commit fails; it is not tried again. */
  async close(): Promise<void> {
    if (this.#closed) return;
    await this.current().catch(() => undefined);
    try {
      await this.request();
    } finally {
      this.#closed = true;
      this.#next?.reject(closed());
    }
  }

  #schedule(): void {
    if (this.#scheduled || this.#closed) return;
    this.#scheduled = true;
    this.#options.clock.soon(() => {
      this.#scheduled = false;
      if (!this.#running) void this.#run();
    });
  }

  async #run(): Promise<void> {
    const waiters = this.#next ?? createWaiters();
    this.#next = undefined;
    this.#running = true;
    this.#current = waiters.promise;
    this.#sequence += 1;
    try {
      await this.#options.write(this.#sequence);
      this.#synced = this.#sequence;
      this.#running = false;
      if (this.#failing) {
        this.#failing = false;
        this.#options.onRecovery();
      }
      waiters.resolve();
    } catch (error) {
      this.#running = false;
      this.#failing = true;
      waiters.reject(error);
      this.#options.onFailure(error);
      this.#options.clock.after(this.#options.retryMs, () => {
        if (!this.#running && !this.#closed) void this.#run();
      });
      return;
    }
    if (this.#next) this.#schedule();
  }
}

interface Waiters {
  readonly promise: Promise<void>;
  resolve(): void;
  reject(error: unknown): void;
}

function closed(): Error {
  return new Error('the store is closed');
}

function createWaiters(): Waiters {
  let resolve: () => void = () => undefined;
  let reject: (error: unknown) => void = () => undefined;
  const promise = new Promise<void>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  promise.catch(() => undefined);
  return { promise, resolve, reject };
}
