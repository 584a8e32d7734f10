import { monotonicMs } from './frames/thread-clock.js';
import type { RunnerTask } from './task-runner.js';
import type { Watched } from './watchdog.js';

/**
 * A task from `run` to its answer, and a little longer: a thread is rid of it only once its handler has returned.
 *
 *   waiting ─► sent ─► (answered)
 *     ▲         │ ├─► doubted ─► (answered), leaving
 *     └─────────┴─┤      its time is over, but it may be a neighbour that blocks the thread
 *                 └─► leaving ─► (gone)
 *                        answered or aborted; the handler has still to return
 *
 * waiting: in no thread. sent: in a thread's slot, started or not. From sent and doubted it goes back to waiting where
 * its thread is blocked or ends and it is not to blame.
 */
export type JobPhase = 'waiting' | 'sent' | 'doubted' | 'leaving' | 'gone';

export class Job<Thread> implements Watched {
  readonly task: RunnerTask;
  readonly givenAt: number = monotonicMs();
  phase: JobPhase = 'waiting';
  /** To be run with no other task in its thread: because the caller said so, or to see who is to blame. */
  alone: boolean;
  thread: Thread | undefined = undefined;
  slot = -1;
  ticket = 0;
  sentAt = 0;
  /** Went along with the job's signal: as long as it is not answered, a neighbour may block the thread. */
  ping = 0;
  /** How often it was started and had to be started again through no fault of its own. */
  reruns = 0;
  dueAt = 0;
  watchIndex = -1;

  constructor(task: RunnerTask) {
    this.task = task;
    this.alone = task.alone;
  }
}
