import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { compilePlan } from '../../model/compile-plan.js';
import type { NodeDefinition } from '../../model/definition.js';
import type { ExecutionId } from '../../model/ids.js';
import type { Plan } from '../../model/plan.js';
import type { HandlerLogLine } from '../frames/thread-protocol.js';
import { type CircuitSettings, createPiscinaRunner, type PiscinaRunnerOptions } from '../piscina-runner.js';
import type { RunnerOutcome, RunnerResult, RunnerTask, TaskRunner } from '../task-runner.js';

/** Handler sources by file name. */
export type HandlerFiles = Readonly<Record<string, string>>;

export interface FixtureOptions extends Partial<Omit<PiscinaRunnerOptions, 'handlersDir' | 'onLog'>> {
  readonly files?: HandlerFiles;
}

export interface TaskOptions extends Partial<Omit<RunnerTask, 'key' | 'plan' | 'params' | 'inputs'>> {
  /** The node to run; alone in its workflow, unless `plan` is given. */
  readonly definition?: Omit<NodeDefinition, 'id'>;
  readonly plan?: Plan;
  readonly params?: unknown;
  /** Outputs by node index. */
  readonly inputs?: Readonly<Record<number, unknown>>;
}

/** Circuits that no test opens by accident. */
export const CIRCUITS: CircuitSettings = {
  failureThreshold: 1000,
  resetTimeoutMs: 60_000,
  halfOpenMaxCalls: 1,
};

const BOUND_MS = 30_000;

/** A runner with real threads that keeps every answer, and ends with its test. */
export class RunnerFixture {
  readonly runner: TaskRunner;
  readonly logs: HandlerLogLine[] = [];
  readonly answers = new Map<number, RunnerResult[]>();
  readonly #watchers = new Set<() => void>();
  #lastKey = 0;

  constructor(options: Omit<PiscinaRunnerOptions, 'onLog'>) {
    this.runner = createPiscinaRunner({
      ...options,
      onLog: (line) => {
        this.logs.push(line);
        this.#wake();
      },
    });
    this.runner.onResults((results) => {
      for (const result of results)
        this.answers.set(result.key, [...(this.answers.get(result.key) ?? []), result]);
      this.#wake();
    });
  }

  task(options: TaskOptions): RunnerTask {
    const { definition, plan, params, inputs, ...rest } = options;
    const key = ++this.#lastKey;
    return {
      key,
      executionId: `0190c5a8-7a3b-7000-8000-${String(key).padStart(12, '0')}` as ExecutionId,
      plan: plan ?? planOf({ id: 'only', handler: 'echo', ...definition }),
      node: 0,
      attempt: 1,
      queuedAt: 0,
      idempotencyKey: `key-${key}`,
      params: json(params ?? {}),
      inputs: Object.entries(inputs ?? {}).map(([node, output]) => ({
        node: Number(node),
        output: json(output),
      })),
      timeoutMs: BOUND_MS,
      alone: false,
      ...rest,
    };
  }

  /** Runs the tasks; resolves with their outcomes, in order, once all are answered. */
  async run(...tasks: readonly RunnerTask[]): Promise<RunnerOutcome[]> {
    this.runner.run(tasks);
    return this.outcomes(tasks);
  }

  async outcomes(tasks: readonly RunnerTask[]): Promise<RunnerOutcome[]> {
    await this.until(() => tasks.every(({ key }) => this.answers.has(key)), 'all tasks to be answered');
    return tasks.map(({ key }) => this.outcomeOf(key));
  }

  outcomeOf(key: number): RunnerOutcome {
    const result = this.answers.get(key)?.[0];
    if (result === undefined) throw new Error(`task ${key} was not answered`);
    return result.outcome;
  }

  /** Resolves once a handler has logged this message, `times` times in all. */
  async untilLogged(message: string, times = 1): Promise<void> {
    await this.until(
      () => this.logs.filter((line) => line.message === message).length >= times,
      `log: ${message}`,
    );
  }

  /** Checks the condition whenever an answer or a log line arrives. */
  async until(condition: () => boolean, what: string): Promise<void> {
    if (condition()) return;
    await new Promise<void>((resolve, reject) => {
      const settle = (settled: () => void) => {
        clearTimeout(timer);
        this.#watchers.delete(check);
        settled();
      };
      const check = () => {
        if (condition()) settle(resolve);
      };
      const timer = setTimeout(() => settle(() => reject(new Error(`waited in vain for ${what}`))), BOUND_MS);
      this.#watchers.add(check);
    });
  }

  #wake(): void {
    for (const check of this.#watchers) check();
  }
}

/** A started runner; `files` become its directory of handlers. */
export async function startRunner(test: TestContext, options: FixtureOptions = {}): Promise<RunnerFixture> {
  const fixture = await createRunner(test, options);
  await fixture.runner.start();
  return fixture;
}

export async function createRunner(test: TestContext, options: FixtureOptions = {}): Promise<RunnerFixture> {
  const { files, ...rest } = options;
  const handlersDir = files === undefined ? undefined : await writeHandlers(test, files);
  const fixture = new RunnerFixture({
    threads: 1,
    concurrency: 16,
    memoryLimitMb: 128,
    abortGraceMs: 100,
    maxOutputBytes: 1 << 20,
    secrets: {},
    services: {
      simulateServices: false,
      simulatedLatency: 0,
      llmBaseUrl: '',
      llmApiKey: '',
      llmModel: 'small',
      outbound: { allowPrivate: true, allowHosts: [] },
    },
    circuits: CIRCUITS,
    ...rest,
    handlersDir,
  });
  test.after(() => fixture.runner.close());
  return fixture;
}

async function writeHandlers(test: TestContext, files: HandlerFiles): Promise<string> {
  const directory = await mkdtemp(path.join(tmpdir(), 'millrace-handlers-'));
  test.after(() => rm(directory, { recursive: true, force: true }));
  await Promise.all(Object.entries(files).map(([name, text]) => writeFile(path.join(directory, name), text)));
  return directory;
}

export function planOf(...nodes: NodeDefinition[]): Plan {
  return compilePlan({ name: 'fixture', dag: { nodes } });
}

export function json(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value));
}

/** The output of a completed task. */
export function outputOf(outcome: RunnerOutcome | undefined): unknown {
  if (outcome?.kind !== 'completed') throw new Error(`not completed: ${JSON.stringify(outcome)}`);
  return outcome.output === undefined ? undefined : JSON.parse(Buffer.from(outcome.output).toString());
}

/** Code of a failed task. */
export function codeOf(outcome: RunnerOutcome | undefined): string {
  if (outcome?.kind !== 'failed') throw new Error(`not failed: ${JSON.stringify(outcome)}`);
  return outcome.fault.code;
}
