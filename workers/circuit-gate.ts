import {
  type CallEnd,
  type CallReport,
  type CircuitNotice,
  type CircuitVerdict,
  circuitName,
} from '../src/runner/frames/circuit-protocol.js';
import { monotonicMs } from '../src/runner/frames/thread-clock.js';
import { HandlerFault } from './handler-fault.js';

/** The call was not made: its circuit is open. Not an attempt that failed. */
export class CircuitOpen extends Error {
  override readonly name = 'CircuitOpen';
  readonly circuit: string;
  readonly retryInMs: number;

  constructor(circuit: string, retryInMs: number) {
    super(`The circuit ${circuit} is open`);
    this.circuit = circuit;
    this.retryInMs = retryInMs;
  }
}

export interface GuardedCall {
  readonly handler: string;
  readonly origin: string;
  /** Of the task that makes the call. */
  readonly signal: AbortSignal;
}

/** A thread's side of the circuits; the main thread's is `CircuitDesk`. */
export class CircuitGate {
  /** Asks the main thread, which answers by `receive`. */
  readonly #ask: (question: number, circuit: string) => void;
  /** Circuits that are not closed, and from when on they are to be asked for. */
  readonly #troubled = new Map<string, number>();
  readonly #questions = new Map<number, (verdict: CircuitVerdict) => void>();
  #lastQuestion = 0;
  #reports: CallReport[] = [];

  constructor(ask: (question: number, circuit: string) => void) {
    this.#ask = ask;
  }

  receive(notice: CircuitNotice): void {
    if (notice.kind === 'verdict') {
      this.#questions.get(notice.question)?.(notice.verdict);
      this.#questions.delete(notice.question);
    } else if (notice.retryAt === undefined) {
      this.#troubled.delete(notice.circuit);
    } else {
      this.#troubled.set(notice.circuit, notice.retryAt);
    }
  }

  /** What is to be told of calls that have ended; the gate forgets it. */
  takeReports(): readonly CallReport[] {
    const reports = this.#reports;
    if (reports.length > 0) this.#reports = [];
    return reports;
  }

  /** Makes the call and tells how it ended. Rejects with CircuitOpen, at once, where it may not be made. */
  async pass<T>({ handler, origin, signal }: GuardedCall, makeCall: () => Promise<T>): Promise<T> {
    const circuit = circuitName(handler, origin);
    const retryAt = this.#troubled.get(circuit);
    const trial = retryAt === undefined ? 0 : await this.#enter(circuit, retryAt);
    try {
      signal.throwIfAborted();
      const answer = await makeCall();
      this.#reports.push({ circuit, end: 'succeeded', trial });
      return answer;
    } catch (error) {
      const end = endOf(error, signal);
      if (end !== 'untold' || trial > 0) this.#reports.push({ circuit, end, trial });
      throw error;
    }
  }

  async #enter(circuit: string, retryAt: number): Promise<number> {
    const retryInMs = retryAt - monotonicMs();
    if (retryInMs > 0) throw new CircuitOpen(circuit, retryInMs);
    this.#lastQuestion += 1;
    const question = this.#lastQuestion;
    const verdict = await new Promise<CircuitVerdict>((resolve) => {
      this.#questions.set(question, resolve);
      this.#ask(question, circuit);
    });
    if (verdict.kind === 'refused') throw new CircuitOpen(circuit, verdict.retryInMs);
    return verdict.trial;
  }
}

/**
 * Against a service count what a later call may not meet: no connection, 5xx, 408, 429, and no answer in the attempt's time. Any
 * other answer shows that it works. A call that was cancelled, or that its config made impossible, shows nothing.
 */
function endOf(error: unknown, signal: AbortSignal): CallEnd {
  if (signal.aborted) return isTimeout(signal.reason) ? 'failed' : 'untold';
  if (!(error instanceof HandlerFault)) return 'untold';
  switch (error.code) {
    case 'CONNECTION_ERROR':
      return 'failed';
    case 'HTTP_STATUS':
      return error.retryable ? 'failed' : 'succeeded';
    case 'OUTPUT_TOO_LARGE':
      return 'succeeded';
    default:
      return 'untold';
  }
}

function isTimeout(reason: unknown): boolean {
  return reason instanceof DOMException && reason.name === 'TimeoutError';
}
