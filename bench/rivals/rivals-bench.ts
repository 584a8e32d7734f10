import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { printFacts, publish, readFacts } from '../report/publish.js';
import { median, spreadText } from '../report/statistics.js';
import { figure, type Table } from '../report/table.js';
import { runBench } from '../runs/bench-run.js';
import { FSYNCS, type Fsync } from '../runs/bench-store.js';
import { freshHosts } from '../runs/host-source.js';
import { type BenchCase, nameOfCase, type RunSettings } from '../runs/run-settings.js';
import { readScenario } from '../runs/scenarios.js';
import { bullmq } from './bullmq-rival.js';
import { restate } from './restate-rival.js';
import type { Rival, RivalResult } from './rival.js';

const RIVALS: readonly Rival[] = [bullmq, restate];
const DIRECTORY = fileURLToPath(new URL('./', import.meta.url));

/** A rival and us, in turns. */
interface Duel {
  readonly rival: Rival;
  readonly ours: BenchCase;
  readonly rounds: { readonly ours: RivalResult; readonly theirs: RivalResult }[];
}

/** `npm run bench -- rivals`: ours, theirs, ours, theirs … on the same shapes. */
export async function benchRivals(args: readonly string[], command: string): Promise<void> {
  const { duels, settings, runs } = readOptions(args);
  install();
  const facts = {
    ...readFacts(command),
    runs: `${runs} of each, ours and theirs in turns, ${settings.seconds} s each`,
    ours: `the batch endpoint, ${settings.batchSize} a request, ${settings.connections} connections; everything recorded in PostgreSQL`,
    ...Object.fromEntries(RIVALS.map((rival) => [rival.name, `${versionOf(rival)}: ${rival.settings}`])),
  };
  printFacts(facts);
  for (let round = 1; round <= runs; round += 1) {
    for (const duel of duels) {
      const ours = await runOurs(duel.ours, settings);
      const theirs = await duel.rival.run({
        parents: parentsOf(duel.ours.scenario),
        ...{ fsync: duel.ours.fsync, warmupSeconds: settings.warmupSeconds, seconds: settings.seconds },
      });
      duel.rounds.push({ ours, theirs });
      console.error(
        `round ${round}/${runs}: ${nameOfCase(duel.ours)}: ours ${figure(ours.workflowsPerSecond)}/s, ${duel.rival.name} ${figure(theirs.workflowsPerSecond)}/s`,
      );
    }
  }
  await publish('rivals', {
    ...{ title: 'Millrace and others', facts, plots: [], tables: [ratioTable(duels), cpuTable(duels)] },
    runs: duels.map(({ rival, ours, rounds }) => ({ rival: rival.name, ours, rounds })),
  });
}

function readOptions(args: readonly string[]) {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rival: { type: 'string', default: 'bullmq,restate' },
      scenario: { type: 'string', default: 'two-node,five-node,twenty-node' },
      fsync: { type: 'string', default: 'always' },
      runs: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '10' },
      warmup: { type: 'string', default: '2' },
      'batch-size': { type: 'string', default: '100' },
    },
  });
  const settings: RunSettings = {
    ...{ seconds: Number(values.seconds), warmupSeconds: Number(values.warmup) },
    ...{ batchSize: Number(values['batch-size']), connections: 32, aloneCount: 1, seed: 1 },
  };
  const wanted = values.rival.split(',');
  const rivals = RIVALS.filter(({ name }) => wanted.includes(name.toLowerCase()));
  const fsyncs = FSYNCS.filter((fsync) => values.fsync.split(',').includes(fsync));
  if (rivals.length !== wanted.length || fsyncs.length === 0 || !(settings.seconds > 0))
    throw new Error(
      `npm run bench -- rivals [--rival bullmq,restate] [--scenario …] [--fsync ${FSYNCS.join()}] [--runs 5] [--seconds 10]`,
    );
  const duels = values.scenario
    .split(',')
    .flatMap((scenario) => rivals.flatMap((rival) => duelsOf(rival, scenario, fsyncs)));
  return { duels, settings, runs: Number(values.runs) };
}

/** Restate has no Redis: it meets ours at full durability. */
function duelsOf(rival: Rival, scenario: string, fsyncs: readonly Fsync[]): Duel[] {
  return (rival === restate ? (['always'] as const) : fsyncs).map((fsync) => ({
    rival,
    ours: { scenario, store: 'distributed', hosts: 1, fsync, payload: 'small', load: 'batch' },
    rounds: [],
  }));
}

/** The rivals' packages are no dependency of ours; they are installed below this folder, by its own lockfile. */
function install(): void {
  if (existsSync(`${DIRECTORY}node_modules/.package-lock.json`)) return;
  console.error('installing the rivals …');
  execFileSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], {
    cwd: DIRECTORY,
    stdio: 'inherit',
  });
}

function versionOf({ name }: Rival): string {
  const packageName = name === 'BullMQ' ? 'bullmq' : '@restatedev/restate-server-linux-x64';
  const text = execFileSync('npm', ['ls', packageName, '--depth=0', '--parseable', '--long'], {
    cwd: DIRECTORY,
    encoding: 'utf8',
  });
  return /@(\d+\.\d+\.\d+)/.exec(text)?.[1] ?? 'absent';
}

function parentsOf(scenario: string): number[][] {
  const { nodes } = readScenario(scenario, { payload: 'small', seed: 1 }).definition.dag;
  const indexById = new Map(nodes.map(({ id }, index) => [id, index]));
  return nodes.map(({ dependencies = [] }) => dependencies.map((id) => indexById.get(id) ?? 0));
}

async function runOurs(benchCase: BenchCase, settings: RunSettings): Promise<RivalResult> {
  const { workflowsPerSecond, cpuMicros } = await runBench(freshHosts, { benchCase, settings, rate: 0 });
  return { workflowsPerSecond, cpuMicros };
}

function ratioTable(duels: readonly Duel[]): Table {
  return {
    title: 'Workflows a second, ours against theirs',
    columns: ['shape', 'durability', 'against', 'ours', 'theirs', 'ratio'],
    rows: duels.map(({ rival, ours, rounds }) => [
      ours.scenario,
      rival === restate ? 'its defaults' : `appendfsync ${ours.fsync}`,
      rival.name,
      spreadText(rounds.map((round) => round.ours.workflowsPerSecond)),
      spreadText(rounds.map((round) => round.theirs.workflowsPerSecond)),
      spreadText(rounds.map((round) => round.ours.workflowsPerSecond / round.theirs.workflowsPerSecond)),
    ]),
    note: 'Median (least–most); a ratio is that of two runs one after the other. A BullMQ flow is a tree, so in its five-node shape the root stands before one of the three only, and no job reads what those before it returned; neither keeps a record of what ended.',
  };
}

function cpuTable(duels: readonly Duel[]): Table {
  const text = (results: readonly RivalResult[]): string =>
    Object.keys(results[0]?.cpuMicros ?? {})
      .map((name) => `${name} ${figure(median(results.map(({ cpuMicros }) => cpuMicros[name] ?? 0)))}`)
      .join(', ');
  return {
    title: 'CPU in microseconds a workflow',
    columns: ['shape', 'against', 'ours', 'theirs'],
    rows: duels.map(({ rival, ours, rounds }) => [
      nameOfCase(ours),
      rival.name,
      text(rounds.map((round) => round.ours)),
      text(rounds.map((round) => round.theirs)),
    ]),
  };
}
