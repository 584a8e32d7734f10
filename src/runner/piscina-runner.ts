import { fileURLToPath } from 'node:url';
import { Piscina } from 'piscina';
import type { Secrets } from '../model/redactor.js';
import type { CircuitOptions } from './circuits/circuit.js';
import { Dispatcher, mostThreads } from './dispatcher.js';
import { monotonicMs } from './frames/thread-clock.js';
import type { HandlerLogLine, ServiceSettings, ThreadStart } from './frames/thread-protocol.js';
import { ResultBatch } from './result-batch.js';
import { Startup } from './startup.js';
import type { TaskRunner } from './task-runner.js';

/** See `CircuitOptions`. */
export type CircuitSettings = Pick<
  CircuitOptions,
  'failureThreshold' | 'resetTimeoutMs' | 'halfOpenMaxCalls'
>;

export interface PiscinaRunnerOptions {
  readonly threads: number;
  /** Tasks under way in one thread. */
  readonly concurrency: number;
  /** Heap limit of one thread. */
  readonly memoryLimitMb: number;
  /** Time between a task's AbortSignal and the replacement of a thread in which it does not return. */
  readonly abortGraceMs: number;
  readonly maxOutputBytes: number;
  /** By their names; see `ThreadSettings`. */
  readonly secrets: Secrets;
  /** Absolute path of the directory of the user's handlers; undefined: none. */
  readonly handlersDir: string | undefined;
  readonly services: ServiceSettings;
  readonly circuits: CircuitSettings;
  /** What handlers log, and what becomes of the threads. */
  readonly onLog: (line: HandlerLogLine) => void;
}

/** What one thread keeps of workflows: a node takes some hundred bytes of JSON, so that the count is met first. */
const PROGRAM_LIMITS = { maxPrograms: 16_384, maxBytes: 32 << 20 };
/** Some hundred bytes each, here and, while they are not closed, in every thread. */
const MAX_CIRCUITS = 5000;

/**
 * Runs tasks on worker threads: each thread is one long-lived Piscina task that takes frames of tasks over a port of its
 * own and answers them as they finish. See `WorkerThread` for a thread's life, `Job` for a task's, `Supervisor` for
 * time-outs and lost threads, `Dispatcher` for who gets what.
 */
export function createPiscinaRunner(options: PiscinaRunnerOptions): TaskRunner {
  const startup = new Startup(options.threads);
  const results = new ResultBatch();
  const pool = createPool(options);
  const dispatcher = new Dispatcher({
    pool,
    threads: options.threads,
    settings: {
      ...options.services,
      concurrency: options.concurrency,
      maxOutputBytes: options.maxOutputBytes,
      secrets: options.secrets,
      handlersDir: options.handlersDir,
    },
    programLimits: PROGRAM_LIMITS,
    abortGraceMs: options.abortGraceMs,
    results,
    circuits: { ...options.circuits, monotonicMs, maxCircuits: MAX_CIRCUITS },
    onReady: (notice) => startup.onReady(notice),
    onDeath: (thread, reason) => startup.onDeath(thread, reason),
    onLog: options.onLog,
  });
  pool.on('error', (reason: Error) => dispatcher.onPoolError(reason));
  const close = async () => {
    results.close();
    dispatcher.close();
    await pool.destroy();
  };
  return {
    handlers: startup.handlers,
    start: async () => {
      dispatcher.place();
      try {
        await startup.done(() => dispatcher.loading);
      } catch (error) {
        await close();
        throw error;
      }
    },
    room: () => dispatcher.room(),
    run: (tasks) => dispatcher.run(tasks),
    abort: (keys) => dispatcher.abort(keys),
    onResults: (listener) => results.onResults(listener),
    stats: () => ({
      threads: options.threads,
      capacity: options.threads * options.concurrency,
      running: dispatcher.running,
      replaced: dispatcher.replaced,
      circuits: dispatcher.circuits.counts(),
    }),
    circuits: dispatcher.circuits,
    close,
  };
}

/** Brings up a thread for each task that it is given, and ends it with the task. */
function createPool(options: PiscinaRunnerOptions): Piscina<ThreadStart, void> {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  return new Piscina<ThreadStart, void>({
    filename: fileURLToPath(new URL(`../../workers/task-worker.${extension}`, import.meta.url)),
    name: 'runThread',
    minThreads: 0,
    maxThreads: mostThreads(options.threads),
    idleTimeout: 0,
    atomics: 'disabled',
    recordTiming: false,
    resourceLimits: { maxOldGenerationSizeMb: options.memoryLimitMb },
  });
}
