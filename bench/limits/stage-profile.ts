import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** What the engine's CPU is spent on, from a request to the record. `run`: the worker threads, whole. */
export const STAGES = [
  'http',
  'submit',
  'dispatch',
  'run',
  'advance',
  'archive',
  'redis driver',
  'collector',
  'start and rest',
] as const;
export type Stage = (typeof STAGES)[number];

interface ProfileNode {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string };
  readonly children?: readonly number[];
}

/** As V8 writes it (--cpu-prof). */
interface CpuProfile {
  readonly nodes: readonly ProfileNode[];
  readonly samples: readonly number[];
  /** Microseconds before each sample. */
  readonly timeDeltas: readonly number[];
}

/**
 * Which stage a frame belongs to, by its file below dist/ and its function; the first rule that fits. A frame without a stage counts
 * to that of its caller: JSON.parse to the route that called it, a driver to the store's verb.
 */
const RULES: readonly (readonly [file: RegExp, name: RegExp, stage: Stage])[] = [
  [/store\/embedded\//, /^(submit|start|cancel|#?submit\w*|#?start\w*)$/, 'submit'],
  [/store\/embedded\//, /^#?(advance|apply)\w*$/, 'advance'],
  [/store\/embedded\//, /^#?(lease)\w*$/, 'dispatch'],
  [/store\/embedded\//, /^#?(takeOutbox|acknowledgeOutbox|record)\w*$/, 'archive'],
  [
    /engine\/archiver|store\/postgres\/|node_modules\/pg|store\/redis\/(outbox|execution-reader)|embedded-history/,
    /./,
    'archive',
  ],
  [/engine\/completer|store\/redis\/advanc/, /./, 'advance'],
  [
    /engine\/dispatcher|src\/runner\/|store\/redis\/(task-leasing|lease|held)|node_modules\/piscina/,
    /./,
    'dispatch',
  ],
  [
    /engine\/submitter|store\/redis\/(submitting|starting)|model\/(parse-submission|compile-plan|canonical)|engine\/plan-cache/,
    /./,
    'submit',
  ],
  [/src\/http\//, /./, 'http'],
  [/node_modules\/(@?ioredis|redis-parser)/, /./, 'redis driver'],
];

/** Microseconds of CPU by stage, of all profiles in a directory: one of the main thread, one of each worker thread. */
export async function readStages(directory: string): Promise<Readonly<Record<Stage, number>>> {
  const totals = Object.fromEntries(STAGES.map((stage) => [stage, 0])) as Record<Stage, number>;
  for (const file of await readdir(directory)) {
    if (!file.endsWith('.cpuprofile')) continue;
    const profile = JSON.parse(await readFile(join(directory, file), 'utf8')) as CpuProfile;
    for (const [stage, micros] of stagesOf(profile)) totals[stage] += micros;
  }
  return totals;
}

export function stagesOf(profile: CpuProfile): ReadonlyMap<Stage, number> {
  const isWorker = profile.nodes.some(({ callFrame }) => callFrame.url.endsWith('/workers/task-worker.js'));
  const stages = stageByNode(profile);
  const totals = new Map<Stage, number>();
  for (const [index, id] of profile.samples.entries()) {
    const own = stages.get(id);
    if (own === undefined) continue;
    const stage = isWorker && own !== 'collector' ? 'run' : own;
    totals.set(stage, (totals.get(stage) ?? 0) + (profile.timeDeltas[index] ?? 0));
  }
  return totals;
}

/** Of each node of the tree; undefined where the thread slept. */
function stageByNode({ nodes }: CpuProfile): ReadonlyMap<number, Stage | undefined> {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const stages = new Map<number, Stage | undefined>();
  const visit = (node: ProfileNode, inherited: Stage): void => {
    const { functionName } = node.callFrame;
    const own = ruleFor(node) ?? inherited;
    stages.set(
      node.id,
      functionName === '(idle)' ? undefined : functionName === '(garbage collector)' ? 'collector' : own,
    );
    for (const id of node.children ?? []) {
      const child = byId.get(id);
      if (child) visit(child, own);
    }
  };
  const [root] = nodes;
  if (root) visit(root, 'start and rest');
  return stages;
}

function ruleFor({ callFrame: { url, functionName } }: ProfileNode): Stage | undefined {
  return RULES.find(([file, name]) => file.test(url) && name.test(functionName || '-'))?.[2];
}
