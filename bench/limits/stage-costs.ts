import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createApiClient } from '../../src/testing/api-client.js';
import type { Table } from '../report/table.js';
import { figure } from '../report/table.js';
import { runBench } from '../runs/bench-run.js';
import type { EngineGroup } from '../runs/engine-group.js';
import { startEngineGroup } from '../runs/engine-group.js';
import { type BenchCase, nameOfCase, type RunSettings } from '../runs/run-settings.js';
import { readStages, STAGES, type Stage } from './stage-profile.js';

/** Microseconds a workflow by stage, and of each script of Redis: its calls and the time from sending to reply. */
export interface StageCosts {
  readonly benchCase: BenchCase;
  readonly micros: Readonly<Record<Stage, number>>;
  readonly scripts: readonly ScriptCost[];
}

interface ScriptCost {
  readonly name: string;
  readonly callsPerWorkflow: number;
  readonly meanMs: number;
}

/** One run under the profiler of V8. The profile covers the process from its start to its end. */
export async function measureStages(benchCase: BenchCase, settings: RunSettings): Promise<StageCosts> {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-profile-'));
  try {
    let executions = 0;
    let scripts: ScriptCost[] = [];
    const source = {
      take: (): Promise<EngineGroup> =>
        startEngineGroup({
          ...{ store: benchCase.store, fsync: benchCase.fsync, hosts: 1, settings: {} },
          nodeArguments: ['--cpu-prof', `--cpu-prof-dir=${directory}`],
        }),
      async giveBack(group: EngineGroup): Promise<void> {
        executions = group.expect(0);
        scripts = await readScripts(group, executions);
        await group.stop();
      },
    };
    await runBench(source, { benchCase, settings, rate: 0 });
    const totals = await readStages(directory);
    const micros = Object.fromEntries(STAGES.map((stage) => [stage, totals[stage] / executions]));
    return { benchCase, micros: micros as Record<Stage, number>, scripts };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function readScripts({ hosts }: EngineGroup, executions: number): Promise<ScriptCost[]> {
  const [host] = hosts;
  if (!host) return [];
  const text = await createApiClient(host.baseUrl).metrics();
  const sums = new Map<string, number>();
  for (const [, name = '', seconds] of text.matchAll(
    /^millrace_store_script_seconds_sum\{script="(\w+)"\} (\S+)/gm,
  ))
    sums.set(name, Number(seconds));
  return [...text.matchAll(/^millrace_store_script_seconds_count\{script="(\w+)"\} (\S+)/gm)]
    .map(([, name = '', count]) => ({
      name,
      callsPerWorkflow: Number(count) / executions,
      meanMs: ((sums.get(name) ?? 0) * 1000) / Number(count),
    }))
    .filter(({ callsPerWorkflow }) => callsPerWorkflow > 0);
}

export function stageTables(costs: readonly StageCosts[]): Table[] {
  return [
    {
      title: "The engine's CPU by stage, in microseconds a workflow",
      columns: ['case', ...STAGES],
      rows: costs.map(({ benchCase, micros }) => [
        nameOfCase(benchCase),
        ...STAGES.map((stage) => figure(micros[stage])),
      ]),
      note: 'From V8\'s profiler, which slows the engine itself, so the shares count more than the sums. The main thread\'s frames by file and caller; "run" is the worker threads.',
    },
    {
      title: 'Scripts of Redis',
      columns: ['case', 'script', 'calls a workflow', 'mean ms'],
      rows: costs.flatMap(({ benchCase, scripts }) =>
        scripts.map(({ name, callsPerWorkflow, meanMs }) => [
          nameOfCase(benchCase),
          name,
          figure(callsPerWorkflow),
          figure(meanMs),
        ]),
      ),
      note: 'From sending to the reply, as the engine sees it: with the queue of Redis, its sync, and the turn of the event loop in it.',
    },
  ];
}
