import type { Piscina } from 'piscina';
import { Redactor } from '../model/redactor.js';
import { CircuitDesk, type CircuitDeskOptions } from './circuits/circuit-desk.js';
import type { ResultFrame } from './frames/result-frame.js';
import { monotonicMs } from './frames/thread-clock.js';
import type { HandlerLogLine, ThreadNotice, ThreadSettings, ThreadStart } from './frames/thread-protocol.js';
import { Job } from './job.js';
import { JobQueue } from './job-queue.js';
import { Pace } from './pace.js';
import { PlanNumbers, type ProgramLimits } from './program-book.js';
import type { ResultBatch } from './result-batch.js';
import { type JobDesk, Supervisor } from './supervisor.js';
import type { RunnerOutcome, RunnerStats, RunnerTask } from './task-runner.js';
import { type CrewListener, ThreadCrew } from './thread-crew.js';
import type { ThreadJob, WorkerThread } from './worker-thread.js';

export interface DispatcherOptions {
  readonly pool: Piscina<ThreadStart, void>;
  /** Threads of the common crew. */
  readonly threads: number;
  readonly settings: ThreadSettings;
  readonly programLimits: ProgramLimits;
  readonly abortGraceMs: number;
  readonly results: ResultBatch;
  readonly circuits: Omit<CircuitDeskOptions, 'threads'>;
  readonly onReady: (notice: ThreadNotice & { kind: 'ready' }) => void;
  readonly onDeath: (thread: WorkerThread, reason: Error) => void;
  readonly onLog: (line: HandlerLogLine) => void;
}

/** A thread that has given no sign of life for this long, while jobs wait in it, gets a substitute. */
const SUBSTITUTE_AFTER_MS = 1000;
/** How long a thread for jobs that run alone is kept after its last one. */
const SOLO_IDLE_MS = 10_000;

/** Threads that may stand beside the common ones: as many substitutes, and as many for jobs that run alone. */
export function mostThreads(threads: number): number {
  return 3 * threads;
}

/**
 * Gives jobs to threads by load, those that are to run alone to threads of another crew, so that neither waits for the
 * other. A thread that is blocked for long gets a substitute, at most one for each, which retires when it is over.
 */
export class Dispatcher implements JobDesk, CrewListener {
  readonly #options: DispatcherOptions;
  readonly #common: ThreadCrew;
  readonly #solo: ThreadCrew;
  readonly #jobs = new Map<number, ThreadJob>();
  readonly #waiting = new JobQueue();
  readonly #waitingAlone = new JobQueue();
  readonly #supervisor: Supervisor;
  readonly #pace: Pace;
  readonly #desk: CircuitDesk;
  /** Of all secrets: an error that ends a thread comes here as the thread threw it. */
  readonly #redactor: Redactor;
  #soloIdleTimer: NodeJS.Timeout | undefined;
  #isPlacementDue = false;
  #isClosed = false;

  constructor(options: DispatcherOptions) {
    const { pool, threads, settings, programLimits, onLog } = options;
    this.#options = options;
    this.#pace = new Pace(threads * settings.concurrency, monotonicMs);
    const crew = { pool, settings, programLimits, onLog, planNumbers: new PlanNumbers(), listener: this };
    this.#common = new ThreadCrew({ ...crew, solo: false, most: 2 * threads });
    this.#solo = new ThreadCrew({ ...crew, solo: true, most: threads });
    this.#redactor = new Redactor(settings.secrets);
    this.#supervisor = new Supervisor({ abortGraceMs: options.abortGraceMs, desk: this });
    this.#desk = new CircuitDesk({
      ...options.circuits,
      threads: () => [...this.#common.threads, ...this.#solo.threads],
    });
  }

  get replaced(): RunnerStats['replaced'] {
    return this.#supervisor.replaced;
  }

  get circuits(): CircuitDesk['board'] {
    return this.#desk.board;
  }

  get running(): number {
    return this.#jobs.size;
  }

  /** The file of handlers that a thread is importing; undefined: none is. */
  get loading(): string | undefined {
    return this.#common.threads.find((thread) => thread.phase === 'starting')?.loading;
  }

  room(): number {
    const waiting = this.#waiting.size + this.#waitingAlone.size + this.#solo.load();
    return Math.max(0, this.#common.room() + this.#pace.ahead - waiting);
  }

  run(tasks: readonly RunnerTask[]): void {
    for (const task of tasks) {
      const job = new Job<WorkerThread>(task);
      this.#jobs.set(task.key, job);
      this.#queueOf(job).push(job);
    }
    this.place();
  }

  abort(keys: readonly number[]): void {
    for (const key of keys) {
      const job = this.#jobs.get(key);
      if (job === undefined) continue;
      this.#jobs.delete(key);
      if (job.thread === undefined) this.#queueOf(job).drop(job);
      else this.#supervisor.abort(job, job.thread);
    }
    this.place();
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#soloIdleTimer);
    this.#supervisor.close();
    this.#common.close();
    this.#solo.close();
  }

  onPoolError(reason: Error): void {
    if (this.#isClosed || this.#common.onPoolError(reason) || this.#solo.onPoolError(reason)) return;
    this.#options.onLog({
      level: 'error',
      message: `A worker thread failed: ${this.#redactor.text(reason.message)}`,
    });
  }

  answer(
    job: ThreadJob,
    outcome: RunnerOutcome,
    times: { readonly queuedMs: number; readonly runMs: number },
  ): void {
    this.#jobs.delete(job.task.key);
    this.#pace.ran(times.runMs);
    if (outcome.kind === 'refused') this.#desk.board.refuse(outcome.circuit);
    this.#options.results.add({ key: job.task.key, outcome, queuedMs: times.queuedMs, runMs: times.runMs });
  }

  requeue(job: ThreadJob): void {
    job.phase = 'waiting';
    this.#queueOf(job).pushFront(job);
    this.place();
  }

  roomBeside(thread: WorkerThread): number {
    return thread.solo ? 0 : this.#common.room() - thread.room;
  }

  replace(thread: WorkerThread): void {
    (thread.solo ? this.#solo : this.#common).end(thread);
    this.#desk.onGone(thread);
    this.#options.onLog({
      level: 'warn',
      message: 'A worker thread was replaced: a handler did not end in time',
    });
  }

  /** Once for all that asks for it before the microtasks run, so that a thread gets one frame. */
  place(): void {
    if (this.#isPlacementDue) return;
    this.#isPlacementDue = true;
    queueMicrotask(() => {
      this.#isPlacementDue = false;
      if (!this.#isClosed) this.#place();
    });
  }

  onReady(thread: WorkerThread, notice: ThreadNotice & { kind: 'ready' }): void {
    this.#desk.onReady(thread);
    this.#options.onReady(notice);
    this.#options.results.handOnSoon();
    this.place();
  }

  onFrame(thread: WorkerThread, frame: ResultFrame): void {
    const unanswered = this.#jobs.size;
    this.#desk.onReports(thread, frame.calls);
    for (const result of frame.results) {
      const job = thread.jobAt(result.slot, result.ticket);
      if (job !== undefined) this.#supervisor.onReturn(job, thread, result);
    }
    if (frame.pong > 0) this.#supervisor.onPong(thread, frame.pong);
    // Jobs that nobody waits for have left, or the thread is not blocked any more: room, and no result that tells of it.
    if (this.#jobs.size === unanswered) this.#options.results.handOnSoon();
    this.place();
  }

  onQuestion(thread: WorkerThread, notice: ThreadNotice & { kind: 'question' }): void {
    this.#desk.onQuestion(thread, notice);
  }

  onDeath(thread: WorkerThread, reason: Error): void {
    if (this.#isClosed) return;
    this.#desk.onGone(thread);
    const told = this.#redactor.text(reason.message);
    this.#options.onLog({ level: 'error', message: `A worker thread died: ${told}` });
    this.#supervisor.onDeath(thread, told);
    this.#options.onDeath(thread, reason);
    this.place();
  }

  onRetry(): void {
    this.place();
  }

  #queueOf(job: ThreadJob): JobQueue {
    return job.alone ? this.#waitingAlone : this.#waiting;
  }

  #place(): void {
    this.#fitCommonCrew();
    this.#drain(this.#waiting, this.#common);
    this.#solo.ensure(this.#solo.load() + this.#waitingAlone.size);
    this.#drain(this.#waitingAlone, this.#solo);
    this.#endSoloLater();
    for (const thread of this.#common.threads) thread.flush();
    for (const thread of this.#solo.threads) thread.flush();
  }

  #drain(queue: JobQueue, crew: ThreadCrew): void {
    if (queue.size === 0) return;
    const now = monotonicMs();
    while (queue.size > 0) {
      const thread = crew.leastLoaded();
      if (thread === undefined) return;
      const job = queue.shift();
      if (job === undefined) return;
      thread.send(job, now);
      this.#supervisor.watch(job, thread);
    }
  }

  #fitCommonCrew(): void {
    const { threads } = this.#common;
    const blockedBefore = monotonicMs() - SUBSTITUTE_AFTER_MS;
    let wanted = this.#options.threads;
    for (const thread of threads) {
      if (thread.stalledSince !== undefined && thread.stalledSince <= blockedBefore) wanted += 1;
    }
    wanted = Math.min(wanted, 2 * this.#options.threads);
    this.#common.ensure(wanted);
    if (threads.length <= wanted) return;
    let surplus = threads.length - wanted;
    for (const thread of threads) if (thread.retiring) surplus -= 1;
    const retiring = threads.findLast((thread) => thread.stalledSince === undefined && !thread.retiring);
    if (surplus > 0 && retiring !== undefined) retiring.retiring = true;
    for (const thread of threads) if (thread.retiring && thread.load === 0) this.#endEmpty(thread);
  }

  #endEmpty(thread: WorkerThread): void {
    this.#supervisor.forget(thread);
    (thread.solo ? this.#solo : this.#common).end(thread);
  }

  #endSoloLater(): void {
    if (this.#soloIdleTimer !== undefined || this.#solo.threads.length === 0) return;
    if (this.#solo.load() + this.#waitingAlone.size > 0) return;
    this.#soloIdleTimer = setTimeout(() => {
      this.#soloIdleTimer = undefined;
      if (this.#solo.load() + this.#waitingAlone.size > 0) return;
      for (const thread of this.#solo.threads) this.#endEmpty(thread);
    }, SOLO_IDLE_MS);
    this.#soloIdleTimer.unref();
  }
}
