import type { ThreadJob } from './worker-thread.js';

/** Jobs that wait for a thread, first come first served. */
export class JobQueue {
  #jobs: ThreadJob[] = [];
  #head = 0;
  #size = 0;

  /** Jobs that still wait. */
  get size(): number {
    return this.#size;
  }

  push(job: ThreadJob): void {
    this.#jobs.push(job);
    this.#size += 1;
  }

  /** For a job that had its turn before. */
  pushFront(job: ThreadJob): void {
    if (this.#head > 0) this.#jobs[--this.#head] = job;
    else this.#jobs.unshift(job);
    this.#size += 1;
  }

  /** The job stays in the list, marked as gone, until its turn. */
  drop(job: ThreadJob): void {
    job.phase = 'gone';
    this.#size -= 1;
  }

  shift(): ThreadJob | undefined {
    while (this.#head < this.#jobs.length) {
      const job = this.#jobs[this.#head++];
      if (this.#head > KEPT_SPENT && this.#head * 2 > this.#jobs.length) this.#forgetSpent();
      if (job === undefined || job.phase === 'gone') continue;
      this.#size -= 1;
      return job;
    }
    this.#forgetSpent();
    return undefined;
  }

  #forgetSpent(): void {
    this.#jobs.splice(0, this.#head);
    this.#head = 0;
  }
}

/** Entries before the head that are not worth a move of the rest. */
const KEPT_SPENT = 1024;
