import { MessageChannel, type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import type { Piscina } from 'piscina';
import type { CircuitNotice } from './frames/circuit-protocol.js';
import { type ResultFrame, readResultFrame } from './frames/result-frame.js';
import { type AbortReason, TaskFrameWriter } from './frames/task-frame.js';
import {
  createThreadMemory,
  currentSlot,
  hasStarted,
  offerTask,
  type ThreadMemory,
  withdrawTask,
} from './frames/thread-memory.js';
import type { ThreadNotice, ThreadSettings, ThreadStart } from './frames/thread-protocol.js';
import type { Job } from './job.js';
import type { ProgramBook } from './program-book.js';
import type { Watched } from './watchdog.js';

/** A job as threads hold it. */
export type ThreadJob = Job<WorkerThread>;

/** What a thread tells its owner. Called from the event loop, never from within a call to the thread. */
export interface ThreadListener {
  onNotice(thread: WorkerThread, notice: ThreadNotice): void;
  onFrame(thread: WorkerThread, frame: ResultFrame): void;
  /** It ended without being told to. What it had posted was handed on before; its jobs are as they were. */
  onDeath(thread: WorkerThread, reason: Error): void;
}

export interface WorkerThreadOptions {
  readonly pool: Piscina<ThreadStart, void>;
  readonly settings: ThreadSettings;
  readonly programs: ProgramBook;
  readonly listener: ThreadListener;
  /** Runs one task at a time, and only those that are to be alone. */
  readonly solo: boolean;
}

/** Tasks in one frame: bounds the head that is written and read at once. */
const MAX_TASKS_PER_FRAME = 256;

/**
 * One life of one worker thread: a Piscina task that receives frames until its port is closed. Its signal ends exactly
 * this thread, even in the middle of a loop.
 *
 *   starting ─► ready ─► ended
 *   starting: no job is sent. ended: told to, or dead; sends and hands on nothing any more.
 */
export class WorkerThread implements Watched {
  readonly solo: boolean;
  readonly capacity: number;
  phase: 'starting' | 'ready' | 'ended' = 'starting';
  /** Jobs wait unstarted in it for longer than they should; it gets no more until it gives a sign of life. */
  stalledSince: number | undefined = undefined;
  /** It is to end once it is empty, and gets no more. */
  retiring = false;
  wasReady = false;
  /** The last ping that it answered. */
  lastPong = 0;
  /** The file of handlers that it was importing last. */
  loading: string | undefined = undefined;
  dueAt = 0;
  watchIndex = -1;
  readonly #settings: ThreadSettings;
  readonly #programs: ProgramBook;
  readonly #listener: ThreadListener;
  readonly #memory: ThreadMemory;
  readonly #port: MessagePort;
  readonly #ending = new AbortController();
  readonly #jobs: (ThreadJob | undefined)[];
  readonly #freeSlots: number[] = [];
  readonly #outgoing = new TaskFrameWriter();
  #lastPing = 0;

  constructor(options: WorkerThreadOptions) {
    this.solo = options.solo;
    this.#settings = options.settings;
    this.#programs = options.programs;
    this.#listener = options.listener;
    const slots = options.settings.concurrency;
    this.capacity = options.solo ? 1 : slots;
    this.#memory = createThreadMemory(slots);
    this.#jobs = new Array<ThreadJob | undefined>(slots).fill(undefined);
    for (let slot = slots - 1; slot >= 0; slot--) this.#freeSlots.push(slot);
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    port1.on('message', (message: Uint8Array | ThreadNotice) => this.#receive(message));
    this.#launch(options.pool, port2);
  }

  /** Jobs that it holds, those included that were answered and have still to return. */
  get load(): number {
    return this.#jobs.length - this.#freeSlots.length;
  }

  /** How many more jobs it takes now. */
  get room(): number {
    const takesMore = this.phase === 'ready' && this.stalledSince === undefined && !this.retiring;
    return takesMore ? this.capacity - this.load : 0;
  }

  jobs(): ThreadJob[] {
    return this.#jobs.filter((job) => job !== undefined);
  }

  /** The job in a slot, where it is still the one of this ticket. */
  jobAt(slot: number, ticket: number): ThreadJob | undefined {
    const job = this.#jobs[slot];
    return job?.ticket === ticket ? job : undefined;
  }

  /** Needs room. The job leaves with the next `flush`. */
  send(job: ThreadJob, now: number): void {
    const slot = this.#freeSlots.pop();
    if (slot === undefined) throw new RangeError('the thread has no free slot');
    const { task } = job;
    const programId = this.#programs.idFor(task.plan, task.node, this.#outgoing);
    job.phase = 'sent';
    job.thread = this;
    job.slot = slot;
    job.ticket = offerTask(this.#memory, slot);
    job.sentAt = now;
    this.#jobs[slot] = job;
    this.#outgoing.addTask({
      slot,
      ticket: job.ticket,
      programId,
      attempt: task.attempt,
      executionId: task.executionId,
      idempotencyKey: task.idempotencyKey,
      params: task.params,
      inputs: task.inputs,
      configOverride: task.configOverride,
    });
    if (this.#outgoing.taskCount >= MAX_TASKS_PER_FRAME) this.flush();
  }

  /** Fires the signal of a job that has started. Leaves with the next `flush`. */
  abort(job: ThreadJob, reason: AbortReason): void {
    this.#outgoing.addAbort(job.slot, job.ticket, reason);
  }

  /** Before all tasks that leave with a later `flush`. */
  tell(notice: CircuitNotice): void {
    if (this.phase !== 'ended') this.#port.postMessage(notice);
  }

  /** Asks for a sign of life; answers the number that the thread will give back. Leaves with the next `flush`. */
  ping(): number {
    this.#lastPing += 1;
    this.#outgoing.askForAnswer(this.#lastPing);
    return this.#lastPing;
  }

  flush(): void {
    if (this.phase === 'ended' || this.#outgoing.isEmpty) return;
    const frame = this.#outgoing.take();
    this.#port.postMessage(frame, [frame.buffer]);
  }

  hasStarted(job: ThreadJob): boolean {
    return hasStarted(this.#memory, job.slot, job.ticket);
  }

  /** `monotonicMs`, of a job that has started. */
  startOf(job: ThreadJob): number {
    return this.#memory.startedAt[job.slot] ?? 0;
  }

  /** The job in whose first synchronous stretch the thread is now; undefined: in none, or in a later one. */
  currentJob(): ThreadJob | undefined {
    const slot = currentSlot(this.#memory);
    return slot === undefined ? undefined : this.#jobs[slot];
  }

  /** Takes the job back; false: the thread has started it. */
  withdraw(job: ThreadJob): boolean {
    if (!withdrawTask(this.#memory, job.slot, job.ticket)) return false;
    this.release(job);
    return true;
  }

  /** Frees the job's slot. */
  release(job: ThreadJob): void {
    this.#jobs[job.slot] = undefined;
    this.#freeSlots.push(job.slot);
    job.thread = undefined;
  }

  /** Ends the thread at once, whatever it does; its jobs stay as they are. */
  end(): void {
    if (this.phase === 'ended') return;
    this.#drain();
    this.phase = 'ended';
    this.#ending.abort();
    this.#port.close();
  }

  /** The pool could not bring the thread up. */
  fail(reason: Error): void {
    this.#die(reason);
  }

  #launch(pool: Piscina<ThreadStart, void>, port: MessagePort): void {
    const start: ThreadStart = { port, memory: this.#memory.buffer, settings: this.#settings };
    pool.run(start, { transferList: [port], signal: this.#ending.signal }).then(
      () => this.#die(new Error('the thread closed its port')),
      (reason: unknown) => this.#die(reason instanceof Error ? reason : new Error(String(reason))),
    );
  }

  #die(reason: Error): void {
    if (this.phase === 'ended') return;
    this.end();
    this.#listener.onDeath(this, reason);
  }

  #drain(): void {
    for (;;) {
      const received = receiveMessageOnPort(this.#port) as { message: Uint8Array | ThreadNotice } | undefined;
      if (received === undefined) return;
      this.#receive(received.message);
    }
  }

  #receive(message: Uint8Array | ThreadNotice): void {
    if (this.phase === 'ended') return;
    if (message instanceof Uint8Array) {
      const frame = readResultFrame(message);
      this.stalledSince = undefined;
      if (frame.pong > 0) this.lastPong = frame.pong;
      this.#listener.onFrame(this, frame);
      return;
    }
    if (message.kind === 'ready') {
      this.phase = 'ready';
      this.wasReady = true;
    }
    if (message.kind === 'loading') this.loading = message.file;
    this.#listener.onNotice(this, message);
  }
}
