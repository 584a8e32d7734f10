import type { CallReport } from '../frames/circuit-protocol.js';
import type { ThreadNotice } from '../frames/thread-protocol.js';
import type { WorkerThread } from '../worker-thread.js';
import { CircuitBoard, type CircuitBoardOptions } from './circuit-board.js';

export interface CircuitDeskOptions extends Omit<CircuitBoardOptions, 'onChange'> {
  readonly threads: () => Iterable<WorkerThread>;
}

interface TrialPlace {
  readonly circuit: string;
  readonly trial: number;
}

/**
 * Stands between the circuits and the threads that make the calls. A thread lets calls through by itself as long as it was
 * told of no trouble, refuses them while a circuit is open, and asks where a trial is due; a closed circuit so costs
 * no message of its own. The trials of a thread that is lost become free again.
 */
export class CircuitDesk {
  readonly board: CircuitBoard;
  readonly #places = new Map<WorkerThread, TrialPlace[]>();

  constructor({ threads, ...options }: CircuitDeskOptions) {
    this.board = new CircuitBoard({
      ...options,
      onChange: (circuit, retryAt) => {
        for (const thread of threads()) thread.tell({ kind: 'circuit', circuit, retryAt });
      },
    });
  }

  onReady(thread: WorkerThread): void {
    for (const [circuit, retryAt] of this.board.notClosed())
      thread.tell({ kind: 'circuit', circuit, retryAt });
  }

  onQuestion(thread: WorkerThread, { question, circuit }: ThreadNotice & { kind: 'question' }): void {
    const verdict = this.board.ask(circuit);
    if (verdict.kind === 'admitted' && verdict.trial > 0) {
      const places = this.#places.get(thread) ?? [];
      places.push({ circuit, trial: verdict.trial });
      this.#places.set(thread, places);
    }
    thread.tell({ kind: 'verdict', question, verdict });
  }

  onReports(thread: WorkerThread, reports: readonly CallReport[]): void {
    for (const report of reports) {
      if (report.trial > 0) this.#giveUpPlace(thread, report);
      this.board.report(report);
    }
  }

  /** The thread has ended. */
  onGone(thread: WorkerThread): void {
    const places = this.#places.get(thread) ?? [];
    this.#places.delete(thread);
    for (const place of places) this.board.report({ ...place, end: 'untold' });
  }

  #giveUpPlace(thread: WorkerThread, { circuit, trial }: CallReport): void {
    const places = this.#places.get(thread);
    const at = places?.findIndex((place) => place.circuit === circuit && place.trial === trial) ?? -1;
    if (at >= 0) places?.splice(at, 1);
    if (places?.length === 0) this.#places.delete(thread);
  }
}
