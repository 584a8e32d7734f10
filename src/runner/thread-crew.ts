import type { Piscina } from 'piscina';
import type { ResultFrame } from './frames/result-frame.js';
import type { HandlerLogLine, ThreadNotice, ThreadSettings, ThreadStart } from './frames/thread-protocol.js';
import { type PlanNumbers, ProgramBook, type ProgramLimits } from './program-book.js';
import { type ThreadListener, WorkerThread } from './worker-thread.js';

export interface CrewListener {
  onReady(thread: WorkerThread, notice: ThreadNotice & { kind: 'ready' }): void;
  onFrame(thread: WorkerThread, frame: ResultFrame): void;
  onQuestion(thread: WorkerThread, notice: ThreadNotice & { kind: 'question' }): void;
  /** A thread ended of itself. It is no longer of the crew. */
  onDeath(thread: WorkerThread, reason: Error): void;
  /** A thread may be added again after one that did not come up. */
  onRetry(): void;
}

export interface ThreadCrewOptions {
  readonly pool: Piscina<ThreadStart, void>;
  readonly settings: ThreadSettings;
  readonly planNumbers: PlanNumbers;
  readonly programLimits: ProgramLimits;
  readonly solo: boolean;
  /** The most threads at one time. */
  readonly most: number;
  readonly listener: CrewListener;
  readonly onLog: (line: HandlerLogLine) => void;
}

/** The handlers cannot be loaded; the message names the file and says why. */
export class HandlersBroken extends Error {
  override readonly name = 'HandlersBroken';
}

const FIRST_RETRY_MS = 100;
const LONGEST_RETRY_MS = 10_000;

/** Threads of one kind: brings up as many as are wanted, and tries again, ever later, where they do not come up. */
export class ThreadCrew implements ThreadListener {
  readonly #options: ThreadCrewOptions;
  #threads: WorkerThread[] = [];
  #retryMs = FIRST_RETRY_MS;
  #retryTimer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(options: ThreadCrewOptions) {
    this.#options = options;
  }

  get threads(): readonly WorkerThread[] {
    return this.#threads;
  }

  /** Adds threads until there are `count` that are not about to retire. */
  ensure(count: number): void {
    let staying = 0;
    for (const thread of this.#threads) if (!thread.retiring) staying += 1;
    while (staying < count && this.#threads.length < this.#options.most) {
      if (this.#isClosed || this.#retryTimer !== undefined) return;
      this.#add();
      staying += 1;
    }
  }

  /** Of the threads with room the one with the least load. */
  leastLoaded(): WorkerThread | undefined {
    let best: WorkerThread | undefined;
    for (const thread of this.#threads) {
      if (thread.room > 0 && (best === undefined || thread.load < best.load)) best = thread;
    }
    return best;
  }

  room(): number {
    let room = 0;
    for (const thread of this.#threads) room += thread.room;
    return room;
  }

  load(): number {
    let load = 0;
    for (const thread of this.#threads) load += thread.load;
    return load;
  }

  /** Ends the thread; its jobs stay as they are. */
  end(thread: WorkerThread): void {
    this.#threads = this.#threads.filter((other) => other !== thread);
    thread.end();
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#retryTimer);
    for (const thread of this.#threads) thread.end();
    this.#threads = [];
  }

  onNotice(thread: WorkerThread, notice: ThreadNotice): void {
    switch (notice.kind) {
      case 'ready':
        this.#retryMs = FIRST_RETRY_MS;
        this.#options.listener.onReady(thread, notice);
        break;
      case 'broken':
        thread.fail(new HandlersBroken(notice.message));
        break;
      case 'log':
        this.#options.onLog(notice.line);
        break;
      case 'question':
        this.#options.listener.onQuestion(thread, notice);
        break;
      case 'loading':
        break;
    }
  }

  onFrame(thread: WorkerThread, frame: ResultFrame): void {
    this.#options.listener.onFrame(thread, frame);
  }

  onDeath(thread: WorkerThread, reason: Error): void {
    this.#threads = this.#threads.filter((other) => other !== thread);
    if (!thread.wasReady) this.#retryLater();
    this.#options.listener.onDeath(thread, reason);
  }

  /** The pool lost a thread before it had taken its task: the first that has not come up stands for it. */
  onPoolError(reason: Error): boolean {
    const starting = this.#threads.find(
      (thread) => thread.phase === 'starting' && thread.loading === undefined,
    );
    starting?.fail(reason);
    return starting !== undefined;
  }

  #add(): void {
    const { pool, settings, planNumbers, programLimits, solo } = this.#options;
    const programs = new ProgramBook(planNumbers, programLimits);
    this.#threads.push(new WorkerThread({ pool, settings, programs, listener: this, solo }));
  }

  #retryLater(): void {
    if (this.#isClosed || this.#retryTimer !== undefined) return;
    this.#retryTimer = setTimeout(() => {
      this.#retryTimer = undefined;
      this.#options.listener.onRetry();
    }, this.#retryMs);
    this.#retryTimer.unref();
    this.#retryMs = Math.min(this.#retryMs * 2, LONGEST_RETRY_MS);
  }
}
