import { ERRORS } from '../model/errors.js';
import type { ThreadResult } from './frames/result-frame.js';
import type { AbortReason } from './frames/task-frame.js';
import { monotonicMs } from './frames/thread-clock.js';
import { Job } from './job.js';
import type { RunnerOutcome, RunnerStats } from './task-runner.js';
import { Watchdog } from './watchdog.js';
import type { ThreadJob, WorkerThread } from './worker-thread.js';

/** What the supervisor has done by the dispatcher. */
export interface JobDesk {
  answer(
    job: ThreadJob,
    outcome: RunnerOutcome,
    times: { readonly queuedMs: number; readonly runMs: number },
  ): void;
  /** Has the job run again, before others that wait. */
  requeue(job: ThreadJob): void;
  /** How many jobs the other threads could take from this one. */
  roomBeside(thread: WorkerThread): number;
  /** Ends the thread and has another in its place. */
  replace(thread: WorkerThread): void;
  /** Soon looks for threads for what waits, and for more or fewer threads. */
  place(): void;
}

export interface SupervisorOptions {
  readonly abortGraceMs: number;
  readonly desk: JobDesk;
}

/** A job that waits this long in a thread without being started may go to another one that has room. */
const STALL_MS = 100;
/** A job that was interrupted this often through no fault of its own runs alone from then on, so that it gets done. */
const MAX_RERUNS = 3;

/**
 * Keeps time for what the threads run, and decides who is to blame when a thread is lost.
 *
 * A time-out runs from the start of the handler, which shared memory tells even of a thread that is stuck. When it is
 * over, the job's signal fires. If the thread is in this job's own synchronous stretch, or runs nothing else, the job is
 * answered at once. Otherwise the thread is pinged: an answer shows that no neighbour blocks it, and the job is answered;
 * without one the thread is replaced and whoever may have blocked it runs again alone, where there is no doubt.
 *
 * A handler that does not return within the grace after its signal has its thread replaced. Jobs that were not started
 * are withdrawn and those that were run again; neither counts against them.
 */
export class Supervisor {
  readonly #desk: JobDesk;
  readonly #abortGraceMs: number;
  readonly #watchdog = new Watchdog<ThreadJob | WorkerThread>((item, now) => {
    if (item instanceof Job) this.#onJobDue(item, now);
    else this.#onThreadDue(item, now);
  });
  #replacedForTimeout = 0;
  #replacedForCrash = 0;

  constructor(options: SupervisorOptions) {
    this.#desk = options.desk;
    this.#abortGraceMs = options.abortGraceMs;
  }

  get replaced(): RunnerStats['replaced'] {
    return { timeout: this.#replacedForTimeout, crash: this.#replacedForCrash };
  }

  /** The job was sent to the thread just now. */
  watch(job: ThreadJob, thread: WorkerThread): void {
    this.#watchdog.set(job, job.sentAt + job.task.timeoutMs);
    if (thread.watchIndex === -1) this.#watchdog.set(thread, job.sentAt + STALL_MS);
  }

  /** The handler of the job returned. */
  onReturn(job: ThreadJob, thread: WorkerThread, result: ThreadResult): void {
    const { phase } = job;
    const queuedMs = thread.startOf(job) - job.givenAt;
    this.#watchdog.clear(job);
    thread.release(job);
    job.phase = 'gone';
    if (phase === 'leaving') return;
    const isLate = phase === 'doubted' && result.outcome.kind === 'failed';
    this.#desk.answer(job, isLate ? timedOut(job) : result.outcome, { queuedMs, runMs: result.runMs });
  }

  onPong(thread: WorkerThread, pong: number): void {
    for (const job of thread.jobs()) {
      if (job.phase === 'doubted' && job.ping <= pong) this.#condemn(job, thread, monotonicMs());
    }
  }

  /** The caller gave up a job that is in a thread. */
  abort(job: ThreadJob, thread: WorkerThread): void {
    if (thread.withdraw(job)) {
      this.#watchdog.clear(job);
      job.phase = 'gone';
      return;
    }
    if (job.phase === 'sent') {
      fireSignal(job, thread, 'cancelled');
      this.#watchdog.set(job, monotonicMs() + this.#abortGraceMs);
    }
    job.phase = 'leaving';
  }

  /** The thread died of itself. */
  onDeath(thread: WorkerThread, reason: string): void {
    this.#watchdog.clear(thread);
    if (!thread.wasReady) return;
    this.#replacedForCrash += 1;
    const started = this.#takeStarted(thread);
    for (const { job, startedAt } of started) {
      const times = { queuedMs: startedAt - job.givenAt, runMs: monotonicMs() - startedAt };
      if (job.phase !== 'leaving') {
        this.#desk.answer(job, { kind: 'crashed', alone: started.length === 1, reason }, times);
      }
      job.phase = 'gone';
    }
  }

  close(): void {
    this.#watchdog.close();
  }

  /** The thread ends on purpose and holds nothing. */
  forget(thread: WorkerThread): void {
    this.#watchdog.clear(thread);
  }

  #onJobDue(job: ThreadJob, now: number): void {
    const { thread } = job;
    if (thread === undefined) return;
    if (job.phase !== 'sent') {
      this.#replace(thread, { isBlocked: thread.lastPong < job.ping });
      return;
    }
    const { timeoutMs } = job.task;
    const dueAt = (thread.hasStarted(job) ? thread.startOf(job) : now) + timeoutMs;
    if (now < dueAt) this.#watchdog.set(job, dueAt);
    else this.#onTimeout(job, thread, now);
  }

  #onTimeout(job: ThreadJob, thread: WorkerThread, now: number): void {
    fireSignal(job, thread, 'timeout');
    if (thread.currentJob() === job || isOnlyStarted(job, thread)) {
      this.#condemn(job, thread, now);
    } else {
      job.phase = 'doubted';
      this.#watchdog.set(job, now + Math.max(this.#abortGraceMs, STALL_MS));
    }
    thread.flush();
  }

  /** Answers the time-out; the handler has its grace to return. */
  #condemn(job: ThreadJob, thread: WorkerThread, now: number): void {
    const startedAt = thread.startOf(job);
    this.#desk.answer(job, timedOut(job), { queuedMs: startedAt - job.givenAt, runMs: now - startedAt });
    job.phase = 'leaving';
    this.#watchdog.set(job, now + this.#abortGraceMs);
  }

  /** Looks for jobs that wait behind something that does not end. */
  #onThreadDue(thread: WorkerThread, now: number): void {
    const unstarted = thread.jobs().filter((job) => job.phase === 'sent' && !thread.hasStarted(job));
    const late = unstarted.filter((job) => job.sentAt + STALL_MS <= now);
    if (unstarted.length > 0) this.#watchdog.set(thread, now + STALL_MS);
    if (late.length === 0) return;
    if (thread.stalledSince === undefined) {
      thread.stalledSince = now;
      thread.ping();
      thread.flush();
    }
    for (const job of late.slice(0, this.#desk.roomBeside(thread)).reverse()) {
      if (!thread.withdraw(job)) continue;
      this.#watchdog.clear(job);
      this.#desk.requeue(job);
    }
    this.#desk.place();
  }

  #replace(thread: WorkerThread, options: { readonly isBlocked: boolean }): void {
    const current = thread.currentJob();
    this.#replacedForTimeout += 1;
    this.#desk.replace(thread);
    this.#watchdog.clear(thread);
    for (const { job } of this.#takeStarted(thread)) {
      if (job.phase === 'leaving') {
        job.phase = 'gone';
        continue;
      }
      const isSuspect = options.isBlocked && (current === undefined || current === job);
      job.reruns += 1;
      if (isSuspect || job.reruns >= MAX_RERUNS) job.alone = true;
      this.#desk.requeue(job);
    }
    this.#desk.place();
  }

  /** Takes all jobs out of a thread that has ended: those that it had not started run again, the others are answered. */
  #takeStarted(thread: WorkerThread): readonly { readonly job: ThreadJob; readonly startedAt: number }[] {
    const started: { job: ThreadJob; startedAt: number }[] = [];
    for (const job of thread.jobs()) {
      this.#watchdog.clear(job);
      if (thread.withdraw(job)) {
        this.#desk.requeue(job);
        continue;
      }
      started.push({ job, startedAt: thread.startOf(job) });
      thread.release(job);
    }
    return started;
  }
}

function fireSignal(job: ThreadJob, thread: WorkerThread, reason: AbortReason): void {
  thread.abort(job, reason);
  job.ping = thread.ping();
}

function isOnlyStarted(job: ThreadJob, thread: WorkerThread): boolean {
  return thread.jobs().every((other) => other === job || !thread.hasStarted(other));
}

function timedOut(job: ThreadJob): RunnerOutcome {
  return {
    kind: 'failed',
    fault: {
      code: 'NODE_TIMEOUT',
      message: `The attempt outlasted its time-out of ${job.task.timeoutMs} ms`,
      category: 'transient',
      retryable: ERRORS.NODE_TIMEOUT.retryable,
    },
  };
}
