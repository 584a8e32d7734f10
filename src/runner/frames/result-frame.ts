import type { ErrorCategory } from '../../model/errors.js';
import type { RunnerOutcome, TaskFault } from '../task-runner.js';
import { joinFrame, openFrame, type PayloadReader } from './byte-frame.js';
import { CALL_ENDS, type CallReport } from './circuit-protocol.js';
import { FlatList } from './flat-list.js';

export type { TaskFault } from '../task-runner.js';

/** What a thread can say of a task: all but its own death. */
export type ThreadOutcome = Exclude<RunnerOutcome, { kind: 'crashed' }>;

export interface ThreadResult {
  readonly slot: number;
  readonly ticket: number;
  /** Milliseconds in the handler. */
  readonly runMs: number;
  readonly outcome: ThreadOutcome;
}

/** From a worker thread to the main thread. */
export interface ResultFrame {
  readonly results: readonly ThreadResult[];
  /** The last ping that the thread got to; 0: none since its last frame. */
  readonly pong: number;
  /** Calls of services that have ended since its last frame. */
  readonly calls: readonly CallReport[];
}

const COMPLETED = 0;
const SKIPPED = 1;
const FAILED = 2;
const SLEEP = 3;
const REFUSED = 4;
const NONE = -1;
const NO_TEXT = '';

/** Collects results, and writes them as one frame. */
export class ResultFrameWriter {
  #results: (number | string)[] = [];
  #payloads: Uint8Array[] = [];
  #pong = 0;
  #calls: (number | string)[] = [];

  get isEmpty(): boolean {
    return this.#results.length === 0 && this.#pong === 0 && this.#calls.length === 0;
  }

  add(result: ThreadResult): void {
    this.#results.push(result.slot, result.ticket, result.runMs);
    this.#addOutcome(result.outcome);
  }

  answer(ping: number): void {
    this.#pong = ping;
  }

  addCall({ circuit, end, trial }: CallReport): void {
    this.#calls.push(circuit, CALL_ENDS.indexOf(end), trial);
  }

  /** The frame, of which the writer keeps nothing. */
  take(): Buffer<ArrayBuffer> {
    const frame = joinFrame([this.#results, this.#pong, this.#calls], this.#payloads);
    this.#results = [];
    this.#payloads = [];
    this.#pong = 0;
    this.#calls = [];
    return frame;
  }

  #addOutcome(outcome: ThreadOutcome): void {
    switch (outcome.kind) {
      case 'completed':
        this.#results.push(COMPLETED);
        this.#addOutput(outcome.output);
        break;
      case 'skipped':
        this.#results.push(SKIPPED);
        break;
      case 'sleep':
        this.#results.push(SLEEP, outcome.delayMs);
        this.#addOutput(outcome.output);
        break;
      case 'refused':
        this.#results.push(REFUSED, outcome.circuit, outcome.retryInMs);
        break;
      case 'failed':
        this.#addFault(outcome.fault);
        break;
    }
  }

  #addOutput(output: Uint8Array | undefined): void {
    this.#results.push(output?.length ?? NONE);
    if (output !== undefined) this.#payloads.push(output);
  }

  #addFault(fault: TaskFault): void {
    const { code, message, category, tracebackHash, retryable, retryAfterMs } = fault;
    this.#results.push(FAILED, code, message, category, tracebackHash ?? NO_TEXT);
    this.#results.push(retryable ? 1 : 0, retryAfterMs ?? NONE);
  }
}

export function readResultFrame(bytes: Uint8Array): ResultFrame {
  const { head, payloads } = openFrame(bytes);
  const [flat, pong, calls] = head as readonly unknown[];
  const list = new FlatList(flat);
  const results: ThreadResult[] = [];
  while (!list.done) {
    const slot = list.number();
    const ticket = list.number();
    const runMs = list.number();
    results.push({ slot, ticket, runMs, outcome: readOutcome(list, payloads) });
  }
  return { results, pong: pong as number, calls: readCalls(new FlatList(calls)) };
}

function readCalls(list: FlatList): readonly CallReport[] {
  const calls: CallReport[] = [];
  while (!list.done) {
    calls.push({ circuit: list.text(), end: CALL_ENDS[list.number()] ?? 'untold', trial: list.number() });
  }
  return calls;
}

function readOutcome(list: FlatList, payloads: PayloadReader): ThreadOutcome {
  switch (list.number()) {
    case COMPLETED: {
      const output = readOutput(list, payloads);
      return output === undefined ? { kind: 'completed' } : { kind: 'completed', output };
    }
    case SKIPPED:
      return { kind: 'skipped' };
    case SLEEP: {
      const delayMs = list.number();
      const output = readOutput(list, payloads);
      return output === undefined ? { kind: 'sleep', delayMs } : { kind: 'sleep', delayMs, output };
    }
    case REFUSED:
      return { kind: 'refused', circuit: list.text(), retryInMs: list.number() };
    default:
      return { kind: 'failed', fault: readFault(list) };
  }
}

function readOutput(list: FlatList, payloads: PayloadReader): Uint8Array | undefined {
  const length = list.number();
  return length === NONE ? undefined : payloads.next(length);
}

function readFault(list: FlatList): TaskFault {
  const code = list.text();
  const message = list.text();
  const category = list.text() as ErrorCategory;
  const tracebackHash = list.text();
  const retryable = list.number() === 1;
  const retryAfterMs = list.number();
  return {
    code,
    message,
    category,
    retryable,
    ...(tracebackHash !== NO_TEXT && { tracebackHash }),
    ...(retryAfterMs !== NONE && { retryAfterMs }),
  };
}
