import type { HandlerCatalog } from '../../model/builtin-handlers.js';
import type { LeasedTask, LeaseRef } from '../../model/commands.js';
import type {
  Circuits,
  RunnerOutcome,
  RunnerResult,
  RunnerStats,
  RunnerTask,
  TaskRunner,
} from '../../runner/task-runner.js';
import { NO_CIRCUITS } from '../engine-doubles.js';
import type { SeededRandom } from '../seeded-random.js';
import type { Witness } from './witness.js';
import type { Process, World } from './world.js';

export const HANDLER = 'work';

export interface SimulatedRunnerOptions {
  readonly world: World;
  readonly process: Process;
  readonly witness: Witness;
  readonly capacity: number;
  /** The lease that the engine made a task of. */
  readonly leaseOf: (task: RunnerTask) => LeasedTask;
  /** Share of attempts that go wrong in one way or another, 0..1. */
  readonly trouble: () => number;
  /** Kills the host. */
  readonly crash: (why: string) => void;
}

const TROUBLES = [
  'fails',
  'fails',
  'fails',
  'is dead',
  'thread dies',
  'endless',
  'asks',
  'circuit open',
] as const;
const USUAL_RUN_MS = 200;
const LONG_RUN_MS = 5000;
/** Longer than any time-out: it ends by being aborted. */
const ENDLESS_MS = 10_000_000;
const RETURN_AFTER_ABORT_MS = 50;

/**
 * Runs tasks in the time of the world. How each attempt ends is drawn: with an output, without, skipped, asleep, failed for now or
 * for good, with its thread dead, or never; a poisoned node takes the host with it.
 */
export class SimulatedRunner implements TaskRunner {
  readonly handlers: HandlerCatalog = new Map([[HANDLER, { name: HANDLER, builtin: false }]]);
  readonly circuits: Circuits = { list: () => [], reset: () => false };
  readonly #options: SimulatedRunnerOptions;
  readonly #random: SeededRandom;
  readonly #running = new Map<number, RunnerTask>();
  /** Aborted tasks that have not returned. */
  #returning = 0;
  #done: RunnerResult[] = [];
  #listener: (results: readonly RunnerResult[]) => void = () => undefined;

  constructor(options: SimulatedRunnerOptions) {
    this.#options = options;
    this.#random = options.world.fork();
  }

  async start(): Promise<void> {}
  async close(): Promise<void> {}

  room(): number {
    return Math.max(0, this.#options.capacity - this.#running.size - this.#returning);
  }

  /** Of the tasks that it runs. */
  leases(): LeasedTask[] {
    return [...this.#running.values()].map(this.#options.leaseOf);
  }

  runs({ executionId, node, fence }: LeaseRef): boolean {
    return this.leases().some(
      (lease) => lease.executionId === executionId && lease.node === node && lease.fence === fence,
    );
  }

  run(tasks: readonly RunnerTask[]): void {
    const { world, process, witness, leaseOf } = this.#options;
    witness.expect(tasks.length <= this.room(), () => `${process.name} runs more tasks than it has room for`);
    for (const task of tasks) {
      const lease = leaseOf(task);
      world.tell(process.name, `runs ${task.executionId}/${task.node} under ${lease.fence}`);
      this.#running.set(task.key, task);
      witness.ran(task, lease);
      this.#begin(task, lease);
    }
  }

  #begin(task: RunnerTask, { fence }: LeasedTask): void {
    const { world, process, crash } = this.#options;
    const random = this.#random;
    const isTrouble = random.chance(this.#options.trouble());
    const runMs = random.integer(0, random.chance(0.1) ? LONG_RUN_MS : USUAL_RUN_MS);
    if (task.plan.definition.dag.nodes[task.node]?.config?.poison) {
      world.after(process, runMs, () => {
        if (this.#running.has(task.key)) crash(`by the poison of ${task.executionId}/${task.node}`);
      });
      return;
    }
    const outcome = isTrouble ? this.#troubled(task) : this.#untroubled(task, fence);
    const lastsMs = outcome === 'endless' ? ENDLESS_MS : runMs;
    const isTimely = lastsMs <= task.timeoutMs && outcome !== 'endless';
    const end = isTimely ? outcome : failed('TIMEOUT', 'retryable');
    world.after(process, Math.min(lastsMs, task.timeoutMs), () => this.#end(task.key, end, runMs));
  }

  #untroubled(task: RunnerTask, fence: number): RunnerOutcome {
    const random = this.#random;
    if (random.chance(0.06)) return { kind: 'skipped' };
    const output = Buffer.from(`{"of":"${task.executionId}/${task.node}","lease":${fence}}`);
    if (random.chance(0.08)) return { kind: 'sleep', delayMs: random.integer(0, 3000), output };
    return random.chance(0.1) ? { kind: 'completed' } : { kind: 'completed', output };
  }

  #troubled(task: RunnerTask): RunnerOutcome | 'endless' {
    switch (this.#random.pick(TROUBLES)) {
      case 'fails':
        return failed('HANDLER_ERROR', 'retryable');
      case 'is dead':
        return failed('TERMINAL', 'for good');
      case 'asks':
        return failed('HTTP_429', 'retryable', this.#random.integer(100, 2000));
      case 'circuit open':
        return { kind: 'refused', circuit: 'a service', retryInMs: this.#random.integer(0, 1000) };
      case 'thread dies':
        return { kind: 'crashed', alone: task.alone || this.#random.chance(0.3), reason: 'out of memory' };
      default:
        return 'endless';
    }
  }

  #end(key: number, outcome: RunnerOutcome, runMs: number): void {
    if (!this.#running.has(key)) return;
    this.#done.push({ key, outcome, queuedMs: 0, runMs });
    if (this.#done.length > 1) return;
    this.#options.world.soon(this.#options.process, () => {
      const done = this.#done.filter((result) => this.#running.delete(result.key));
      this.#done = [];
      this.#listener(done);
    });
  }

  abort(keys: readonly number[]): void {
    const { world, process } = this.#options;
    for (const key of keys) {
      if (!this.#running.delete(key)) continue;
      this.#returning += 1;
      world.after(process, this.#random.integer(0, RETURN_AFTER_ABORT_MS), () => {
        this.#returning -= 1;
        this.#listener([]);
      });
    }
  }

  onResults(listener: (results: readonly RunnerResult[]) => void): void {
    this.#listener = listener;
  }

  stats(): RunnerStats {
    const replaced = { timeout: 0, crash: 0 };
    return {
      threads: 1,
      capacity: this.#options.capacity,
      running: this.#running.size,
      replaced,
      circuits: NO_CIRCUITS,
    };
  }
}

function failed(code: string, how: 'retryable' | 'for good', retryAfterMs?: number): RunnerOutcome {
  const fault = { code, message: 'it failed', category: 'handler' as const, retryable: how === 'retryable' };
  return { kind: 'failed', fault: retryAfterMs === undefined ? fault : { ...fault, retryAfterMs } };
}
